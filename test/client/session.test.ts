/** A driver's session: order, what is in flight, errors, grants, and going on with stored models. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  data,
  GrantMissingError,
  MemoryError,
  NameError,
  nn,
  optim,
  PeerLostError,
  SecretLeakError,
  type Session,
  SessionEndedError,
  ShapeError,
  StaleValueError,
} from "../../src/index.js";
import { concat, type Tensor, Variable } from "../../src/tensor/index.js";
import { quiet, through } from "./helpers.js";

test("arithmetic in local(), with three parties and with one", async () => {
  for (const protocol of ["rep3", "plain"] as const) {
    const session = await quiet({ protocol });
    const x = session.secret([1, 2, 3]);
    const y = session.secret([[4, 5, 6]]);
    const [sum, product, less] = await Promise.all([x.add(y).reveal(), x.mul(y).reveal(), x.lt(2).reveal()]);
    assert.deepEqual(sum.toArray(), [[5, 7, 9]]);
    assert.deepEqual(
      product.data.map((value) => Math.round(value * 1000) / 1000),
      Float64Array.of(4, 10, 18),
    );
    assert.deepEqual(less.toArray(), [1, 0, 0]);
    await session.close();
  }
});

test("two sessions with different protocols and fractions live side by side", async () => {
  const [a, b] = await Promise.all([quiet({ fraction: 16 }), quiet({ protocol: "plain" })]);
  const [x, y] = await Promise.all([a.secret([0.5]).reveal(), b.secret([0.25]).reveal()]);
  assert.deepEqual([x.item(), y.item()], [0.5, 0.25]);
  await Promise.all([a.close(), b.close()]);
});

test("a secret has no value: printing, text, JSON, branching and arithmetic say what to do", async () => {
  const session = await quiet({ protocol: "plain" });
  const x = session.secret([41]);
  const { inspect } = await import("node:util");
  assert.equal(inspect(x), "Tensor([1], secret)");
  assert.equal(`${x}`, "Tensor([1], secret)");
  await session.share("alice/rows", [[1, 2]]);
  await session.share("alice/whole", [1, 2, 3], { format: "integer" });
  const model = nn.sequential(nn.linear(2, 3), nn.relu(), nn.linear(3, 1, { bias: false }));
  const sgd = optim.sgd(model.parameters(), { lr: 0.1, momentum: 0.9 });
  for (const [value, text] of [
    [session, "LocalSession(you at p0; plain, 20 fraction bits)"],
    [session.dataset("alice/rows"), "Dataset(alice/rows, owner alice, [1,2], 20 fraction bits, secret)"],
    [session.dataset("alice/whole"), "Dataset(alice/whole, owner alice, [3], whole numbers, secret)"],
    [session.owner("alice"), "Owner(alice at p0)"],
    [model, "Module(model/0.weight [3,2], model/0.bias [3], model/2.weight [1,3])"],
    [model.parameters()[1], "Parameter(model/0.bias, [3], secret)"],
    [sgd, "sgd(lr 0.1, 3 parameters)"],
    [sgd.state()[0], "Variable(model/0.weight.update, [3,2], secret)"],
  ] as const) {
    assert.equal(inspect(value), text);
    assert.equal(`${value}`, text);
  }
  assert.throws(() => JSON.stringify({ x }), { name: "SecretLeakError", message: /try await tensor.reveal/ });
  assert.throws(() => (x as unknown as number) > 3, { name: "SecretLeakError", message: /lt\(\)/ });
  assert.throws(() => (x as unknown as number) + 1, SecretLeakError);
  assert.throws(() => +(x as unknown as number), SecretLeakError);
  await session.close();
});

test("a value of a plan that has closed is stale", async () => {
  const session = await quiet({ protocol: "plain" });
  const x = session.secret([1]);
  await x.reveal();
  assert.throws(() => x.add(1), StaleValueError);
  await session.close();
});

test("a batch that was only looked at leaves nothing behind, and one that was kept stays the rows that it was", async () => {
  const session = await quiet({ protocol: "plain" });
  await session.share("alice/x", [[1], [2], [3], [4]]);
  const walk = () => data.batches({ x: session.dataset("alice/x") }, { size: 2, shuffle: false });
  for await (const { x } of walk()) {
    assert.match(String(x), /\[2,1\]/);
    break;
  }
  assert.deepEqual((await session.secret([1]).reveal()).toArray(), [1]);
  let kept: Tensor | undefined;
  for await (const { x, index } of walk()) {
    if (index === 0) continue;
    kept = x;
    break;
  }
  // The first batch of another walk, in the same plan.
  for await (const { x } of walk()) {
    assert.deepEqual((await concat([kept!, x]).reveal()).toArray(), [[3], [4], [1], [2]]);
    break;
  }
  await session.close();
});

test("at most four runs are in flight, and they keep their order", async () => {
  const session = await quiet({ protocol: "plain" });
  let running = 0;
  let most = 0;
  const order: unknown[] = [];
  const slow = through(session, async (_, method, real, params) => {
    if (method !== "run") return real();
    most = Math.max(most, ++running);
    order.push(Object.values((params as { scalars: object }).scalars)[0]);
    const answer = await real();
    await new Promise((resolve) => setTimeout(resolve, 20));
    running--;
    return answer;
  });
  await session.share(
    "alice/rows",
    Array.from({ length: 20 }, (_, i) => [i]),
  );
  await slow.refresh();
  const x = slow.dataset("alice/rows");
  const losses: Promise<number>[] = [];
  for await (const batch of data.batches({ x }, { size: 2, shuffle: false }))
    losses.push(data.meanLoss(batch.x.sum(1), { limit: 64 }).reveal());
  assert.deepEqual(await Promise.all(losses), [0.5, 2.5, 4.5, 6.5, 8.5, 10.5, 12.5, 14.5, 16.5, 18.5]);
  assert.ok(most > 1 && most <= 4, `${most} in flight`);
  assert.equal(order.length, 10);
  await session.close();
});

test("an error of a run without reveals surfaces at flush, of one with reveals where they are awaited", async () => {
  const session = await quiet({ protocol: "plain" });
  await session.share("alice/x", [[1], [2], [3], [4], [5], [6]]);
  const broken = through(session, async (_, method, real) => {
    if (method === "run") throw new PeerLostError("run: expected p1 to stay connected, got silence", "p1");
    return real();
  });
  await broken.refresh();
  await assert.rejects(broken.secret([1]).reveal(), { name: "PeerLostError", peer: "p1" });
  const model = nn.linear(2, 1);
  optim.sgd(model.parameters(), { lr: 0.1 }).minimize(nn.mseLoss(model(broken.secret([[1, 2]])), [[1]]));
  await assert.rejects(broken.flush(), PeerLostError);
  // Once told, the session goes on.
  await broken.flush();
  await assert.rejects(async () => {
    for await (const _ of data.batches({ x: broken.dataset("alice/x") }, { size: 1 }))
      optim.sgd(model.parameters(), { lr: 0.1 }).minimize(nn.mseLoss(model(broken.secret([[1, 2]])), [[1]]));
  }, PeerLostError);
  await session.close();
  await assert.rejects(session.secret([1]).reveal(), SessionEndedError);
  await assert.rejects(session.secret([1]).reveal(), SessionEndedError);
});

test("after a failed run that would have made variables, the first cause is told, and they are made again", async () => {
  const session = await quiet({ protocol: "plain" });
  for (const cause of [
    new GrantMissingError("run: expected a grant, got none"),
    new MemoryError("run: expected less, got more"),
    new PeerLostError("run: expected p0 to stay connected, got silence", "p0"),
  ]) {
    let failing = true;
    const driver = through(session, async (_, method, real) => {
      if (method !== "run" || !failing) return real();
      failing = false;
      throw cause;
    });
    const model = nn.named(cause.name, nn.linear(2, 1)).loadStateDict({ weight: [[1, 2]], bias: [3] });
    const predict = () => model(driver.secret([[1, 1]])).reveal();
    const first = predict();
    const told = assert.rejects(first, cause);
    // Recorded while the run that would make the model is under way.
    await Promise.resolve();
    const next = model(driver.secret([[1, 1]]));
    await told;
    assert.equal((await next.reveal()).item(), 6);
    assert.equal((await predict()).item(), 6);

    // Nothing is revealed, so it waits until somebody asks; what follows meanwhile is not run.
    failing = true;
    const other = nn.named(`other.${cause.name}`, nn.linear(1, 1)).loadStateDict({ weight: [[2]], bias: [0] });
    optim.sgd(other.parameters(), { lr: 0 }).minimize(nn.mseLoss(other(driver.secret([[1]])), [[1]]));
    await driver.graph.close();
    await assert.rejects(driver.flush(), cause);
    assert.equal((await other(driver.secret([[1]])).reveal()).item(), 2);
    await driver.close();
  }
  await session.close();
});

test("a lost peer explains more than an ended session, and a silent party is not waited for", async () => {
  const session = await quiet();
  const silent = through(session, async (index, method, real) => {
    if (method !== "run") return real();
    if (index === 0) throw new SessionEndedError("session: ended");
    if (index === 1) throw new PeerLostError("session: p2 is gone", "p2");
    return new Promise(() => {});
  });
  const began = performance.now();
  await assert.rejects(silent.secret([1]).reveal(), { name: "PeerLostError", peer: "p2" });
  assert.ok(performance.now() - began < 5000);
  await session.close();
});

test("parties that have forgotten a plan get it again", async () => {
  const session = await quiet();
  let forgot = 0;
  let puts = 0;
  const forgetful = through(session, async (index, method, real, params) => {
    if (method === "plan.put" && index === 0) puts++;
    if (method === "run" && forgot < 3) {
      forgot++;
      throw new NameError(
        `plan ${(params as { digest: string }).digest.slice(0, 12)}: expected one that was sent to this party, got none`,
      );
    }
    return real();
  });
  assert.equal((await forgetful.secret([7]).reveal()).item(), 7);
  assert.equal(puts, 2);
  await session.close();
});

test("a run waits for the owner's grant, and what follows does not overtake it", async () => {
  const session = await quiet({
    grants: "explicit",
    waitForGrantsMs: 10_000,
    onWaiting: (message) => waiting.push(message),
  });
  const waiting: string[] = [];
  await session.share("alice/x", [[1], [2]]);
  const done: string[] = [];
  const first = session
    .dataset("alice/x")
    .all()
    .sum()
    .reveal()
    .then((sum) => done.push(`sum ${sum.item()}`));
  await session.graph.close();
  const second = session
    .secret([1])
    .reveal()
    .then(() => done.push("own"));
  while (waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.match(waiting[0]!, /expected a grant by alice/);
  const [digest] = await session.owner("alice").plans();
  await assert.rejects(session.grant("alice", digest!), /release open is not among count, meanLoss/);
  await session.grant("alice", digest!, { release: ["open"] });
  await Promise.all([first, second]);
  assert.deepEqual(done, ["sum 3", "own"]);
  // The grant was for one run.
  const impatient = through(session, (_, __, real) => real(), { waitForGrantsMs: 0 });
  await impatient.refresh();
  await assert.rejects(impatient.dataset("alice/x").all().sum().reveal(), GrantMissingError);
  await session.close();
});

test("without a grant nothing is revealed, and the message says how to get one", async () => {
  const session = await quiet({ grants: "explicit" });
  await session.share("alice/x", [[1], [2]]);
  await assert.rejects(session.dataset("alice/x").all().reveal(), {
    name: "GrantMissingError",
    message: /secretgrad grant [0-9a-f]{12}/,
  });
  await session.close();
});

test("whose grants are missing is told all at once", async () => {
  const session = await quiet({ grants: "explicit" });
  await session.share("alice/x", [[1], [2]]);
  await session.share("bob/y", [[3], [4]]);
  const total = session.dataset("alice/x").all().add(session.dataset("bob/y").all()).sum();
  await assert.rejects(total.reveal(), {
    name: "GrantMissingError",
    message: /a grant by alice .*, and by bob, got none; try .* as alice, as bob$/,
  });
  const [digest] = await session.owner("alice").plans();
  await session.grant("alice", digest!, { release: ["open"] });
  const again = session.dataset("alice/x").all().add(session.dataset("bob/y").all()).sum();
  await assert.rejects(again.reveal(), /a grant by bob [^,]*, got none; try .* as bob$/);
  await session.close();
});

test("a model goes on in a second session, and a misshapen one is refused", async () => {
  const session = await quiet();
  const train = (model: nn.Module, on: typeof session | ReturnType<typeof through>) =>
    optim.sgd(model.parameters(), { lr: 0.1 }).minimize(nn.mseLoss(model(on.secret([[1, 2]])), [[1]]));
  const before = nn.linear(2, 1);
  train(before, session);
  await session.flush();
  const trained = await before.stateDict(session);

  const later = through(session, (_, __, real) => real());
  const after = nn.linear(2, 1);
  assert.equal(await later.resume(after.parameters()), 2);
  assert.deepEqual((await after.stateDict(later)).weight!.toArray(), trained.weight!.toArray());
  assert.equal(await later.resume(nn.named("other", nn.linear(2, 1)).parameters()), 0);
  await assert.rejects(later.resume(nn.linear(3, 1).parameters()), ShapeError);
  await session.close();
});

test("variables are listed and removed, by name or as a model has them, and start afresh", async () => {
  const session = await quiet();
  await session.share("alice/x", [[1], [2]]);
  const model = nn.linear(1, 1).loadStateDict({ weight: [[2]], bias: [0] });
  const total = new Variable("total", [], () => 0);
  session.graph.write(total, session.dataset("alice/x").all().sum().ref);
  const predict = async (network: nn.Module) => Math.round((await network(session.secret([[3]])).reveal()).item());
  assert.equal(await predict(model), 6);
  const listed = async () => (await session.variables()).map(({ name, shape, sources }) => [name, shape, sources]);
  assert.deepEqual((await listed()).sort(), [
    ["model/bias", [1], ["caller:you"]],
    ["model/weight", [1, 1], ["caller:you"]],
    ["total", [], ["dataset:alice/x"]],
  ]);

  // All or nothing; what is recorded runs before.
  await assert.rejects(session.remove(["total", "nothing"]), { name: "InputError", message: /variable nothing/ });
  optim.sgd(model.parameters(), { lr: 0 }).minimize(nn.mseLoss(model(session.secret([[1]])), [[1]]));
  await session.remove([...model.parameters(), "total"]);
  await session.remove([]);
  assert.deepEqual(await listed(), []);
  model.loadStateDict({ weight: [[4]], bias: [0] });
  assert.equal(await predict(model), 12);

  // By name, and another model takes the place.
  await session.remove(model.parameters().map(({ name }) => name));
  assert.equal(await predict(nn.linear(1, 1).loadStateDict({ weight: [[5]], bias: [0] })), 15);
  await session.close();
});

test("training goes on in a second session as if it had not been interrupted, momentum and all", async () => {
  const x = [
    [1, 2],
    [-1, 0.5],
    [0.5, -2],
  ];
  const y = [[1], [-1], [0.5]];
  /** A new program: model, optimizer, a step with each of the rates; then what the model has become. */
  const program = async (on: Session, rates: readonly number[], resumed = false): Promise<number[]> => {
    const model = nn.linear(2, 1).loadStateDict({ weight: [[0.25, -0.5]], bias: [0] });
    const sgd = optim.sgd(model.parameters(), { lr: 0.05, momentum: 0.9, weightDecay: 0.01 });
    if (resumed) assert.equal(await on.resume([...model.parameters(), ...sgd.state()]), 4);
    for (const rate of rates) {
      sgd.lr = rate;
      sgd.minimize(nn.mseLoss(model(on.secret(x)), y));
      await on.flush();
    }
    const { weight, bias } = await model.stateDict(on);
    return [...weight!.data, ...bias!.data];
  };
  const before = [0.05, 0.05, 0.05, 0.05];
  for (const after of [before, [0.02, 0.02]]) {
    const straight = await quiet({ protocol: "plain", fraction: 24 });
    const expected = await program(straight, [...before, ...after]);
    const first = await quiet({ protocol: "plain", fraction: 24 });
    await program(first, before);
    const got = await program(
      through(first, (_, __, real) => real()),
      after,
      true,
    );
    // Roundings differ.
    for (const [i, value] of got.entries()) assert.ok(Math.abs(value - expected[i]!) < 1e-5, `${got}; ${expected}`);
    await Promise.all([straight.close(), first.close()]);
  }
});

test("a preview runs nothing and says what each plan would reveal and cost", async () => {
  const session = await quiet();
  await session.share("alice/x", [
    [1, 2],
    [3, 4],
  ]);
  await session.share("bob/y", [[1], [0]]);
  const model = nn.linear(2, 1);
  const sgd = optim.sgd(model.parameters(), { lr: 0.1 });
  const step = async () => {
    for await (const batch of data.batches(
      { x: session.dataset("alice/x"), y: session.dataset("bob/y") },
      { size: 2 },
    )) {
      const loss = nn.mseLoss(model(batch.x), batch.y);
      sgd.minimize(loss);
      await data.meanLoss(loss).reveal();
    }
  };
  const plans = await session.preview(step);
  assert.equal(session.lastRun, undefined);
  const [initial, training] = plans;
  assert.deepEqual([...initial!.assigns].sort(), ["model/bias", "model/weight"]);
  assert.deepEqual(
    training!.reveals.map(({ release, rows }) => [release, rows]),
    [["meanLoss", 2]],
  );
  assert.ok(training!.rounds > 5 && training!.secondsOnLink > 0);
  // The real thing still initialises the model, and costs what was said.
  await step();
  assert.equal(session.lastRun!.rounds, training!.rounds);
  assert.deepEqual(session.lastRun!.bytes, training!.bytesPerParty);
  await session.close();
});

test("a plan is priced with each way of comparing that its protocol has, for a stated link", async () => {
  const link = { roundTripMs: 40, megabitsPerSecond: 100 };
  const priced = await Promise.all(
    (["additive-2", "additive-2-fss", "rep3"] as const).map(async (protocol) => {
      const session = await quiet({ protocol, insecure: true });
      const [plan] = await session.preview(async () => {
        await session
          .secret([[1, -2]])
          .relu()
          .reveal();
      }, link);
      await session
        .secret([[1, -2]])
        .relu()
        .reveal();
      const { rounds, bytes } = session.lastRun!;
      await session.close();
      return { plan: plan!, rounds, bytes };
    }),
  );
  const [adder, fss, rep3] = priced;
  assert.equal(rep3!.plan.comparisons, undefined);
  // What is said of the other way is what a session that has it runs.
  assert.deepEqual(adder!.plan.comparisons, fss!.plan.comparisons);
  for (const [index, { plan, rounds, bytes }] of [adder!, fss!].entries()) {
    const stated = plan.comparisons![index]!;
    assert.deepEqual(
      { rounds: stated.rounds, bytes: stated.bytesPerParty, seconds: stated.secondsOnLink },
      { rounds, bytes, seconds: plan.secondsOnLink },
    );
  }
  const [byAdder, byKeys] = adder!.plan.comparisons!;
  assert.equal(byAdder!.comparison, "adder");
  assert.ok(byKeys!.rounds < byAdder!.rounds && byKeys!.secondsOnLink < byAdder!.secondsOnLink);
});
