/** Follows the run by server-sent events; the browser reconnects by itself. */
import { useEffect, useState } from "preact/hooks";
import type { RunEvent } from "../../cli/demo/run-events";
import { after, nothingYet, type RunState } from "./run-state";

export interface Run {
  readonly state: RunState;
  /** Whether the program that trains can be reached. */
  readonly connected: boolean;
}

export function useRun(): Run {
  const [run, setRun] = useState<Run>({ state: nothingYet, connected: true });
  useEffect(() => {
    const source = new EventSource("/events");
    // Events come in hundreds when the page is opened late; each frame draws once.
    let waiting: RunEvent[] = [];
    let frame = 0;
    source.onmessage = ({ data }) => {
      waiting.push(JSON.parse(data) as RunEvent);
      frame ||= requestAnimationFrame(() => {
        const events = waiting;
        waiting = [];
        frame = 0;
        setRun(({ state }) => ({ state: events.reduce(after, state), connected: true }));
      });
    };
    source.onopen = () => setRun((known) => ({ ...known, connected: true }));
    source.onerror = () => setRun((known) => ({ ...known, connected: false }));
    return () => {
      source.close();
      cancelAnimationFrame(frame);
    };
  }, []);
  return run;
}
