/**
 * A served model as the parties know it: its public facts, its plans for several numbers of rows, its policy. Here is what a
 * party demands of one; how deployments are kept is in deployments.ts.
 */
import * as v from "valibot";
import { InputError, PlanError, PolicyError } from "../../errors.js";
import { wordBytesOf } from "../../plan/index.js";
import type { ProtocolDefinition } from "../../protocol/index.js";
import { sameShape, size } from "../../ring/index.js";
import { servingPolicy } from "../../serving/policy.js";
import { LARGEST_PART, type ModelFacts } from "../../serving/wire.js";
import { SEED_BYTES, seedsAt } from "../inputs.js";
import type { KnownPlan } from "../plans.js";
import { digestHex, positive } from "../schemas.js";

/** The slot and the label that plans of served models use. */
export const INPUT_SLOT = "x";
export const OUTPUT_LABEL = "y";
/** Recipients of answers; no user may be called so (cluster.ts). The name binds an owner's grant to this model's clients. */
export const recipientOf = (model: string): string => `clients.${model}`;

export const modelName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/, "a name like digits"));
const shape = v.pipe(v.array(v.pipe(positive, v.maxValue(2 ** 31 - 1))), v.maxLength(5));

export const deploymentDescription = v.strictObject({
  name: modelName,
  fraction: v.pipe(positive, v.maxValue(24)),
  /** Of one input and one output. */
  input: shape,
  output: v.strictObject({
    shape,
    scale: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(61)),
    /** Of a word of the ring that its plans are evaluated in. */
    bits: v.picklist([32, 64]),
  }),
  classes: v.optional(
    v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(100))), v.minLength(1), v.maxLength(2_000)),
  ),
  /** Plans by the number of rows that they take, ascending; a batch takes the smallest that holds it. */
  batches: v.pipe(
    v.array(v.strictObject({ rows: v.pipe(positive, v.maxValue(1024)), digest: digestHex })),
    v.minLength(1),
    v.maxLength(12),
  ),
  policy: servingPolicy,
});
export type DeploymentDescription = v.InferOutput<typeof deploymentDescription>;

export interface Deployment {
  /** The run that deployed it. */
  readonly version: number;
  readonly owner: string;
  readonly description: DeploymentDescription;
  /** By rows, ascending. */
  readonly plans: ReadonlyMap<number, KnownPlan>;
  /** Whether all parties have it; until then it is not served. */
  live: boolean;
  /** Queries that were counted. */
  readonly used: Usage;
}

/** How often the clients of a model have asked. */
export class Usage {
  readonly #byClient: Map<string, number>;
  #total = 0;

  constructor(counts: Iterable<readonly [string, number]> = []) {
    this.#byClient = new Map(counts);
    for (const count of this.#byClient.values()) this.#total += count;
  }
  get total(): number {
    return this.#total;
  }
  of(client: string): number {
    return this.#byClient.get(client) ?? 0;
  }
  set(client: string, count: number): void {
    this.#total += count - this.of(client);
    this.#byClient.set(client, count);
  }
  toJSON(): Record<string, number> {
    return Object.fromEntries(this.#byClient);
  }
}

/** Throws unless the plans are what the description says, and answer each row from that row alone. */
export function checkDeployment(
  description: DeploymentDescription,
  plans: ReadonlyMap<number, KnownPlan>,
  definition: ProtocolDefinition,
): void {
  const { name, batches, output, policy, input, classes } = description;
  const where = `deploy ${name}`;
  batches.forEach(({ rows }, i) => {
    if (rows <= (batches[i - 1]?.rows ?? 0))
      throw new InputError(`${where}: expected ascending numbers of rows, got ${rows} after ${batches[i - 1]?.rows}`);
  });
  const parties = computing(definition);
  for (const { hashes } of policy.clients)
    if (hashes.length !== parties)
      throw new InputError(`${where}: expected ${parties} hashes for each client, got ${hashes.length}`);
  if (new Set(policy.clients.map((client) => client.name)).size !== policy.clients.length)
    throw new InputError(`${where}: expected each client once, got one twice; try other names`);
  if (policy.reveal === "class" && (output.shape.length > 0 || output.scale !== 0))
    throw new PolicyError(
      `${where}: expected one whole number as an answer where only the class is revealed, got another`,
    );
  if (classes && policy.reveal === "scores" && classes.length !== output.shape[0])
    throw new InputError(`${where}: expected ${output.shape[0]} class names, got ${classes.length}`);
  for (const self of Array.from({ length: parties }, (_, i) => i))
    if (partBytes(definition, self, input) > LARGEST_PART)
      throw new InputError(`${where}: expected inputs of at most ${LARGEST_PART} bytes, got shape [${input}]`);
  for (const { rows } of batches) checkPlan(description, rows, plans.get(rows)!);
}

function checkPlan({ name, fraction, input, output }: DeploymentDescription, rows: number, known: KnownPlan): void {
  const where = `deploy ${name}: plan for ${rows} rows`;
  const { plan, inputs, datasets, assigned, scalars, reveals } = known;
  const [x] = inputs;
  const [y] = reveals;
  if (plan.env.fraction !== fraction || inputs.length !== 1 || x!.slot !== INPUT_SLOT || x!.type.scale !== fraction)
    throw new PlanError(`${where}: expected one input ${INPUT_SLOT} with ${fraction} fraction bits, got others`);
  if (!sameShape(x!.type.shape, [rows, ...input]))
    throw new PlanError(`${where}: expected an input of shape [${[rows, ...input]}], got [${x!.type.shape}]`);
  if (datasets.length > 0 || assigned.length > 0 || scalars.length > 0 || known.dealt)
    throw new PlanError(
      `${where}: expected nothing but variables and the input, got datasets, assignments, scalars or dealt correlations`,
    );
  if (
    reveals.length !== 1 ||
    y!.label !== OUTPUT_LABEL ||
    y!.release !== "open" ||
    y!.recipients.join() !== recipientOf(name)
  )
    throw new PlanError(`${where}: expected to reveal ${OUTPUT_LABEL} to ${recipientOf(name)} and nothing else`);
  if (!sameShape(y!.type.shape, [rows, ...output.shape]) || y!.type.scale !== output.scale)
    throw new PlanError(`${where}: expected an output of shape [${[rows, ...output.shape]}], got [${y!.type.shape}]`);
  if (8 * wordBytesOf(plan) !== output.bits)
    throw new PlanError(`${where}: expected words of ${output.bits} bits, got ${8 * wordBytesOf(plan)}`);
  // Rows of one batch belong to several clients.
  if (rows === 1) return;
  for (const { source, axis, rows: apart } of y!.flows)
    if (source === `input:${INPUT_SLOT}` && (axis !== 0 || apart !== rows))
      throw new PolicyError(
        `${where}: expected that each row of the output depends on its own row of the input, got rows that mix; try model.eval()`,
      );
}

/** How many members hold shares. */
export const computing = ({ parties, dealer }: ProtocolDefinition): number => parties - (dealer === undefined ? 0 : 1);

/** Bytes of party `self`'s part of one input. */
export function partBytes(definition: ProtocolDefinition, self: number, input: readonly number[]): number {
  const words = definition.sharing.keepsCorrection[self] ? size(input) : 0;
  return seedsAt(definition, self) * SEED_BYTES + 8 * words;
}

/** Queries of one connection that may be unanswered, and bytes of their inputs: not more than a client finds room for (shares.ts). */
const IN_FLIGHT = 64;
const IN_FLIGHT_BYTES = 64 * 2 ** 20;

/** What this party tells clients. */
export function factsOf(
  { version, description }: Deployment,
  definition: ProtocolDefinition,
  names: readonly string[],
  self: number,
): ModelFacts {
  const { name, fraction, input, output, classes, policy } = description;
  return {
    model: name,
    version,
    party: self,
    parties: names.slice(0, computing(definition)),
    protocol: definition.name,
    ring: 64,
    fraction,
    input,
    output: { kind: policy.reveal, ...output },
    ...(classes ? { classes } : {}),
    partBytes: partBytes(definition, self, input),
    // Of the longest part there may be, so that all parties say the same.
    inFlight: Math.max(1, Math.min(IN_FLIGHT, Math.floor(IN_FLIGHT_BYTES / (2 * SEED_BYTES + 8 * size(input))))),
  };
}

/** Of one batch: who asked. */
export interface Asked {
  readonly deployment: Deployment;
  /** Client names, one a query. */
  readonly clients: readonly string[];
}

/** How many more queries a client may ask; infinite where nothing limits them. */
export function allowance({ used, description: { policy } }: Deployment, client: string): number {
  const own = policy.clients.find(({ name }) => name === client);
  if (!own) return 0;
  return Math.min(
    (policy.queries ?? Number.POSITIVE_INFINITY) - used.total,
    (own.queries ?? Number.POSITIVE_INFINITY) - used.of(client),
  );
}

/** Throws PolicyError unless so many more queries are allowed. */
export function checkAllowance({ deployment, clients }: Asked): void {
  const { policy, name } = deployment.description;
  if (deployment.used.total + clients.length > (policy.queries ?? Number.POSITIVE_INFINITY))
    throw new PolicyError(`model ${name}: expected at most ${policy.queries} queries in all, got more`);
  const asked = new Map<string, number>();
  for (const client of clients) asked.set(client, (asked.get(client) ?? 0) + 1);
  for (const [client, count] of asked) {
    const most = policy.clients.find((each) => each.name === client)?.queries ?? Number.POSITIVE_INFINITY;
    if (deployment.used.of(client) + count > most)
      throw new PolicyError(`model ${name}: expected at most ${most} queries of ${client}, got more`);
  }
}
