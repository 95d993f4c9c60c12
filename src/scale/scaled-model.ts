/**
 * A model that several groups of parties serve, at its client: lets the broker pick a group for each query, shares the input for
 * it, and asks another one where a group dies. Not one group's keys and liveness, see group.ts.
 */
import { InputError, SessionEndedError, UnavailableError } from "../errors.js";
import type { Broker } from "../net/index.js";
import { askAgain, Closing, type ServedModel, Turns } from "../serving/asking.js";
import {
  checkParts,
  flatten,
  inputWords,
  type ModelInput,
  type Prediction,
  prediction,
} from "../serving/prediction.js";
import type { ClientSharing } from "../serving/remote-model.js";
import type { ModelFacts } from "../serving/wire.js";
import { Group } from "./group.js";
import { groupId, type ScaledInvitation } from "./invitation.js";
import { offerSubject } from "./messages.js";

export interface ScaledModelOptions {
  /** Closed with the model. */
  readonly broker: Broker;
  readonly invitation: ScaledInvitation;
  /** Throws InputError for a protocol that this client does not know. */
  sharing(protocol: string, parties: number): ClientSharing;
  /** Longest wait for an answer. Default 30 s. */
  readonly timeoutMs?: number;
  /** How often a query without an answer is asked again, of whichever group the broker picks then. Default 5. */
  readonly retries?: number;
}

const OFFER_MS = 5_000;
const TIMEOUT_MS = 30_000;
/** The broker picks at random; so often it picks one that did not fail, if there is one, almost certainly. */
const OFFERS = 8;

export class ScaledModel implements ServedModel {
  readonly #options: ScaledModelOptions;
  readonly #groups: ReadonlyMap<string, Group>;
  readonly #turns = new Turns();
  #facts: ModelFacts | undefined;
  /** Of close(). */
  readonly #closing = new Closing();

  private constructor(options: ScaledModelOptions) {
    this.#options = options;
    const { broker, invitation, timeoutMs = TIMEOUT_MS } = options;
    const { groups, model } = invitation;
    this.#groups = new Map(
      groups.map(
        ({ parties: pins, token }) => [groupId(pins), new Group({ broker, pins, model, token, timeoutMs })] as const,
      ),
    );
  }

  /** Throws PolicyError for a wrong or expired token, UnavailableError if no group answers. */
  static async connect(options: ScaledModelOptions): Promise<ScaledModel> {
    const model = new ScaledModel(options);
    try {
      await model.#again((group) => model.#meet(group));
      return model;
    } catch (error) {
      await model.close();
      throw error;
    }
  }

  get facts(): ModelFacts {
    return this.#facts!;
  }

  async predict(input: ModelInput): Promise<Prediction> {
    const values = flatten(input);
    return this.#turns.take(this.facts.inFlight, () => this.#again((group) => this.#ask(group, values)));
  }

  predictAll(inputs: readonly ModelInput[]): Promise<Prediction[]> {
    return Promise.all(inputs.map((input) => this.predict(input)));
  }

  async close(): Promise<void> {
    if (this.#closing.began) return;
    this.#closing.begin(closedError());
    for (const group of this.#groups.values()) group.close(closedError());
    await this.#options.broker.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** With a group that the broker picks, and with another where that one has no answer. */
  #again<T>(ask: (group: Group) => Promise<T>): Promise<T> {
    const { retries = 5, timeoutMs = TIMEOUT_MS } = this.#options;
    const failed = new Set<Group>();
    let offered = true;
    return askAgain({ retries, timeoutMs, closing: this.#closing }, async (pause) => {
      if (!offered) await pause();
      offered = false;
      const group = await this.#pick(failed);
      offered = true;
      // Another group need not wait for what this one named.
      if (failed.has(group)) await pause();
      failed.add(group);
      return ask(group);
    });
  }

  /** A fresh sharing under a fresh id each time: two groups must never have parts of one. */
  async #ask(group: Group, values: Float64Array): Promise<Prediction> {
    const facts = await this.#meet(group);
    const sharing = this.#options.sharing(facts.protocol, facts.parties.length);
    const parts = await sharing.split(inputWords(facts, values));
    const answers = await group.ask(parts);
    checkParts(facts, answers);
    return prediction(facts, sharing.combine(answers, facts.output.bits === 64 ? 8 : 4));
  }

  async #meet(group: Group): Promise<ModelFacts> {
    const facts = await group.facts();
    this.#facts ??= facts;
    if (publicFacts(facts) !== publicFacts(this.#facts))
      throw new InputError(
        `model ${facts.model}: expected one model at all groups, got other shapes or classes at group ${group.name}; try deploying it anew`,
      );
    return facts;
  }

  /** One that the broker picks, outside of `failed` if it soon picks such a one. */
  async #pick(failed: ReadonlySet<Group>): Promise<Group> {
    const { broker, invitation } = this.#options;
    const { model } = invitation;
    let known: Group | undefined;
    for (let left = OFFERS; left > 0; left--) {
      if (this.#closing.began) throw closedError();
      const offer = await broker.request(offerSubject(model), new Uint8Array(), OFFER_MS);
      const group = this.#groups.get(Buffer.from(offer).toString("latin1"));
      if (group && !failed.has(group)) return group;
      known ??= group;
    }
    if (known) return known;
    throw new UnavailableError(
      `model ${model}: expected an offer of a group that the invitation names, got only others; try a newer invitation`,
      1000,
    );
  }
}

/** What must be equal at all groups. */
const publicFacts = ({ input, output, classes }: ModelFacts): string =>
  JSON.stringify([input, output.kind, output.shape, classes]);

const closedError = () =>
  new SessionEndedError("model: expected an open model, got a closed one; try connecting again");
