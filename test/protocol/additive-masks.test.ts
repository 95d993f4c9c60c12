/** Lifetimes of masks in additive sharing: what moves, is laid out anew or outlives its session while primitives use it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { additive } from "../../src/protocol/index.js";
import { times } from "./cases.js";
import { free, Lab, reveal, share } from "./harness.js";

const words = BigUint64Array.of(3n, 5n, 7n);
const squares = BigUint64Array.of(9n, 25n, 49n);

for (const definition of [additive(2), additive(2, "fss"), additive(3)]) {
  test(`${definition.name}: a linear map may forget what it looked at, a layout may be applied again`, () => {
    const lab = new Lab(definition);
    const x = share(lab, words);
    const spent = lab.ends.map(() => false);
    const y = lab.call((end, site) =>
      end.protocol.linear(site, [x[end.self]!], 3, (dst, [source]) => {
        assert.ok(!spent[end.self], "the map of a value that is not a layout must not be called later");
        end.ring.kernels.mulScalar(dst.ptr, source!.ptr, 2n, 3);
      }),
    ).values;
    spent.fill(true);
    const z = lab.call((end, site) =>
      end.protocol.product(site, y[end.self]!, y[end.self]!, 3, times(end.ring, 3)),
    ).values;
    const result = lab.call((end, site) => end.protocol.reshare(site, z[end.self]!)).values;
    assert.deepEqual(
      reveal(lab, result),
      squares.map((square) => 4n * square),
    );
    free(lab, x, y, z, result);
    for (const end of lab.ends) assert.equal(end.scope.live, 0);
    lab.close();
  });

  test(`${definition.name}: a value that moves while a product opens it`, () => {
    const lab = new Lab(definition);
    const x = share(lab, words);
    const stores = lab.ends.map((end) => end.ring.scope());
    let moved: typeof x = [];
    const z = lab.call((end, site) => {
      const rounds = end.protocol.product(site, x[end.self]!, x[end.self]!, 3, times(end.ring, 3));
      return (function* () {
        const first = rounds.next();
        moved[end.self] = end.protocol.move(x[end.self]!, end.scope, stores[end.self]!);
        if (first.done) return first.value;
        yield first.value;
        return yield* rounds;
      })();
    }).values;
    const result = lab.call((end, site) => end.protocol.reshare(site, z[end.self]!)).values;
    assert.deepEqual(reveal(lab, result), squares);
    free(lab, z, result);
    assert.deepEqual(reveal(lab, moved), words);
    lab.ends.forEach((end, i) => {
      end.protocol.free(stores[i]!, moved[i]!);
      assert.equal(stores[i]!.live, 0);
      stores[i]!.close();
    });
    moved = [];
    lab.close();
  });

  test(`${definition.name}: views of a run that died do not keep a value in the next session`, () => {
    const before = new Lab(definition);
    const x = share(before, words);
    const stores = before.ends.map((end) => end.ring.scope());
    const kept = before.ends.map((end, i) => end.protocol.move(x[i]!, end.scope, stores[i]!));
    before.call((end, site) =>
      end.protocol.linear(
        site,
        [kept[end.self]!],
        3,
        (dst, [source]) => end.ring.kernels.copy(dst.ptr, source!.ptr, 3),
        true,
      ),
    );
    before.close();
    const after = new Lab(definition, { run: 2 });
    after.ends.forEach((end, i) => {
      end.protocol.free(stores[i]!, kept[i]!);
      assert.equal(stores[i]!.live, 0);
      stores[i]!.close();
    });
    after.close();
  });
}
