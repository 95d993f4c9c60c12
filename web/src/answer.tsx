/** What the model said, in words first. Not how it was asked. */
import type { Asking } from "./use-model";

export function Answer({ asking }: { readonly asking: Asking }) {
  return (
    <div class="answer">
      <p class="verdict" role="status" aria-live="polite">
        {sentence(asking)}
      </p>
      {asking.state === "failed" && (
        <p class="alert" role="alert">
          {asking.message}
        </p>
      )}
      {asking.state === "answered" && asking.asked.prediction.scores && (
        <Scores scores={asking.asked.prediction.scores} best={asking.asked.prediction.class} />
      )}
    </div>
  );
}

function sentence(asking: Asking): string {
  switch (asking.state) {
    case "idle":
      return "No answer yet.";
    case "asking":
      return "The parties compute …";
    case "failed":
      return "There is no answer.";
    case "answered": {
      const { class: digit, label } = asking.asked.prediction;
      return `It reads a ${label ?? digit}.`;
    }
  }
}

function Scores({ scores, best }: { readonly scores: Float64Array; readonly best: number }) {
  // Scores are no probabilities: bars go from the smallest to the largest.
  const least = Math.min(...scores);
  const range = Math.max(...scores) - least || 1;
  return (
    <table class="scores">
      <caption>The model's scores, put together in this page</caption>
      <thead class="unseen">
        <tr>
          <th scope="col">Digit</th>
          <th scope="col">Score</th>
        </tr>
      </thead>
      <tbody>
        {[...scores].map((score, digit) => (
          <tr key={digit} class={digit === best ? "best" : undefined}>
            <th scope="row">{digit}</th>
            <td>
              <span class="bar" aria-hidden="true">
                <span style={{ width: `${(100 * (score - least)) / range}%` }} />
              </span>
              {score.toFixed(2).replace(/^-(?=[0.]+$)/, "")}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
