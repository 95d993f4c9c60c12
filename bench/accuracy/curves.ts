/** Pictures of trainings as SVG: losses of the secret run and of the same in the clear, and how far both are apart. No library. */

export interface Line {
  readonly name: string;
  readonly values: readonly number[];
}
interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Powers of ten, from the smallest to the largest; otherwise linear from 0. */
  readonly log?: boolean;
}

const [width, left, right, height, top, gap] = [720, 64, 16, 190, 40, 30] as const;
const colours = ["#c2410c", "#1d4ed8", "#15803d"];

/** `steps`: what the last value of a line stands at. The second line is drawn wider, below the first. */
export function picture(alt: string, steps: number, losses: readonly Line[], differences: readonly Line[]): string {
  const panels: Panel[] = [{ title: "loss", lines: losses }];
  if (differences.length > 0) panels.push({ title: "difference from the clear", lines: differences, log: true });
  const whole = panels.length * (height + gap) + 14;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${whole}" font-family="sans-serif" font-size="13" fill="#333">`,
    `<title>${alt}</title>`,
    `<rect width="${width}" height="${whole}" fill="#fff"/>`,
    ...panels.flatMap((each, i) => panel(each, i * (height + gap), steps)),
    "</svg>",
    "",
  ].join("\n");
}

function panel({ title, lines, log = false }: Panel, offset: number, steps: number): string[] {
  const values = lines.flatMap(({ values: list }) => list).filter((value) => !log || value > 0);
  const [least, most] = log
    ? [10 ** Math.floor(Math.log10(Math.min(...values))), 10 ** Math.ceil(Math.log10(Math.max(...values)))]
    : [0, Math.max(...values)];
  const part = (value: number) =>
    log ? Math.log(Math.max(value, least) / least) / Math.log(most / least) : value / (most || 1);
  const bottom = offset + height;
  const atX = (i: number, count: number) => round(left + ((width - left - right) * i) / Math.max(1, count - 1));
  const atY = (value: number) => round(bottom - (height - top) * part(value));
  const text = (x: number, y: number, anchor: string, content: string, more = "") =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}"${more}>${content}</text>`;
  const ticks = log ? [least, most] : [0, most / 2, most];
  return [
    `<path d="M${left},${offset + top} V${bottom} H${width - right}" fill="none" stroke="#999"/>`,
    text(left, offset + 20, "start", title),
    ...ticks.map((value) => text(left - 6, atY(value) + 4, "end", tick(value))),
    text(left, bottom + 17, "middle", "1"),
    text(width - right, bottom + 17, "end", `step ${steps}`),
    ...lines.map(({ name }, i) =>
      text(width - right - 150 * (lines.length - 1 - i), offset + 20, "end", name, ` fill="${colours[i]}"`),
    ),
    // The last ones first, so that the first one lies on top.
    ...lines
      .map(({ values: list }, i) => {
        const points = list.map((value, at) => `${atX(at, list.length)},${atY(value)}`).join(" ");
        return `<polyline fill="none" stroke="${colours[i]}" stroke-width="${1 + 2 * Math.min(i, 1)}" opacity="${i === 0 ? 1 : 0.5}" points="${points}"/>`;
      })
      .reverse(),
  ];
}
const round = (value: number): number => Math.round(value * 10) / 10;
const tick = (value: number): string =>
  value > 0 && value < 1e-3 ? value.toExponential(0) : `${Number(value.toPrecision(3))}`;
