/** Where a run's time and traffic go, by operator. Collected only when asked for: reading clocks costs time itself. */

export interface ProfileRow {
  /** Local work, waiting excluded. */
  seconds: number;
  /** Payload that this party sent. */
  bytes: number;
  /** Nodes evaluated. */
  calls: number;
}
/** By operator name; may be used for several runs, which then add up. */
export type Profile = Map<string, ProfileRow>;

export function rowOf(profile: Profile, op: string): ProfileRow {
  let row = profile.get(op);
  if (!row) {
    row = { seconds: 0, bytes: 0, calls: 0 };
    profile.set(op, row);
  }
  return row;
}
