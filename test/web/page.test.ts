/** The demo's page in Chromium: it reads digits of MNIST, shows what it promises, works by keys, in the dark and on phones. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { ask, missing, type Stage, setStage } from "./page.js";
import { images, labels, type Reader, trainReader } from "./reader.js";

if (missing) console.error(`\n${missing}\n`);
const skip = missing ?? false;

const count = 100;
let reader: Reader;
let stage: Stage;
before(async () => {
  if (missing) return;
  reader = await trainReader(20_000, 3);
  stage = await setStage(reader);
  stage.served.tell(stage.start);
});
after(() => stage?.close());

test("before the model is there, the page shows the training and cannot ask", { skip }, async () => {
  const { page, complaints } = await stage.open();
  await page.getByText("The parties are starting.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Ask the parties" }).isDisabled(), true);
  const of = 40;
  for (let done = 1; done <= of; done++) {
    const sent = [1000 * done, 2000 * done, 3000 * done];
    stage.served.tell({ type: "batch", done, of, loss: 1 / done, seconds: done / 10, sent, rounds: 31 * done });
    if (done % 10 === 0) stage.served.tell({ type: "accuracy", done, percent: 50 + done, images: 1000 });
    if (done === 20) await page.getByText("Training: batch 20 of 40").waitFor();
  }
  // Asked too early, the page says so and sends nothing.
  await page.locator(".paper canvas").focus();
  await page.keyboard.press("7");
  await page.keyboard.press("Enter");
  await page
    .locator("[aria-live]")
    .getByText("the model can be asked when it is trained")
    .waitFor({ state: "attached" });
  assert.equal(await page.locator(".verdict").textContent(), "No answer yet.");
  await page.getByText("90 % of 1000 secret test images").waitFor();
  const operators = Array.from({ length: 10 }, (_, i) => ({ op: `op${i}`, seconds: 0.1 / (i + 1), waiting: 0.02 }));
  stage.served.tell({ type: "operators", runs: 4, operators });
  await page.getByRole("row", { name: "op0 25.00 ms 5.00 ms" }).waitFor();
  await page.getByRole("row", { name: "2 others 5.28 ms 10.00 ms" }).waitFor();
  assert.ok(await page.getByRole("img", { name: /^Loss and accuracy by batch/ }).isVisible());
  const inks = await page.locator(".chart canvas").evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    return new Set(Array.from({ length: data.length / 4 }, (_, i) => data.slice(4 * i, 4 * i + 3).join())).size;
  });
  assert.ok(inks > 3, `${inks} colours in the chart`);
  await page.getByRole("row", { name: "p1 80.0 kB 2.0 kB" }).waitFor();
  assert.match(
    (await page.getByText("Any two of").textContent()) ?? "",
    /p0, p1 and p2 together could see your drawing/,
  );
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test(`${count} digits of MNIST's test set: at least 95 are read right, as in the clear`, { skip }, async () => {
  stage.served.tell(stage.model);
  const { page, complaints } = await stage.open();
  const pixels = (await images("test images", count)).map((value) => Math.max(0, value * 0.3081 + 0.1307));
  const drawn = Array.from({ length: count }, (_, i) => [...pixels.subarray(784 * i, 784 * (i + 1))]);
  const answers = await ask(page, drawn);
  const truth = await labels("test labels", count);
  const right = answers.filter((answer, i) => answer === truth[i]).length;
  assert.ok(right >= 95, `${right} of ${count}`);
  // The network alone would read so many.
  assert.ok(right >= 100 * (await reader.accuracy(count)) - 1, `${right} of ${count}`);

  // What it shows of the last one: the drawing, and three shares that are noise.
  const figures = page.locator(".images figure");
  assert.deepEqual(await figures.locator("figcaption").allTextContents(), [
    "What you drew: in this page only",
    "Share 1: to p0 and p2",
    "Share 2: to p0 and p1",
    "Share 3: to p1 and p2",
  ]);
  const means = await figures.locator("canvas").evaluateAll((all) =>
    (all as HTMLCanvasElement[]).map((canvas) => {
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, 28, 28);
      const grey = Array.from({ length: 784 }, (_, i) => data[4 * i]!);
      return { mean: grey.reduce((sum, value) => sum + value, 0) / 784, values: new Set(grey).size };
    }),
  );
  assert.ok(means[0]!.mean > 180);
  // Uniform bytes: mean 127.5, six deviations of 74 / 28.
  for (const { mean, values } of means.slice(1)) {
    assert.ok(Math.abs(mean - 127.5) < 16, `mean ${mean}`);
    assert.ok(values > 200, `${values} values`);
  }
  // Each party: its seeds and the correction, under an id; ten scores of 8 bytes back.
  for (const [name, sent] of [
    ["p0", "50 B"],
    ["p1", "6.3 kB"],
    ["p2", "6.3 kB"],
  ])
    await page.getByRole("row", { name: new RegExp(`^${name} ${sent} 98 B \\d`) }).waitFor();
  assert.match(
    (await page.getByText("from here and back").textContent()) ?? "",
    /^\d+ ms .* [1-9]\d* rounds among the parties\.$/,
  );
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("a stroke of the mouse is a one", { skip }, async () => {
  const { page, complaints } = await stage.open();
  const { x, y } = (await page.locator(".paper canvas").boundingBox())!;
  await page.mouse.move(x + 150, y + 40);
  await page.mouse.down();
  await page.mouse.move(x + 135, y + 240, { steps: 8 });
  await page.mouse.up();
  await page.getByRole("button", { name: "Ask the parties" }).click();
  await page.getByText("It reads a 1.").waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByRole("button", { name: "Ask the parties" }).click();
  await page.getByRole("alert").getByText("Nothing is drawn").waitFor();
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("everything can be done by keys, and is said", { skip }, async () => {
  const { page, complaints } = await stage.open();
  const ink = () =>
    page.locator(".paper canvas").evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, 280, 280);
      let sum = 0;
      for (let i = 3; i < data.length; i += 4) sum += data[i]!;
      return sum;
    });
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement!.getAttribute("aria-label")), "Drawing area");
  for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowUp");
  assert.equal(await ink(), 0);
  await page.keyboard.press("Space");
  await page.getByText("Pen down: arrows draw.").waitFor({ state: "attached" });
  for (let i = 0; i < 18; i++) await page.keyboard.press("ArrowDown");
  assert.ok((await ink()) > 255 * 22 * 150);
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText("It reads a 1.").waitFor();
  await page.keyboard.press("Delete");
  assert.equal(await ink(), 0);
  await page.keyboard.press("3");
  await page.getByText("A printed 3 is drawn.").waitFor({ state: "attached" });
  await page.keyboard.press("Enter");
  await page
    .getByRole("status")
    .getByText(/It reads a \d\./)
    .waitFor();
  // On to the buttons, which show that they have the focus.
  await page.keyboard.press("Tab");
  const focused = await page.evaluate(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement!);
    return `${document.activeElement!.textContent} ${outlineStyle} ${outlineWidth}`;
  });
  assert.equal(focused, "Ask the parties solid 3px");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText("No answer yet.").waitFor();
  assert.equal(await ink(), 0);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("every picture and table has a name, and headings are in order", { skip }, async () => {
  const { page } = await stage.open();
  await page.keyboard.press("Tab");
  await page.keyboard.press("8");
  await page.keyboard.press("Enter");
  await page.getByText(/It reads a \d\./).waitFor();
  const problems = await page.evaluate(() => {
    const nameless = [...document.querySelectorAll("canvas, [role=img], progress")].filter(
      (element) => !element.getAttribute("aria-label") && !element.closest("[role=img]"),
    );
    const bare = [...document.querySelectorAll("table")].filter((table) => !table.caption?.textContent);
    const small = [...document.querySelectorAll("button")].filter(
      (button) => button.getBoundingClientRect().height < 44,
    );
    return [...nameless, ...bare, ...small].map((element) => element.outerHTML.slice(0, 100));
  });
  assert.deepEqual(problems, []);
  const levels = await page.locator("h1, h2").evaluateAll((all) => all.map((heading) => heading.tagName));
  assert.deepEqual(levels, ["H1", "H2", "H2", "H2", "H2", "H2"]);
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  await page.context().close();
});

test("light and dark, with enough contrast in both", { skip }, async () => {
  const seen = new Set<string>();
  for (const dark of [false, true]) {
    const { page, complaints } = await stage.open({ dark });
    const ratios = await page.evaluate(() => {
      const rgb = (text: string) => text.match(/[\d.]+/g)!.map(Number);
      const light = (text: string) => {
        const [r, g, b] = rgb(text).map((v) =>
          v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4,
        );
        return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
      };
      const behind = (element: Element): string => {
        const color = getComputedStyle(element).backgroundColor;
        return rgb(color)[3] === 0 ? behind(element.parentElement!) : color;
      };
      const texts = [...document.querySelectorAll("h1, h2, p, li, th, td, caption, figcaption, button:enabled")];
      return texts
        .filter((element) => element.textContent?.trim() && !element.classList.contains("unseen"))
        .map((element) => {
          const [a, b] = [light(getComputedStyle(element).color), light(behind(element))];
          return { text: element.textContent!, ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) };
        });
    });
    assert.ok(ratios.length > 15);
    for (const { text, ratio } of ratios) assert.ok(ratio >= 4.5, `${ratio.toFixed(1)} for ${text}`);
    seen.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    assert.deepEqual(complaints, []);
    await page.context().close();
  }
  assert.equal(seen.size, 2);
});

test("a phone of 360 pixels scrolls down only", { skip }, async () => {
  const { page, complaints } = await stage.open({ width: 360 });
  await page.locator(".paper canvas").focus();
  await page.keyboard.press("5");
  await page.keyboard.press("Enter");
  await page.getByText(/It reads a \d\./).waitFor();
  assert.ok(await page.locator(".chart canvas").isVisible());
  const wide = await page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll("body *")]
      .filter((element) => !element.classList.contains("unseen") && !element.closest(".unseen"))
      .filter((element) => element.getBoundingClientRect().right > 360.5 || element.scrollWidth > 361)
      .map((element) => `${element.tagName}.${element.className}`),
  );
  assert.deepEqual(wide, []);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("the page says what is wrong: a wrong token, a party that is down; and goes on when it is back", {
  skip,
}, async () => {
  const { page } = await stage.open();
  const answer = async () => {
    await page.locator(".paper canvas").focus();
    await page.keyboard.press("4");
    await page.keyboard.press("Enter");
  };
  await answer();
  await page.getByText(/It reads a \d\./).waitFor();
  await stage.cluster.daemons[2]!.close();
  await answer();
  await page
    .getByRole("alert")
    .getByText(/expected (a connection|it to stay connected|all parties)|UnavailableError/)
    .waitFor();
  await stage.cluster.start(2);
  await assert.doesNotReject(async () => {
    for (let attempt = 0; ; attempt++) {
      await answer();
      await page.getByText(/It reads a \d\.|There is no answer\./).waitFor();
      if (await page.getByText(/It reads a/).isVisible()) return;
      if (attempt === 40) throw new Error((await page.getByRole("alert").textContent()) ?? "");
      await page.waitForTimeout(250);
    }
  });
  const { model } = stage;
  stage.served.tell({ ...model, invitation: { ...model.invitation, token: "sg_of_somebody_else_entirely" } });
  // Events come in order: when the page shows this one, it has the other invitation.
  stage.served.tell({ type: "accuracy", done: 40, percent: 12.5, images: 1000 });
  await page.getByText("12.5 % of 1000").waitFor();
  await answer();
  await page
    .getByRole("alert")
    .getByText(/a model and a token that it knows/)
    .waitFor();
  stage.served.tell(model);
  await page.context().close();
});

test("the server gives its files and events to this machine alone, under a policy without exceptions", {
  skip,
}, async () => {
  const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
    new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>((resolve, reject) => {
      const { hostname, port } = new URL(stage.served.url);
      request({ host: hostname === "localhost" ? "127.0.0.1" : hostname, port, path, method, headers }, (response) => {
        let body = "";
        response.on("data", (chunk) => {
          body += chunk;
          // Events do not end.
          if (path === "/events") response.destroy();
        });
        response.on("close", () => resolve({ status: response.statusCode!, headers: response.headers, body }));
      })
        .on("error", reject)
        .end();
    });
  const index = await get("/");
  assert.equal(index.status, 200);
  const policy = String(index.headers["content-security-policy"]);
  assert.match(
    policy,
    /^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws:/,
  );
  assert.doesNotMatch(policy, /unsafe|\*|https:/);
  assert.doesNotMatch(index.body, /https?:\/\//);
  assert.equal(index.headers["x-content-type-options"], "nosniff");
  for (const path of ["/../package.json", "/%2e%2e/package.json", "/.env", "/assets", "/assets/../../package.json"])
    assert.equal((await get(path)).status, 404, path);
  assert.equal((await get("/", {}, "POST")).status, 405);
  for (const path of ["/", "/events"]) assert.equal((await get(path, { host: "evil.example" })).status, 421);
  const all = (await get("/events")).body;
  assert.match(all, /^retry: 1000\n\nid: 0\ndata: \{"type":"start"/);
  const rest = (await get("/events", { "last-event-id": "0" })).body;
  assert.match(rest, /^retry: 1000\n\nid: 1\n/);
});
