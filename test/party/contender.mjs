/**
 * One of two threads of `account.test.ts`: waits for the other before each file, then uses segment 0 of it and notes whether it was
 * told that it may (1), may not (2), or something else (3).
 */
import { workerData } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
const { Account } = await import("../../src/party/dealt/account.ts");
const { me, paths, id } = workerData;
const [arrived, told] = [new Int32Array(workerData.state), new Int32Array(workerData.told)];
const meet = (point, round) => {
  Atomics.add(arrived, point, 1);
  while (Atomics.load(arrived, point) < 2 * (round + 1));
};
for (const [round, path] of paths.entries()) {
  const account = new Account(path, id);
  meet(0, round);
  try {
    account.use(0);
    told[2 * round + me] = 1;
  } catch (error) {
    told[2 * round + me] = error.name === "StorageError" ? 2 : 3;
  }
  meet(1, round);
  account.close();
}
