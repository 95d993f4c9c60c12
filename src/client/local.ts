/**
 * All parties in this process, over memory: for tutorials, tests and trying things out. No secrecy: whoever can look
 * into the process sees everything, so stored datasets cannot be opened here.
 */
import { type RowSource, rowsOf } from "../data/index.js";
import { InputError, NameError } from "../errors.js";
import { createMemoryMeshes } from "../net/index.js";
import { checkChoice, checkOptions } from "../options.js";
import type { Caller } from "../party/cluster.js";
import { type Plan, planReveals } from "../plan/index.js";
import { chooseProtocol, type ProtocolChoice } from "../protocol/index.js";
import { Prg } from "../random/index.js";
import { readValues, type Values } from "../tensor/index.js";
import type { CallResult, PartyCaller } from "./caller.js";
import type { GrantInfo, GrantLimits } from "./granting.js";
import { Owner, type ShareDatasetOptions, shareNames } from "./owner.js";
import { Session } from "./session.js";
import type { SessionOptions } from "./session-options.js";
import { ClearTwin, type TwinOptions } from "./twin.js";

export interface LocalOptions
  extends Pick<
    SessionOptions,
    "fraction" | "integerBits" | "onRun" | "profileEvery" | "onWaiting" | "waitForGrantsMs" | "twin"
  > {
  /** Which protocol, and among whom. "rep3" (default): three parties. "plain": one, which computes on the numbers themselves. */
  readonly protocol?: ProtocolChoice;
  /** Needed for protocols with a dealer, which is in this process, too: with any party's share it knows everything. */
  readonly insecure?: boolean;
  /** "auto" (default): owners agree to everything. "explicit": call grant() for them. */
  readonly grants?: "auto" | "explicit";
  /**
   * Runs everything in the clear, too, and compares after each run: a value that leaves its bound rejects what is revealed with an
   * OverflowError that names it. Plans also reveal what they assign, so that variables are compared. Or the options of the twin.
   */
  readonly debug?: boolean | TwinOptions;
  /** For tests, which would print it again and again. */
  readonly quiet?: boolean;
}

/** The user of a local session plays the driver, under this name, and all owners. */
const driver: Caller = { name: "you", role: "driver" };
const years = 365 * 24 * 3_600_000;
let told = false;

export class LocalSession extends Session {
  readonly #owner: (name: string) => Owner;

  constructor(options: SessionOptions, owner: (name: string) => Owner) {
    super(options);
    this.#owner = owner;
  }

  /** Shares rows as the owner that the name begins with: "alice/images". Numbers, nested arrays, or a typed array with a shape. */
  async share(
    name: string,
    values: Values | RowSource,
    options: ShareDatasetOptions & { shape?: readonly number[] } = {},
  ): Promise<void> {
    checkOptions("share", options, { ...shareNames, shape: true });
    const [owner, ...named] = name.split("/");
    if (!owner || named.length === 0)
      throw new InputError(
        `share: expected OWNER/NAME, got ${JSON.stringify(name)}; try "alice/${name.replaceAll("/", "") || "rows"}"`,
      );
    const { shape, ...rest } = options;
    const source = isRows(values) ? values : rowSource(values, shape);
    await this.options.twin?.know(name, source);
    await this.owner(owner).share(name, source, {
      ...(rest.format === "integer" ? {} : { scale: this.env.fraction }),
      ...rest,
    });
    await this.refresh();
  }

  /** Approves a plan as one of the owners. Needed with `grants: "explicit"` only. */
  grant(owner: string, digest: string, limits: GrantLimits = {}): Promise<GrantInfo[]> {
    return this.owner(owner).grant(digest, limits);
  }

  /** What an owner can do. */
  owner(name: string): Owner {
    return this.#owner(name);
  }
}

/**
 * A session with parties that live in this process. Throws InputError for a protocol with a dealer without `insecure`, and for
 * one that cannot be.
 *
 * @example await local({ protocol: { kind: "additive", parties: ["alice", "bob"], dealer: "james" }, insecure: true })
 */
export async function local(options: LocalOptions = {}): Promise<LocalSession> {
  checkOptions("local", options, {
    protocol: true,
    insecure: true,
    grants: true,
    debug: true,
    quiet: true,
    fraction: true,
    integerBits: true,
    onRun: true,
    onWaiting: true,
    profileEvery: true,
    waitForGrantsMs: true,
    twin: true,
  });
  checkChoice("local", "grants", options.grants ?? "auto", ["auto", "explicit"]);
  const { definition, names } = chooseProtocol(options.protocol ?? "rep3");
  if (definition.live)
    throw new InputError(
      `local: expected a protocol whose members are all there, got ${definition.name}, whose dealer deals beforehand into files of a cluster; try ${definition.live.name} with insecure: true, or \`secretgrad init --protocol ${definition.name}\``,
    );
  if (definition.dealer !== undefined && !options.insecure)
    throw new InputError(
      `local: expected insecure: true for ${definition.name}, whose dealer would share this process with the parties and could undo every share, got none; try adding it to try things out, or a cluster with a dealer of its own (secretgrad init --protocol ${definition.name})`,
    );
  // Loaded when needed: a driver of real parties does without them.
  const { coinKey, memoryStores, Party, storedOrder } = await import("../party/index.js");
  if (!told && !options.quiet) {
    console.error(
      "secretgrad: local() runs all parties in this process, so nothing is secret from whoever runs it; connect() does it in earnest",
    );
    told = true;
  }
  const stores = names.map(() => memoryStores());
  const parties = names.map(
    (_, self) => new Party({ names, self, definition, stores: stores[self]!, version: "local" }),
  );
  const meshes = createMemoryMeshes(names);
  await Promise.all(parties.map((party, i) => party.attach(meshes[i]!)));

  const callersOf = (caller: Caller): PartyCaller[] =>
    parties.map((party, i) => ({
      name: names[i]!,
      async call(method, params, body): Promise<CallResult> {
        const { result, body: back = new Uint8Array() } = await party.handle(caller, method, params, body);
        return { result, body: back };
      },
    }));
  const owners = new Map<string, Owner>();
  const ownerNamed = (name: string): Owner => {
    const owner = owners.get(name) ?? new Owner({ definition, name, parties: callersOf({ name, role: "owner" }) });
    owners.set(name, owner);
    return owner;
  };

  const granted = new Set<string>();
  /** Owners agree before they are asked. */
  const agree = async (plan: Plan): Promise<void> => {
    const releases = [...new Set(planReveals(plan).map(({ release }) => release))];
    if (releases.length === 0) return;
    for (const [name, owner] of owners) {
      const key = `${name} ${plan.digest}`;
      if (granted.has(key)) continue;
      granted.add(key);
      await owner.approve(
        releases.map((release) => ({
          digest: plan.digest,
          reveal: "*",
          release,
          minRows: 0,
          recipients: [...new Set([driver.name, ...planReveals(plan).flatMap(({ recipients }) => recipients)])],
          times: 2 ** 31,
          expires: new Date(Date.now() + years).toISOString(),
        })),
      );
    }
  };
  const { protocol: _, insecure: __, grants = "auto", quiet: ___, debug = false, ...rest } = options;
  const twin = debug === false ? undefined : new ClearTwin(debug === true ? {} : debug);
  const [order, coins] = [storedOrder(stores[0]!), new Prg(coinKey(meshes[0]!, undefined))];
  twin?.share({
    rows: (request, rows) => order!.rows(request, rows),
    coin: (run, node) => {
      const stream = coins.stream({ run, node, chunk: 0 });
      return (target) => stream.fill(target);
    },
  });
  const session: SessionOptions = {
    ...rest,
    definition,
    parties: callersOf(driver),
    name: driver.name,
    ...(twin ? { twin, revealsAssigned: true } : {}),
    ...(grants === "auto" ? { prepare: agree } : {}),
    close: async () => {
      await Promise.all(parties.map((party) => party.close()));
    },
  };
  return new LocalSession(session, ownerNamed);
}

function isRows(values: Values | RowSource): values is RowSource {
  return typeof values === "object" && "read" in values && typeof values.read === "function";
}

function rowSource(values: Values, shape: readonly number[] | undefined): RowSource {
  const read = readValues(values, shape);
  if (read.shape.length === 0) throw new NameError("share: expected rows, got a single number; try [number]");
  return rowsOf({ shape: read.shape, values: read.data });
}
