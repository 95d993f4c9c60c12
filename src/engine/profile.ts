/**
 * Where a run's time and traffic go, node by node. Collected only when asked for: reading clocks costs time itself, some
 * microseconds a step of a node. Not a benchmark: how the figures are put together is up to whoever asks.
 */

export interface ProfileRow {
  /** Local work: processor time of this process, so that what others take away while it computes does not count. */
  seconds: number;
  /**
   * From handing over the messages of a round until all of it has arrived, on the clock: sending, waiting and receiving. Where
   * nodes share a round, each has its share by what it sends and receives in it.
   */
  waiting: number;
  /** Payload that this party sent. */
  bytes: number;
  /** Exchanges that it took part in. */
  exchanges: number;
}

/** What the nodes of one operator took together. */
export interface OperatorTime extends Omit<ProfileRow, "exchanges"> {
  readonly op: string;
}

/** Of a party, by node of the plan. May be used for several runs of one plan, which then add up. */
export class Profile {
  readonly rows: ProfileRow[] = [];
  /** The node that is being worked on. */
  current: number | undefined;
  #cpu = process.cpuUsage();
  #began = 0;
  #turn: { row: ProfileRow; share: number }[] = [];

  row(node: number): ProfileRow {
    this.rows[node] ??= { seconds: 0, waiting: 0, bytes: 0, exchanges: 0 };
    return this.rows[node];
  }

  /** By operator of the plan's nodes, in the order in which they first occur. */
  byOperator(ops: readonly string[]): OperatorTime[] {
    const sums = new Map<string, OperatorTime>();
    this.rows.forEach(({ seconds, waiting, bytes }, node) => {
      const op = ops[node]!;
      const sum = sums.get(op) ?? { op, seconds: 0, waiting: 0, bytes: 0 };
      sums.set(op, { op, seconds: sum.seconds + seconds, waiting: sum.waiting + waiting, bytes: sum.bytes + bytes });
    });
    return [...sums.values()];
  }

  /** Local work on a node. */
  measure<T>(node: number, work: () => T): T {
    this.current = node;
    this.#cpu = process.cpuUsage();
    const result = work();
    const { user, system } = process.cpuUsage(this.#cpu);
    this.row(node).seconds += (user + system) / 1e6;
    this.current = undefined;
    return result;
  }

  /** A node takes part in the next exchange. */
  exchanges(node: number, sent: number, received: number): void {
    const row = this.row(node);
    row.bytes += sent;
    row.exchanges++;
    this.#turn.push({ row, share: sent + received });
  }
  began(): void {
    this.#began = performance.now();
  }
  ended(): void {
    const seconds = (performance.now() - this.#began) / 1000;
    const whole = this.#turn.reduce((sum, { share }) => sum + share, 0);
    for (const { row, share } of this.#turn)
      row.waiting += seconds * (whole > 0 ? share / whole : 1 / this.#turn.length);
    this.#turn = [];
  }
}
