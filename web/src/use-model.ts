/** Asks the parties from this page, and keeps what the page shows of it: the answer, the shares, traffic and time. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { RunEvent } from "../../cli/demo/run-events";
import { connectModel, type Prediction, type RemoteModel, SecretgradError, type SplitInput } from "../../src/browser";
import { centred, type Drawing, normalised } from "./digit";

export interface Traffic {
  readonly sent: number;
  readonly received: number;
}
export interface Asked {
  readonly prediction: Prediction;
  /** 28 x 28, from 0 to 1: what was shared. */
  readonly image: Float32Array;
  readonly split: SplitInput;
  /** Of this query, by party. */
  readonly traffic: readonly Traffic[];
  readonly milliseconds: number;
}
export type Asking =
  | { readonly state: "idle" }
  | { readonly state: "asking" }
  | { readonly state: "answered"; readonly asked: Asked }
  | { readonly state: "failed"; readonly message: string };

type Served = Extract<RunEvent, { type: "model" }>;

export function useModel(served: Served | undefined): {
  readonly asking: Asking;
  ask(drawing: Drawing): Promise<void>;
  forget(): void;
} {
  const [asking, setAsking] = useState<Asking>({ state: "idle" });
  const split = useRef<SplitInput | undefined>(undefined);
  const traffic = useRef<Traffic[]>([]);
  const model = useRef<{ readonly to: Served; readonly opening: Promise<RemoteModel> } | undefined>(undefined);
  const busy = useRef(false);

  const close = () => {
    void model.current?.opening.then((open) => open.close()).catch(() => {});
    model.current = undefined;
  };
  useEffect(() => close, []);

  const connected = (to: Served): Promise<RemoteModel> => {
    if (model.current?.to === to) return model.current.opening;
    close();
    const opening = connectModel(to.invitation, {
      insecure: to.insecure,
      retries: 2,
      onSplit: (made) => {
        split.current = made;
      },
      onTraffic: (party, direction, bytes) => {
        const counts = traffic.current[party] ?? { sent: 0, received: 0 };
        traffic.current[party] = { ...counts, [direction]: counts[direction] + bytes };
      },
    });
    model.current = { to, opening };
    opening.catch(() => {
      if (model.current?.opening === opening) model.current = undefined;
    });
    return opening;
  };

  const ask = async (drawing: Drawing): Promise<void> => {
    if (!served || busy.current) return;
    const image = centred(drawing);
    if (!image) return setAsking({ state: "failed", message: "Nothing is drawn yet. Draw a digit first." });
    busy.current = true;
    setAsking({ state: "asking" });
    try {
      const open = await connected(served);
      traffic.current = served.invitation.parties.map(() => ({ sent: 0, received: 0 }));
      const began = performance.now();
      const prediction = await open.predict(normalised(image));
      const milliseconds = performance.now() - began;
      const asked = { prediction, image, split: split.current!, traffic: traffic.current, milliseconds };
      setAsking({ state: "answered", asked });
    } catch (error) {
      const message = error instanceof SecretgradError ? error.message : `unexpected: ${String(error)}`;
      setAsking({ state: "failed", message });
    } finally {
      busy.current = false;
    }
  };
  return { asking, ask, forget: () => setAsking({ state: "idle" }) };
}
