/** A NATS server for tests, as Debian installs it. Not a test. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { freePorts } from "../../cli/ports.js";

const program = ["/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server"].find(existsSync);
/** For `test`: why there is no server here, or false. */
export const skip = program === undefined ? "nats-server is not installed; try apt-get install nats-server" : false;

export interface NatsServer {
  readonly url: string;
  /** At once, as if its machine were gone. */
  kill(): Promise<void>;
}

/** Resolves when it answers. `port`: where it was before. */
export async function natsServer(port?: number): Promise<NatsServer & { readonly port: number }> {
  const [free] = port === undefined ? await freePorts(1) : [port];
  const child: ChildProcess = spawn(program!, ["--addr", "127.0.0.1", "--port", String(free)], { stdio: "ignore" });
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
  return { url: `nats://127.0.0.1:${free}`, port: free!, kill };
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
