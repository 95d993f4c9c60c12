/** The input of a query as each party got it, and what the query cost. Not the answer. */
import { useEffect, useRef } from "preact/hooks";
import type { Member, QueryCost } from "../../cli/demo/run-events";
import { SIDE } from "./digit";
import { bytesText } from "./text";
import type { Asked } from "./use-model";

interface SharesProps {
  readonly asked: Asked | undefined;
  readonly members: readonly Member[];
  readonly cost: QueryCost | undefined;
}

export function Shares({ asked, members, cost }: SharesProps) {
  const parties = members.filter(({ deals }) => !deals).map(({ name }) => name);
  const named = (numbers: readonly number[]) =>
    numbers.map((party) => parties[party] ?? `party ${party}`).join(" and ");
  if (!asked)
    return (
      <p class="hint">
        When you ask, this page shows the shares that each party gets of your drawing, and no party more.
      </p>
    );
  const { split, image, traffic, milliseconds } = asked;
  return (
    <>
      <div class="images">
        <Picture bytes={Uint8Array.from(image, (value) => 255 * value)} label="What you drew, in 28 by 28 pixels">
          What you drew: in this page only
        </Picture>
        {split.shares.map((share, i) => (
          <Picture key={i} bytes={highBytes(share)} label={`Share ${i + 1} as an image: noise`}>
            Share {i + 1}: to {named(split.holders[i]!)}
          </Picture>
        ))}
      </div>
      <table>
        <caption>This query</caption>
        <thead>
          <tr>
            <th scope="col">Party</th>
            <th scope="col">From you</th>
            <th scope="col">To you</th>
            {cost && <th scope="col">To other parties</th>}
          </tr>
        </thead>
        <tbody>
          {members.map(({ name, deals }, i) => (
            <tr key={name}>
              <th scope="row">{deals ? `${name} (deals)` : name}</th>
              <td>{bytesText(traffic[i]?.sent ?? 0)}</td>
              <td>{bytesText(traffic[i]?.received ?? 0)}</td>
              {cost && <td>{bytesText(cost.bytes[i] ?? 0)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        {milliseconds.toFixed(0)} ms from here and back
        {cost && `; ${cost.rounds} rounds among the parties`}.
      </p>
    </>
  );
}

/** The topmost byte of each 64-bit word: uniform, like all others. */
const highBytes = (share: Uint8Array): Uint8Array =>
  Uint8Array.from({ length: share.length / 8 }, (_, i) => share[8 * i + 7]!);

interface PictureProps {
  /** 28 x 28; 255 is ink. */
  readonly bytes: Uint8Array;
  readonly label: string;
  readonly children: preact.ComponentChildren;
}
function Picture({ bytes, label, children }: PictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const image = new ImageData(SIDE, SIDE);
    bytes.forEach((byte, i) => {
      image.data.fill(255 - byte, 4 * i, 4 * i + 3);
      image.data[4 * i + 3] = 255;
    });
    canvas.current!.getContext("2d")!.putImageData(image, 0, 0);
  }, [bytes]);
  return (
    <figure>
      <canvas ref={canvas} width={SIDE} height={SIDE} role="img" aria-label={label} />
      <figcaption>{children}</figcaption>
    </figure>
  );
}
