// Takes docs/images/page.png: `npm start -- --port 8080` in one terminal, and when it serves its model, in another:
// `node scripts/page-image.mjs http://localhost:8080`. Draws a digit as a person would and asks the parties.
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
const page = await browser.newPage({ viewport: { width: 1180, height: 900 } });
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
await page.screenshot({ path: file, fullPage: true });
await browser.close();
