/**
 * The networks on three modelled links, beside what arithmetic expects of them: the time on loopback, half a round trip a round,
 * and the bytes of each round's busiest link, or the dealer's if they take longer. Not the link model: that is `src/net/link.ts`.
 */
import { cases } from "./cases.js";
import { tlsCluster } from "./cluster.js";
import { bestSpeeds, type Calibration, calibrate, measure } from "./measure.js";
import type { StepProfile } from "./profile.js";

/** Round trip in ms and Mbit/s in each direction of each link: one machine room, one country, two continents. */
const models = [
  { roundTripMs: 0.2, megabits: 1000 },
  { roundTripMs: 20, megabits: 200 },
  { roundTripMs: 80, megabits: 50 },
] as const;

export interface LinkRow {
  readonly case: string;
  readonly protocol: string;
  /** "20/200": round trip in ms / Mbit/s. */
  readonly link: string;
  readonly seconds: number;
  readonly min: number;
  /** By arithmetic, from the fastest run on loopback; to be compared with `min`. */
  readonly expected: number;
  readonly rounds: number;
  readonly bytesPerParty: number;
}
type LinkCalibration = Calibration & { readonly protocol: string; readonly link: string };

/** The networks whose name contains `only`, link by link; before each link its calibration. */
export async function* links(protocol: string, only: string): AsyncIterable<LinkRow | LinkCalibration> {
  const nets = cases.filter(({ group, name }) => group === "nets" && name.includes(only));
  /** On loopback, by case. */
  const local = new Map<string, { min: number; profile: StepProfile }>();
  const loopback = await tlsCluster(protocol, { profiled: true });
  try {
    const speeds = bestSpeeds(await calibrate(loopback));
    for (const item of nets) {
      const options = { repetitions: Math.min(15, item.repetitions), profileAt: speeds };
      const { min, profile } = await measure(loopback, protocol, item, options);
      local.set(item.name, { min, profile: profile! });
    }
  } finally {
    loopback.close();
  }
  for (const { roundTripMs, megabits } of models) {
    const model = { latencyMs: roundTripMs / 2, bytesPerSecond: (megabits * 1e6) / 8 };
    const link = `${roundTripMs}/${megabits}`;
    const cluster = await tlsCluster(protocol, { link: model });
    try {
      yield { ...(await calibrate(cluster, model.latencyMs)), protocol, link };
      for (const item of nets) {
        const options = { repetitions: Math.min(5, Math.ceil(item.repetitions / 3)), warmUpMs: 1500 };
        const { seconds, min, rounds, bytesPerParty } = await measure(cluster, protocol, item, options);
        // A revealed value travels to its recipient after the last round.
        const ways = rounds + (item.name.includes("infer") ? 1 : 0);
        const { min: computing, profile } = local.get(item.name)!;
        const onLink = (ways: number, bytes: number) => (ways * model.latencyMs) / 1000 + bytes / model.bytesPerSecond;
        const waiting = Math.max(onLink(ways, profile.bytesInSequence), onLink(1, profile.bytesDealt));
        const expected = computing + waiting;
        yield { case: item.name, protocol, link, seconds, min, expected, rounds, bytesPerParty };
      }
    } finally {
      cluster.close();
    }
  }
}

/** One Markdown table for each protocol: milliseconds of the fastest run, and in brackets those that arithmetic expects. */
export function linkTables(rows: readonly LinkRow[]): string {
  const tables = [...new Set(rows.map(({ protocol }) => protocol))].map((name) => {
    const own = rows.filter(({ protocol }) => protocol === name);
    const ms = (seconds: number) => (seconds * 1000).toFixed(seconds < 0.02 ? 1 : 0);
    const lines = [...new Set(own.map((row) => row.case))].map((item) => {
      const across = own.filter((row) => row.case === item);
      const { rounds, bytesPerParty } = across[0]!;
      const times = across.map(({ min, expected }) => `${ms(min)} (${ms(expected)})`);
      return `| ${[item, rounds, (bytesPerParty / 1e6).toFixed(3), ...times].join(" | ")} |`;
    });
    const heads = ["rounds", "MB", ...new Set(own.map(({ link }) => `${link.replace("/", " ms, ")} Mbit/s`))];
    return [`| \`${name}\` | ${heads.join(" | ")} |`, `|---${"|---".repeat(heads.length)}|`, ...lines].join("\n");
  });
  return tables.join("\n\n");
}
