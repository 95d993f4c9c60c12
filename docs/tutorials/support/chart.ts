/** For the tutorials: line charts as SVG files. No library; few options on purpose. */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Chart {
  /** What the picture shows, for who cannot see it. */
  readonly alt: string;
  readonly x: string;
  readonly y: string;
  /** Values for x = 0, 1, 2, … */
  readonly lines: readonly { readonly name: string; readonly values: readonly number[] }[];
  /** A logarithmic axis from one power of ten to another; what lies outside is drawn at its end. Default: linear from 0. */
  readonly log?: readonly [from: number, to: number];
  /** The numbers are new in every run: a test compares all but them. */
  readonly random?: boolean;
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 290, 64, 16, 44, 44];
const COLOURS = ["#c2410c", "#1d4ed8", "#15803d"];

/** Writes the picture where `npm run tutorials` wants it, else among temporary files; prints the line that shows it. */
export function chart(file: string, { alt, x, y, lines, log, random = false }: Chart): void {
  const longest = Math.max(...lines.map(({ values }) => values.length));
  const top = log?.[1] ?? Math.max(...lines.flatMap(({ values }) => values));
  const part = (value: number): number =>
    log ? Math.log(Math.min(Math.max(value, log[0]), top) / log[0]) / Math.log(top / log[0]) : value / top;
  const atX = (i: number): number => Math.round(LEFT + ((WIDTH - LEFT - RIGHT) * i) / (longest - 1));
  const atY = (value: number): number => Math.round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part(value));
  const text = (atX: number, atY: number, anchor: string, content: string): string =>
    `<text x="${atX}" y="${atY}" text-anchor="${anchor}">${content}</text>`;
  const ticks = log ? decades(...log) : [0, top / 2, top];
  const tick = (value: number): string => `${Number(value.toPrecision(3))}`;
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13" fill="#333">`,
    ...(random ? ["<!-- random -->"] : []),
    `<title>${alt}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<path d="M${LEFT},${TOP} V${HEIGHT - BOTTOM} H${WIDTH - RIGHT}" fill="none" stroke="#999"/>`,
    ...ticks.map((value) => text(LEFT - 6, atY(value) + 4, "end", tick(value))),
    text(atX(0), HEIGHT - BOTTOM + 18, "middle", "0"),
    text(atX(longest - 1), HEIGHT - BOTTOM + 18, "end", `${longest - 1}`),
    text((LEFT + WIDTH) / 2, HEIGHT - 8, "middle", x),
    text(LEFT, 18, "start", y),
    ...lines.flatMap(({ name, values }, i) => [
      `<polyline fill="none" stroke="${COLOURS[i]}" points="${values.map((value, at) => `${atX(at)},${atY(value)}`).join(" ")}"/>`,
      `<text x="${WIDTH - RIGHT}" y="${18 + 16 * i}" text-anchor="end" fill="${COLOURS[i]}">${name}</text>`,
    ]),
    "</svg>",
  ].join("\n");
  const pictures = process.env.TUTORIAL_PICTURES;
  const path = join(pictures ?? tmpdir(), file);
  writeFileSync(path, `${svg}\n`);
  console.log(`![${alt}](${pictures ? file : path})`);
}

function decades(from: number, to: number): number[] {
  return Array.from({ length: Math.round(Math.log10(to / from)) + 1 }, (_, i) => from * 10 ** i);
}
