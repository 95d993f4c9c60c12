/** The run as it goes on: how far it is, loss and accuracy, what each party has sent. */
import { Chart } from "./chart";
import { type RunState, summary } from "./run-state";
import { bytesText } from "./text";

export function Run({ state, connected }: { readonly state: RunState; readonly connected: boolean }) {
  const { start, sharing, batches, accuracies, model } = state;
  const last = batches.at(-1);
  const done = last ? last.done / last.of : sharing ? 0 : undefined;
  return (
    <>
      <p role="status" aria-live="off" class="summary">
        {summary(state)}
      </p>
      {!connected && (
        <p class="hint">The program that trains cannot be reached; what is shown is what was known last.</p>
      )}
      {done !== undefined && !model && (
        <progress
          max={1}
          value={last ? done : sharing!.done / sharing!.of}
          aria-label={last ? "Training" : "Sharing of data"}
        />
      )}
      {batches.length > 1 && <Chart batches={batches} accuracies={accuracies} label={summary(state)} />}
      {last && start && (
        <table>
          <caption>Sent while training</caption>
          <thead>
            <tr>
              <th scope="col">Party</th>
              <th scope="col">In all</th>
              <th scope="col">A batch</th>
            </tr>
          </thead>
          <tbody>
            {start.members.map(({ name, deals }, i) => (
              <tr key={name}>
                <th scope="row">{deals ? `${name} (deals)` : name}</th>
                <td>{bytesText(last.sent[i] ?? 0)}</td>
                <td>{bytesText((last.sent[i] ?? 0) / last.done)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {last && (
        <p>
          {last.rounds.toLocaleString("en")} rounds in all; {((1000 * last.seconds) / last.done).toFixed(0)} ms and{" "}
          {Math.round(last.rounds / last.done)} rounds a batch.
        </p>
      )}
    </>
  );
}
