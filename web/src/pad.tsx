/** Where a digit is drawn: by pointer, or by keys. Hands out pixels; knows no model. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Drawing } from "./digit";

const SIDE = 280;
/** As wide, relative to a digit, as the strokes of MNIST. */
const PEN = 22;
/** One press of an arrow. */
const STEP = 10;

interface PadProps {
  /** Why nothing can be asked yet. */
  readonly waitingFor: string | undefined;
  readonly asking: boolean;
  ask(drawing: Drawing): void;
  cleared(): void;
}

export function Pad({ waitingFor, asking, ask, cleared }: PadProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const last = useRef<readonly [number, number] | undefined>(undefined);
  const [cursor, setCursor] = useState({ x: SIDE / 2, y: SIDE / 2, down: false });
  const [said, say] = useState("");
  const [byKeys, setByKeys] = useState(false);
  const context = () => canvas.current!.getContext("2d", { willReadFrequently: true })!;

  useEffect(() => {
    const pen = context();
    pen.lineWidth = PEN;
    pen.lineCap = "round";
    pen.lineJoin = "round";
  }, []);

  const line = (from: readonly [number, number], to: readonly [number, number]) => {
    const pen = context();
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  };
  const place = (event: PointerEvent): readonly [number, number] => {
    const { left, top, width, height } = canvas.current!.getBoundingClientRect();
    return [((event.clientX - left) * SIDE) / width, ((event.clientY - top) * SIDE) / height];
  };
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    canvas.current!.setPointerCapture(event.pointerId);
    last.current = place(event);
    line(last.current, last.current);
    setByKeys(false);
  };
  const move = (event: PointerEvent) => {
    if (!last.current) return;
    // A fast pen moves several times between two frames.
    for (const each of event.getCoalescedEvents?.() ?? []) {
      const to = place(each);
      line(last.current, to);
      last.current = to;
    }
    const to = place(event);
    line(last.current, to);
    last.current = to;
  };
  const up = () => {
    last.current = undefined;
  };

  const clear = () => {
    context().clearRect(0, 0, SIDE, SIDE);
    setCursor({ x: SIDE / 2, y: SIDE / 2, down: false });
    say("Cleared.");
    cleared();
  };
  const send = () => {
    const { data } = context().getImageData(0, 0, SIDE, SIDE);
    const ink = Float32Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i + 3]! / 255);
    ask({ ink, width: SIDE, height: SIDE });
  };
  const write = (digit: string) => {
    const pen = context();
    pen.clearRect(0, 0, SIDE, SIDE);
    pen.font = `${SIDE * 0.8}px sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(digit, SIDE / 2, SIDE / 2);
    say(`A printed ${digit} is drawn. Enter asks.`);
    cleared();
  };
  const key = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowLeft: [-STEP, 0],
      ArrowRight: [STEP, 0],
      ArrowUp: [0, -STEP],
      ArrowDown: [0, STEP],
    };
    const step = moves[event.key];
    const within = (at: number) => Math.min(SIDE - PEN / 2, Math.max(PEN / 2, at));
    if (step) {
      const to = { ...cursor, x: within(cursor.x + step[0]), y: within(cursor.y + step[1]) };
      if (cursor.down) line([cursor.x, cursor.y], [to.x, to.y]);
      setCursor(to);
    } else if (event.key === " ") {
      if (!cursor.down) line([cursor.x, cursor.y], [cursor.x, cursor.y]);
      setCursor({ ...cursor, down: !cursor.down });
      say(cursor.down ? "Pen up." : "Pen down: arrows draw.");
    } else if (event.key === "Enter") {
      if (waitingFor) say(waitingFor);
      else send();
    } else if (event.key === "Delete" || event.key === "Backspace") clear();
    else if (/^[0-9]$/.test(event.key)) write(event.key);
    else return;
    setByKeys(true);
    event.preventDefault();
  };

  return (
    <div class="pad">
      <div class="paper">
        {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: keys draw here, so screen readers must pass them on */}
        <canvas
          ref={canvas}
          width={SIDE}
          height={SIDE}
          tabIndex={0}
          role="application"
          aria-label="Drawing area"
          aria-describedby="pad-help"
          onPointerDown={down}
          onPointerMove={move}
          onPointerUp={up}
          onPointerCancel={up}
          onKeyDown={key}
        />
        {byKeys && (
          <span
            class={cursor.down ? "cursor down" : "cursor"}
            style={{ left: `${(100 * cursor.x) / SIDE}%`, top: `${(100 * cursor.y) / SIDE}%` }}
            aria-hidden="true"
          />
        )}
      </div>
      <p id="pad-help" class="hint">
        Draw with a mouse, pen or finger. With keys: a digit writes it in print; arrows move the pen, space puts it down
        or up; Enter asks, Delete clears.
      </p>
      <div class="buttons">
        <button type="button" class="main" onClick={send} disabled={waitingFor !== undefined || asking}>
          Ask the parties
        </button>
        <button type="button" onClick={clear}>
          Clear
        </button>
      </div>
      <p class="hint">{waitingFor}</p>
      <p class="unseen" aria-live="polite">
        {said}
      </p>
    </div>
  );
}
