// Takes docs/images/page.png: `npm start -- --port 8080` in one terminal, and when it serves its model, in another:
// `node scripts/page-image.mjs http://localhost:8080`. Draws a digit as a person would and asks the parties. The picture is what
// Chromium shows, with fewer colours, so that it stays small.
import { writeFileSync } from "node:fs";
import { crc32, deflateSync } from "node:zlib";
import { chromium } from "playwright-core";

const [url, file = "docs/images/page.png"] = process.argv.slice(2);
if (!url) {
  console.error("page-image: expected the address of the page, as `npm start` printed it");
  process.exit(2);
}
/** A three, as points of a stroke on 280 x 280. */
const stroke = [
  ...[90, 70, 110, 48, 145, 40, 180, 52, 190, 80, 172, 110, 138, 128, 175, 140, 198, 172, 188, 212, 150, 236, 110, 232],
  ...[82, 210],
];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
const page = await browser.newPage({ viewport: { width: 1180, height: 900 }, colorScheme: "light" });
await page.goto(url);
await page.getByText("Insecure:").waitFor();
const { x, y } = await page.locator(".paper canvas").boundingBox();
await page.mouse.move(x + stroke[0], y + stroke[1]);
await page.mouse.down();
for (let i = 2; i < stroke.length; i += 2) await page.mouse.move(x + stroke[i], y + stroke[i + 1], { steps: 5 });
await page.mouse.up();
await page.getByRole("button", { name: "Ask the parties" }).click();
await page.getByText(/It reads a \d\./).waitFor();
console.log(await page.locator(".verdict").textContent());
const shot = await page.screenshot({ fullPage: true });
// A page without the policy of the demo's, to read the pixels.
const reader = await browser.newPage();
const { width, height, rgb } = await reader.evaluate(async (base64) => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  // As text, of which two characters are a pixel's colour: numbers by the million would take minutes.
  let rgb = "";
  for (let i = 0; i < data.length; i += 4) rgb += String.fromCharCode(data[i], (data[i + 1] << 8) | data[i + 2]);
  return { width: image.width, height: image.height, rgb };
}, shot.toString("base64"));
await browser.close();
writeFileSync(
  file,
  png(width, height, (i) => (rgb.charCodeAt(2 * i) << 16) | rgb.charCodeAt(2 * i + 1)),
);

/** A PNG with a palette of at most 256 of the colours, the most frequent ones; the others become the nearest of these. */
function png(width, height, colour) {
  const counts = new Map();
  for (let i = 0; i < width * height; i++) counts.set(colour(i), (counts.get(colour(i)) ?? 0) + 1);
  const palette = [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 256)
    .map(([each]) => each);
  const channels = (each) => [each >> 16, (each >> 8) & 255, each & 255];
  const distance = (a, b) => channels(a).reduce((sum, value, i) => sum + (value - channels(b)[i]) ** 2, 0);
  const place = new Map();
  for (const each of counts.keys())
    place.set(
      each,
      palette.reduce((best, other, i) => (distance(each, other) < distance(each, palette[best]) ? i : best), 0),
    );
  // Each row begins with the number of its filter: none.
  const rows = Buffer.alloc((width + 1) * height);
  for (let i = 0; i < width * height; i++) rows[i + 1 + Math.floor(i / width)] = place.get(colour(i));
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits a pixel, by palette.
  header.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(palette.flatMap(channels))),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
