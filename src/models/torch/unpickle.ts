/**
 * Pickles, as far as PyTorch's files of tensors need them: a machine with a list of what may be made, and nothing that could call
 * anything else. Opcodes: Lib/pickletools.py of CPython; what torch.load(weights_only=True) allows is the model.
 */
import { ModelFileError } from "../../errors.js";

/** A storage of numbers in the archive. */
export interface Storage {
  readonly kind: string;
  readonly key: string;
  readonly elements: number;
}
/** A view of a storage. */
export class TensorView {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}
/** A class or function by name; it is never looked up anywhere. */
class Global {
  constructor(readonly name: string) {}
}
/** A tuple; lists are arrays. */
class Tuple {
  constructor(readonly items: readonly Item[]) {}
}
class StorageRef {
  constructor(readonly storage: Storage) {}
}
/** Where a list on the stack begins. */
class Mark {
  readonly isMark = true;
}
const mark = new Mark();
type Item =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Item[]
  | Map<Item, Item>
  | Set<Item>
  | Tuple
  | Global
  | StorageRef
  | TensorView
  | Mark;
export type Unpickled = Item;

const storages =
  /^torch (Float|Double|Half|BFloat16|Long|Int|Short|Char|Byte|Bool|Untyped)Storage$|^torch\.storage (Untyped|_Typed|Typed)Storage$/;
/** Everything that may be named. */
const allowed: ReadonlySet<string> = new Set([
  "collections OrderedDict",
  "torch._utils _rebuild_tensor_v2",
  "torch._utils _rebuild_parameter",
  "torch Size",
  "builtins set",
  "__builtin__ set",
]);

const most = { steps: 2_000_000, stack: 100_000, memo: 1_000_000, text: 100_000, copied: 2_000_000 };

/** Throws ModelFileError for any opcode or name that is not listed. */
export function unpickle(where: string, bytes: Uint8Array): Unpickled {
  const bad = (expected: string, got: string) =>
    new ModelFileError(`${where}: expected ${expected}, got ${got}; try torch.save(model.state_dict(), path)`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: Item[] = [];
  const memo = new Map<number, Item>();
  let at = 0;
  const u8 = () => view.getUint8(at++);
  const take = (length: number): Uint8Array => {
    if (length > most.text || at + length > bytes.length)
      throw bad("texts inside the pickle", `one of ${length} bytes`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  const u32 = () => {
    at += 4;
    return view.getUint32(at - 4, true);
  };
  const line = (): string => {
    const end = bytes.subarray(at, at + most.text).indexOf(10);
    if (end < 0) throw bad("lines inside the pickle", "one without an end");
    const text = new TextDecoder().decode(bytes.subarray(at, at + end));
    at += end + 1;
    return text;
  };
  const push = (item: Item) => {
    if (stack.length >= most.stack) throw bad(`a stack of at most ${most.stack}`, "a deeper one");
    stack.push(item);
  };
  const pop = (): Item => {
    if (stack.length === 0) throw bad("a whole pickle", "one that takes what is not there");
    return stack.pop()!;
  };
  const popMark = (): Item[] => {
    const from = stack.lastIndexOf(mark);
    if (from < 0) throw bad("a whole pickle", "one without its marks");
    return stack.splice(from).slice(1);
  };
  const text = (length: number) => push(new TextDecoder().decode(take(length)));
  const remember = (index: number) => {
    if (memo.size >= most.memo) throw bad(`at most ${most.memo} notes`, "more");
    memo.set(index, stack.at(-1) ?? null);
  };
  const recall = (index: number) => {
    if (!memo.has(index)) throw bad("a whole pickle", "one that refers to what is not there");
    push(memo.get(index)!);
  };
  const global = (module: string, name: string) => {
    const whole = `${module} ${name}`;
    if (!allowed.has(whole) && !storages.test(whole))
      throw bad("tensors and containers only", `${module}.${name}, which is never made`);
    push(new Global(whole));
  };
  const setItems = (items: readonly Item[]) => {
    const target = stack.at(-1);
    if (!(target instanceof Map)) throw bad("a dictionary", "another object");
    for (let i = 0; i + 1 < items.length; i += 2) target.set(items[i]!, items[i + 1]!);
  };
  const append = (items: readonly Item[]) => {
    const target = stack.at(-1);
    if (target instanceof Set) for (const item of items) target.add(item);
    else if (Array.isArray(target)) for (const item of items) target.push(item);
    else throw bad("a list", "another object");
  };
  const tuple = (count: number) => {
    const items = Array.from({ length: count }, pop).reverse();
    push(new Tuple(items));
  };

  const codes: Readonly<Record<number, () => void>> = {
    128: () => {
      if (u8() > 5) throw bad("a pickle of protocol 2 to 5", "a newer one");
    },
    149: () => take8(),
    40: () => push(mark),
    41: () => push(new Tuple([])),
    93: () => push([]),
    125: () => push(new Map()),
    143: () => push(new Set()),
    78: () => push(null),
    136: () => push(true),
    137: () => push(false),
    75: () => push(u8()),
    77: () => {
      at += 2;
      push(view.getUint16(at - 2, true));
    },
    74: () => {
      at += 4;
      push(view.getInt32(at - 4, true));
    },
    71: () => {
      at += 8;
      push(view.getFloat64(at - 8));
    },
    138: () => {
      const digits = take(u8());
      let value = 0;
      digits.forEach((digit, i) => {
        value += digit * 256 ** i;
      });
      if (digits.length > 0 && digits.at(-1)! > 127) value -= 256 ** digits.length;
      push(value);
    },
    88: () => text(u32()),
    140: () => text(u8()),
    84: () => push(take(u32())),
    85: () => push(take(u8())),
    66: () => push(take(u32())),
    67: () => push(take(u8())),
    99: () => global(line(), line()),
    147: () => {
      const [name, module] = [pop(), pop()];
      if (typeof name !== "string" || typeof module !== "string") throw bad("names of classes", "others");
      global(module, name);
    },
    113: () => remember(u8()),
    114: () => remember(u32()),
    148: () => remember(memo.size),
    104: () => recall(u8()),
    106: () => recall(u32()),
    48: () => void pop(),
    49: () => void popMark(),
    116: () => push(new Tuple(popMark())),
    133: () => tuple(1),
    134: () => tuple(2),
    135: () => tuple(3),
    108: () => push(popMark()),
    100: () => {
      const items = popMark();
      push(new Map());
      setItems(items);
    },
    115: () => {
      const [value, key] = [pop(), pop()];
      setItems([key, value]);
    },
    117: () => setItems(popMark()),
    97: () => append([pop()]),
    101: () => append(popMark()),
    144: () => append(popMark()),
    81: () => push(persistent(pop())),
    82: () => {
      const [args, callee] = [pop(), pop()];
      push(reduce(callee, args));
    },
    // State of an OrderedDict, such as the versions of its layers: nothing of it is needed.
    98: () => {
      pop();
      if (!(stack.at(-1) instanceof Map)) throw bad("tensors and containers only", "an object with a state");
    },
  };
  function take8(): void {
    at += 8;
  }
  function persistent(item: Item): Item {
    const [kind, type, key, , elements] = item instanceof Tuple ? item.items : [];
    const isStorage = type instanceof Global && storages.test(type.name);
    if (kind !== "storage" || !isStorage || typeof key !== "string" || !Number.isSafeInteger(elements))
      throw bad("storages of the archive", "another reference");
    return new StorageRef({ kind: (type as Global).name.split(" ")[1]!, key, elements: elements as number });
  }
  // One list may be made into a dictionary or set again and again.
  let copied = 0;
  const copy = (list: readonly Item[]): readonly Item[] => {
    copied += list.length;
    if (copied > most.copied) throw bad(`at most ${most.copied} elements of containers`, "more");
    return list;
  };
  function reduce(callee: Item, given: Item): Item {
    const name = callee instanceof Global ? callee.name : "";
    const args = given instanceof Tuple ? given.items : [];
    if (name === "collections OrderedDict") {
      const [list] = args;
      if (args.length > 1 || (list !== undefined && !Array.isArray(list))) throw bad("a plain OrderedDict", "another");
      const pairs = copy(list ?? []).map((pair) =>
        pair instanceof Tuple || Array.isArray(pair) ? pair : new Tuple([]),
      );
      return new Map(pairs.map((pair) => [...(Array.isArray(pair) ? pair : pair.items)].slice(0, 2) as [Item, Item]));
    }
    if (name.endsWith(" set")) return new Set(Array.isArray(args[0]) ? copy(args[0]) : []);
    if (name === "torch Size") return args[0] ?? null;
    if (name === "torch._utils _rebuild_parameter" && args[0] instanceof TensorView) return args[0];
    if (name === "torch._utils _rebuild_tensor_v2") {
      const [storage, offset, shape, strides] = args;
      const lengths = (item: Item | undefined): number[] | undefined =>
        item instanceof Tuple && item.items.every((d) => Number.isSafeInteger(d) && (d as number) >= 0)
          ? (item.items as number[])
          : undefined;
      const [dims, steps] = [lengths(shape), lengths(strides)];
      if (storage instanceof StorageRef && Number.isSafeInteger(offset) && (offset as number) >= 0 && dims && steps)
        return new TensorView(storage.storage, offset as number, dims, steps);
    }
    throw bad("tensors and containers only", `a call of ${name || "something"}`);
  }

  try {
    for (let steps = 0; ; steps++) {
      if (steps > most.steps) throw bad(`at most ${most.steps} steps`, "more");
      const code = u8();
      if (code === 0x2e) return pop();
      const run = codes[code];
      if (!run) throw bad("opcodes of tensors and containers", `0x${code.toString(16)}`);
      run();
    }
  } catch (error) {
    if (error instanceof RangeError) throw bad("a whole pickle", "one that ends early");
    throw error;
  }
}
export { Tuple };
