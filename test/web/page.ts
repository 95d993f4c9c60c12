/** The demo's page in a real browser, with parties behind it: what the tests of the page share. Not tests. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { build } from "vite";
import { type Page as Served, servePage } from "../../cli/demo/page.js";
import type { RunEvent } from "../../cli/demo/run-events.js";
import { nn } from "../../src/index.js";
import { startForPages, withoutTls } from "../browser/helpers.js";
import type { ServingCluster } from "../serving/cluster.js";
import type { Reader } from "./reader.js";

const places = [process.env.CHROMIUM ?? "", "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
export const executablePath = places.find((path) => path !== "" && existsSync(path));
/** Why there is no test of the page; undefined: there is. */
export const missing =
  executablePath === undefined
    ? "NO BROWSER: the page was not tested; install Chromium (`apt-get install chromium`) or name one in CHROMIUM"
    : undefined;

/** Waits as long as a loaded machine needs. */
export function patient(page: Page): void {
  page.setDefaultTimeout(PATIENCE);
  page.setDefaultNavigationTimeout(PATIENCE);
}
const PATIENCE = 180_000;

export interface Stage {
  readonly cluster: ServingCluster;
  readonly served: Served;
  readonly browser: Browser;
  /** Told to the page when it may ask. */
  readonly model: Extract<RunEvent, { type: "model" }>;
  readonly start: Extract<RunEvent, { type: "start" }>;
  /**
   * A fresh tab at the page, which collects everything that must not be. Once the model was told, it is there when this returns:
   * events come after the page has loaded, and keys that ask before are not answered by the parties.
   */
  open(options?: { width?: number; dark?: boolean }): Promise<Visit>;
  close(): Promise<void>;
}
export interface Visit {
  readonly page: Page;
  /** Console errors and warnings, exceptions, requests to other places. */
  readonly complaints: string[];
}

export async function setStage(reader: Reader): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), "secretgrad-page-"));
  await build({
    configFile: fileURLToPath(new URL("../../web/vite.config.mjs", import.meta.url)),
    build: { outDir: directory },
    logLevel: "silent",
  });
  const cluster = await startForPages();
  const session = await cluster.connect();
  const model = nn.module({ fc1: nn.linear(784, 64), fc2: nn.linear(64, 10) }, (x, net) => net.fc2(net.fc1(x).relu()));
  model.loadStateDict(reader.state);
  const { invitations, cost } = await session.deploy("digits", model, {
    input: [784],
    policy: { reveal: "scores", clients: [{ name: "page" }] },
    largestBatch: 1,
  });
  await session.close();
  const invitation = withoutTls(invitations.get("page")!);
  const served = await servePage({ port: 0, parties: invitation.parties as string[], directory });
  const browser = await chromium.launch({ executablePath: executablePath!, args: ["--no-sandbox"] });
  let asks = false;
  const tell = (event: RunEvent): void => {
    asks ||= event.type === "model";
    served.tell(event);
  };
  const origins = [served.url, ...(invitation.parties as string[]).map((url) => url.replace(/^http/, "ws"))];
  return {
    ...{ cluster, served: { ...served, tell }, browser },
    model: { type: "model", invitation, insecure: true, cost },
    start: {
      type: "start",
      members: ["p0", "p1", "p2"].map((name) => ({ name, deals: false })),
      protocol: "rep3",
      protects: "Any one of the three learns nothing.",
      layers: [784, 64, 10],
    },
    async open({ width = 1280, dark = false } = {}) {
      const context = await browser.newContext({
        viewport: { width, height: 900 },
        colorScheme: dark ? "dark" : "light",
      });
      // What tests are compiled with puts names to functions, also to those that run in the page.
      await context.addInitScript("globalThis.__name = (made) => made");
      const page = await context.newPage();
      patient(page);
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(String(error)));
      const checked = (url: string) => {
        if (!origins.some((origin) => url === origin || url.startsWith(`${origin}/`))) complaints.push(`asked ${url}`);
      };
      page.on("request", (request) => checked(request.url()));
      page.on("websocket", (socket) => checked(socket.url()));
      await page.goto(served.url);
      if (asks) await page.getByText("Insecure:").waitFor();
      return { page, complaints };
    },
    async close() {
      await browser.close();
      await served.close();
      await cluster.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Puts images of 28 x 28, as squares of ten pixels, into the drawing area one after the other, asks, and tells the answers. */
export function ask(page: Page, images: readonly (readonly number[])[]): Promise<number[]> {
  return page.evaluate(
    async ({ all, patience }) => {
      const canvas = document.querySelector<HTMLCanvasElement>(".paper canvas")!;
      const [send, clear] = [...document.querySelectorAll("button")];
      const verdict = () => document.querySelector(".verdict")!.textContent ?? "";
      const answers: number[] = [];
      for (const image of all) {
        clear!.click();
        const pen = canvas.getContext("2d")!;
        image.forEach((ink, i) => {
          pen.globalAlpha = ink;
          if (ink > 0) pen.fillRect(10 * (i % 28), 10 * Math.floor(i / 28), 10, 10);
        });
        pen.globalAlpha = 1;
        while (send!.disabled || verdict() !== "No answer yet.") await new Promise((resolve) => setTimeout(resolve, 5));
        send!.click();
        const until = Date.now() + patience;
        let digit: RegExpExecArray | null = null;
        while (!digit) {
          digit = /^It reads a (\d)\.$/.exec(verdict());
          if (verdict() === "There is no answer." || Date.now() > until)
            throw new Error(document.querySelector(".alert")?.textContent ?? "no answer in time");
          if (!digit) await new Promise((resolve) => setTimeout(resolve, 5));
        }
        answers.push(Number(digit[1]));
      }
      return answers;
    },
    { all: images, patience: PATIENCE },
  );
}
