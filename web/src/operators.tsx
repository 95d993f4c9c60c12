/** Where the time of a training step goes, by operator of its plan. Not what a plan says that it costs: it was measured. */
import type { RunEvent } from "../../cli/demo/run-events";

/** Rows; what is shorter is one row more. */
const MOST = 8;

export function Operators({ measured }: { readonly measured: Extract<RunEvent, { type: "operators" }> | undefined }) {
  if (!measured) return <p class="hint">While the model is trained, the parties measure some of the steps.</p>;
  const { runs, operators } = measured;
  const rest = operators.slice(MOST);
  const sum = (of: "seconds" | "waiting") => rest.reduce((total, each) => total + each[of], 0);
  const rows = operators.slice(0, MOST);
  if (rest.length > 0) rows.push({ op: `${rest.length} others`, seconds: sum("seconds"), waiting: sum("waiting") });
  const longest = Math.max(...rows.map(({ seconds, waiting }) => seconds + waiting), 1e-9);
  const milliseconds = (seconds: number) => `${((1000 * seconds) / runs).toFixed(2)} ms`;
  return (
    <table class="operators">
      <caption>
        Time by operator of a training step, at the slowest party; mean of {runs} measured{" "}
        {runs === 1 ? "step" : "steps"}
      </caption>
      <thead>
        <tr>
          <th scope="col">Operator</th>
          <th scope="col">Computing</th>
          <th scope="col">Waiting</th>
          <td aria-hidden="true" />
        </tr>
      </thead>
      <tbody>
        {rows.map(({ op, seconds, waiting }) => (
          <tr key={op}>
            <th scope="row">{op}</th>
            <td>{milliseconds(seconds)}</td>
            <td>{milliseconds(waiting)}</td>
            <td aria-hidden="true">
              <span class="bar">
                <span style={{ width: `${(100 * (seconds + waiting)) / longest}%` }} />
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
