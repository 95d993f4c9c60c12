/** A NATS server for tests, as Debian installs it. Not a test. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePorts } from "../../cli/ports.js";

const program = ["/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server"].find(existsSync);
/** For `test`: why there is no server here, or false. */
export const skip = program === undefined ? "nats-server is not installed; try apt-get install nats-server" : false;

type User = "north" | "south" | "west" | "shop" | "reader";
export interface NatsServer {
  readonly port: number;
  /** What a user of deploy/nats/nats.conf connects to. */
  url(user: User): string;
  /** At once, as if its machine were gone. */
  kill(): Promise<void>;
}

export const rules = fileURLToPath(new URL("../../deploy/nats/nats.conf", import.meta.url));
const passwords = {
  NORTH_PASSWORD: "n1",
  SOUTH_PASSWORD: "s2",
  WEST_PASSWORD: "w3",
  SHOP_PASSWORD: "c4",
  READER_PASSWORD: "r5",
};

/** With the rules that deploy/ has, or another configuration. Resolves when it answers. `port`: where it was before. */
export async function natsServer(port?: number, config = rules): Promise<NatsServer> {
  const [free] = port === undefined ? await freePorts(1) : [port];
  const child: ChildProcess = spawn(program!, ["--config", config, "--addr", "127.0.0.1", "--port", String(free)], {
    stdio: "ignore",
    env: { ...process.env, ...passwords },
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  // However the test ends.
  process.once("exit", () => child.kill("SIGKILL"));
  while (!(await answers(free!))) {
    if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}`);
    await pause(50);
  }
  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  const url: NatsServer["url"] = (user) =>
    `nats://${user}:${passwords[`${user.toUpperCase() as Uppercase<typeof user>}_PASSWORD`]}@127.0.0.1:${free}`;
  return { url, port: free!, kill };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const end = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once("data", () => end(true)).once("error", () => end(false));
  });
}
