/** What the page knows of the run, from its events. A pure function of them; not the connection. */
import type { RunEvent } from "../../cli/demo/run-events";

type Of<T extends RunEvent["type"]> = Extract<RunEvent, { type: T }>;
export interface RunState {
  readonly start?: Of<"start">;
  readonly sharing?: Of<"sharing">;
  readonly batches: readonly Of<"batch">[];
  readonly accuracies: readonly Of<"accuracy">[];
  readonly operators?: Of<"operators">;
  readonly model?: Of<"model">;
  readonly failure?: string;
}

export const nothingYet: RunState = { batches: [], accuracies: [] };

export function after(state: RunState, event: RunEvent): RunState {
  switch (event.type) {
    case "start":
      return { ...nothingYet, start: event };
    case "sharing":
      return { ...state, sharing: event };
    case "batch":
      return { ...state, batches: [...state.batches, event] };
    case "operators":
      return { ...state, operators: event };
    case "accuracy":
      return { ...state, accuracies: [...state.accuracies, event] };
    case "model":
      return { ...state, model: event };
    case "failed":
      return { ...state, failure: event.message };
  }
}

/** One sentence for people who do not see the curves. */
export function summary({ start, sharing, batches, accuracies, model, failure }: RunState): string {
  if (failure !== undefined) return `The run failed: ${failure}`;
  const last = batches.at(-1);
  const accuracy = accuracies.at(-1);
  const read = accuracy ? ` ${accuracy.percent} % of ${accuracy.images} secret test images are read correctly.` : "";
  if (model && !last) return "The model is served.";
  if (last && (model || last.done === last.of))
    return `Trained on ${last.of} batches in ${Math.round(last.seconds)} s.${read}`;
  if (last) return `Training: batch ${last.done} of ${last.of}, ${secondsLeft(last)} s left.${read}`;
  if (sharing) return `Owners share their data: ${sharing.done} of ${sharing.of} images.`;
  return start ? "The parties are starting." : "Waiting for the run.";
}

const secondsLeft = ({ done, of, seconds }: Of<"batch">): number => Math.round((seconds / done) * (of - done));

/** The loss as it is shown: a moving mean, since batches differ by luck. */
export function smoothed(batches: readonly Of<"batch">[]): number[] {
  let mean = batches[0]?.loss ?? 0;
  return batches.map(({ loss }) => {
    mean = 0.95 * mean + 0.05 * loss;
    return mean;
  });
}
