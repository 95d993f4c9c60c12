#!/usr/bin/env python3
"""Runs CrypTen on the cases of `npm run bench -- ops|nets`: same shapes, same numbers, same way of timing, rows with the same fields.

python3 bench/peers/crypten_bench.py [ops|nets] [--provider tfp|ttp] [--only TEXT] [--most N] [--json]

Two processes on loopback, one thread each; with `ttp` a third one, the trusted third party that makes the triples. Not a part of
secretgrad, and nothing of CrypTen is in here: README.md beside this file says what to install.
"""
import argparse
import json
import math
import multiprocessing
import os
import pickle
import statistics
import sys
import tempfile
import time

PARTIES = 2
FRACTION = 16
WARM_UP_SECONDS = 4
LIMIT_SECONDS = 1200  # for one case, start and warm-up included


# -- the cases, as bench/cases.ts has them; run at each party --

seed = 0


def values(shape, limit):
    """The numbers that bench/values.ts makes, in the same order: xorshift, in [-limit, limit)."""
    import torch

    global seed
    seed += 1
    state = seed * 2654435761 % 2**32 or 1
    data = []
    for _ in range(math.prod(shape)):
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        data.append((state / 2**31 - 1) * limit)
    return torch.tensor(data, dtype=torch.float64).reshape(shape)


def labels(rows, classes):
    """One-hot rows."""
    import torch

    return torch.nn.functional.one_hot(values([rows, classes], 1).argmax(1), classes).double()


class Case:
    """`state` is shared once, `fresh` for each repetition, inside the clock. `run` gets both by name: cryptensors, or float64 to compare with."""

    trains = False
    reveals = False

    def __init__(self, name, group, repetitions):
        self.name, self.group, self.repetitions = name, group, repetitions

    def fresh(self):
        return {}


class Operator(Case):
    def __init__(self, name, repetitions, shapes, limit, compute):
        super().__init__(name, "ops", repetitions)
        self.shapes, self.limit, self.compute = shapes, limit, compute

    def state(self):
        return {key: values(shape, self.limit) for key, shape in self.shapes.items()}

    def run(self, given):
        return {"out": self.compute(**given)}


def mul(n, repetitions):
    return Operator(f"mul {n}", repetitions, {"x": [n], "y": [n]}, 4, lambda x, y: x * y)


def matmul(m, k, n, repetitions):
    return Operator(f"matmul {m}x{k}x{n}", repetitions, {"x": [m, k], "y": [k, n]}, 1, lambda x, y: x.matmul(y))


def relu(n, repetitions):
    return Operator(f"relu {n}", repetitions, {"x": [n]}, 100, lambda x: x.relu())


def is_secret(x):
    import crypten

    return crypten.is_encrypted_tensor(x)


def convolve(x, weight, bias):
    import torch

    out = x.conv2d(weight) if is_secret(x) else torch.nn.functional.conv2d(x, weight)
    return out + bias.reshape([1, -1, 1, 1])


def pool(x, how):
    import torch

    return getattr(x if is_secret(x) else torch.nn.functional, f"{how}_pool2d")(*([] if is_secret(x) else [x]), 2)


# A layer is "relu", "max", "avg", "flat", ("linear", inputs, outputs) or ("conv", channels in, out, kernel).
def mlp(*widths):
    layers = [("linear", a, b) for a, b in zip(widths, widths[1:])]
    return [each for layer in layers[:-1] for each in (layer, "relu")] + [layers[-1]]


LENET = [("conv", 1, 20, 5), "max", "relu", ("conv", 20, 50, 5), "max", "relu", "flat"] + mlp(800, 500, 10)
CONVNET = [each for a, b in ((1, 16), (16, 32), (32, 64)) for each in (("conv", a, b, 3), "avg", "relu")]
CONVNET += ["flat", ("linear", 64, 10)]


class Network(Case):
    def __init__(self, name, repetitions, layers, batch, loss=None, rate=0.02, steps=1):
        super().__init__(name, "nets", repetitions)
        self.layers, self.batch, self.loss, self.rate, self.steps = layers, batch, loss, rate, steps
        self.trains, self.reveals = loss is not None, loss is None
        self.weighted = [layer for layer in layers if isinstance(layer, tuple)]

    def state(self):
        state = {}
        for i, (kind, inputs, outputs, *kernel) in enumerate(self.weighted):
            kernels = kernel * 2
            limit = 1 / math.sqrt(inputs * math.prod(kernels))
            state[f"w{i}"] = values([outputs, inputs, *kernels], limit)
            state[f"b{i}"] = values([outputs], limit)
        return state

    def fresh(self):
        kind, inputs, *_ = self.weighted[0]
        given = {"x": values([self.batch, inputs] if kind == "linear" else [self.batch, 1, 28, 28], 1)}
        outputs = self.weighted[-1][2]
        if self.loss == "mse":
            given["t"] = values([self.batch, outputs], 1)
        elif self.loss == "ce":
            given["t"] = labels(self.batch, outputs)
        return given

    def forward(self, given):
        x, i = given["x"], 0
        for layer in self.layers:
            if layer == "relu":
                x = x.relu()
            elif layer == "flat":
                x = x.reshape([self.batch, -1])
            elif layer in ("max", "avg"):
                x = pool(x, layer)
            else:
                w, b = given[f"w{i}"], given[f"b{i}"]
                x = convolve(x, w, b) if layer[0] == "conv" else x.matmul(w.t()) + b
                i += 1
        return x

    def run(self, given):
        if not self.loss:
            return {"out": self.forward(given)}
        parameters = {key: value for key, value in given.items() if key[0] in "wb"}
        if is_secret(given["x"]):
            import crypten as library
        else:
            import torch as library
        optimizer = library.optim.SGD(list(parameters.values()), lr=self.rate)
        for _ in range(self.steps):
            optimizer.zero_grad()
            out = self.forward(given)
            if self.loss == "mse":
                loss = (out - given["t"]).square().sum() / self.batch
            elif is_secret(out):
                loss = library.nn.CrossEntropyLoss()(out, given["t"])
            else:
                loss = -(out.log_softmax(1) * given["t"]).sum() / self.batch
            loss.backward()
            optimizer.step()
        return parameters


MLP64, MLP128 = mlp(784, 128, 64, 10), mlp(784, 128, 128, 10)
CASES = [
    mul(100000, 60),
    mul(1000000, 15),
    matmul(64, 784, 128, 60),
    matmul(512, 512, 512, 15),
    relu(100000, 60),
    relu(1000000, 15),
    Operator("softmax 128x128", 25, {"x": [128, 128]}, 4, lambda x: x.softmax(1)),
    Operator("maxpool2 32x20x24x24", 30, {"x": [32, 20, 24, 24]}, 100, lambda x: pool(x, "max")),
    Network("mlp64 b64 train mse", 75, MLP64, 64, "mse"),
    Network("mlp128 b128 train mse", 40, MLP128, 128, "mse"),
    Network("mlp128 b128 train ce", 40, MLP128, 128, "ce"),
    Network("mlp64 b1 infer", 100, MLP64, 1),
    Network("mlp128 b128 infer", 75, MLP128, 128),
    Network("mlp128 b1 infer", 100, MLP128, 1),
    Network("lenet b128 train mse", 7, LENET, 128, "mse"),
    Network("lenet b128 train ce", 7, LENET, 128, "ce"),
    Network("lenet b1 infer", 50, LENET, 1),
    Network("convnet b1 infer", 100, CONVNET, 1),
    Network("convnet b64 infer", 30, CONVNET, 64),
    Network("logreg b100 10 epochs ce", 20, mlp(784, 10), 100, "ce", 0.05, 10),
]


# -- at each party --


class Traffic:
    """Counts at one party what goes through CrypTen's communicator: calls as rounds, bytes that this party sends, and those of the third party."""

    def __init__(self, communicator):
        self.communicator = communicator
        for name in ["send", "isend", "scatter", "all_reduce", "all_gather", "broadcast", "send_obj", "recv_obj"]:
            setattr(communicator, name, self.counted(name, getattr(communicator, name)))
        self.clear()

    def clear(self):
        self.rounds = self.sent = self.served = 0

    def counted(self, name, call):
        def wrapper(first, *rest, **options):
            self.rounds += 1
            tensors = first if isinstance(first, list) else [first]
            others = self.communicator.get_world_size() - 1
            if name == "send_obj":
                self.sent += len(pickle.dumps(first))
            elif name != "recv_obj":
                size = 8 * sum(tensor.nelement() for tensor in tensors)
                src = rest[0] if rest else options.get("src")
                if name in ("all_reduce", "send", "isend"):
                    self.sent += size
                elif name == "all_gather" or src == self.communicator.get_rank():
                    self.sent += size * others
                elif src == self.communicator.get_ttp_rank():
                    self.served += size
            return call(first, *rest, **options)

        return wrapper


def party(rank, provider, rendezvous, name, most, pipe):
    """One process: a party, or with rank 2 the third one. Sends what it found through the pipe."""
    os.environ.update(
        WORLD_SIZE=str(PARTIES),
        RANK=str(rank),
        RENDEZVOUS=f"file://{rendezvous}",
        DISTRIBUTED_BACKEND="gloo",
        GLOO_SOCKET_IFNAME="lo",
        OMP_NUM_THREADS="1",
    )
    try:
        import crypten
        import torch

        torch.set_num_threads(1)
        crypten.config.cfg.mpc.provider = provider.upper()
        if rank == PARTIES:
            crypten.mpc.provider.TTPServer()
            return
        crypten.init()
        found = calibration() if name == "calibration" else measure(next(c for c in CASES if c.name == name), most)
        found["peer"] = f"crypten {crypten.__version__}, torch {torch.__version__}, {provider}"
        pipe.send(found)
        crypten.uninit()
    except BaseException as error:  # noqa: B902: whatever it is, the row tells it
        pipe.send({"error": f"{type(error).__name__}: {error}".split("\n")[0][:200]})


def secret(tensor, requires_grad=False):
    """Party 0's numbers, shared by CrypTen."""
    import crypten

    return crypten.cryptensor(tensor.float(), src=0, requires_grad=requires_grad)


def revealed(value):
    """The exact number: CrypTen's own decoding is off by 1 for some negative ones."""
    return value._tensor.reveal().double() / 2**FRACTION


def measure(case, most):
    import crypten

    traffic = Traffic(crypten.communicator.get())
    state = case.state()
    kept = {key: secret(tensor, case.trains) for key, tensor in state.items()}
    case.fresh()
    seconds, processor, error = [], [], 0.0
    repetitions = min(case.repetitions, most)
    warm = time.perf_counter() + WARM_UP_SECONDS
    i = -2
    while i < repetitions:
        fresh = case.fresh()
        crypten.communicator.get().barrier()
        traffic.clear()
        before, cpu = time.perf_counter(), time.process_time()
        with crypten.enable_grad() if case.trains else crypten.no_grad():
            result = case.run({**kept, **{key: secret(tensor) for key, tensor in fresh.items()}})
        if case.reveals:
            result["out"].get_plain_text()
        took, cpu = time.perf_counter() - before, time.process_time() - cpu
        rounds, sent = traffic.rounds, max(traffic.sent, traffic.served)
        if i >= 0:
            seconds.append(took)
            processor.append(cpu)
        # Like ours, before the clock starts: timed runs follow one another.
        if i == -2 or (i < 0 and not case.trains):
            given = {**state, **fresh}
            if case.trains:
                given = {key: tensor.clone().requires_grad_(key[0] in "wb") for key, tensor in given.items()}
            for key, wanted in case.run(given).items():
                error = max(error, (revealed(result[key]) - wanted.detach()).abs().max().item())
        i += 1
        # The parties must agree on when it is warm: party 0 says so.
        if i == 0 and crypten.communicator.get().broadcast_obj(time.perf_counter() < warm, 0):
            i = -1
    return {"seconds": seconds, "cpuSeconds": statistics.median(processor), "rounds": rounds, "bytes": sent, "maxError": error}


def calibration():
    import crypten
    import torch

    a = torch.randint(-(2**62), 2**62, (256, 256))
    times = []
    for _ in range(60):
        before = time.perf_counter()
        a.matmul(a)
        times.append(time.perf_counter() - before)
    communicator = crypten.communicator.get()

    def rounds(words, count):
        tensor = torch.zeros(words, dtype=torch.long)
        for _ in range(count // 10):
            communicator.all_reduce(tensor)
        before = time.perf_counter()
        for _ in range(count):
            communicator.all_reduce(tensor)
        return (time.perf_counter() - before) / count

    return {
        "kernelGmacs": 256**3 / statistics.median(times) / 1e9,
        "kernelGmacsBest": 256**3 / min(times) / 1e9,
        "roundMicroseconds": rounds(8, 500) * 1e6,
        "mebibyteRingMilliseconds": rounds(2**17, 30) * 1e3,
    }


# -- the driver --


def run(provider, name, most):
    """A row: one case, in processes of its own, so that a case that fails or hangs ends nothing but itself."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        processes, pipes = [], []
        for rank in range(PARTIES + (provider == "ttp")):
            ours, theirs = context.Pipe()
            arguments = (rank, provider, os.path.join(folder, "meet"), name, most, theirs)
            processes.append(context.Process(target=party, args=arguments, daemon=True))
            processes[-1].start()
            theirs.close()
            if rank < PARTIES:
                pipes.append(ours)
        until = time.monotonic() + LIMIT_SECONDS
        found = []
        for pipe in pipes:
            try:
                found.append(pipe.recv() if pipe.poll(max(0, until - time.monotonic())) else {"error": "no end"})
            except EOFError:
                found.append({"error": "ended without an answer"})
            if "error" in found[-1]:
                break
        for process in processes:
            process.join(5)
            if process.is_alive():
                process.terminate()
    failed = next((each for each in found if "error" in each), None)
    if failed:
        return {"case": name, "error": f"CrypTen: {failed['error']}"}
    peer = found[0].pop("peer")
    if name == "calibration":
        return {"case": name, **found[0], "peer": peer}
    slowest = sorted(max(pair) for pair in zip(*(each["seconds"] for each in found)))
    return {
        "case": name,
        "seconds": slowest[len(slowest) // 2],
        "min": slowest[0],
        "rounds": found[0]["rounds"],
        "bytesPerParty": max(each["bytes"] for each in found),
        "maxError": found[0]["maxError"],
        "cpuSeconds": statistics.mean(each["cpuSeconds"] for each in found),
        "repetitions": len(slowest),
        "peer": peer,
    }


def text(row):
    if "error" in row:
        return f"{row['case']:<26} {row['error']}"
    if row["case"] == "calibration":
        return f"calibration: {row['kernelGmacs']:.2f} G multiply-adds/s, {row['roundMicroseconds']:.0f} µs a round, {row['mebibyteRingMilliseconds']:.2f} ms for 1 MiB; {row['peer']}"
    return (
        f"{row['case']:<26} {row['seconds'] * 1000:8.1f} ms (min {row['min'] * 1000:.1f} ms)  {row['rounds']} rounds  "
        f"{row['bytesPerParty'] / 1e6:.3f} MB a party  {row['cpuSeconds'] * 1000:.1f} ms of processor a party  largest error {row['maxError']:.1e}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group", nargs="?", choices=["ops", "nets"], help="default: both")
    parser.add_argument("--provider", choices=["tfp", "ttp"], default="tfp", help="who makes the triples: party 0, or a third one")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--most", type=int, default=10**6, help="repetitions at most")
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    flags = parser.parse_args()
    chosen = [case.name for case in CASES if flags.group in (None, case.group) and flags.only in case.name]
    for name in ["calibration", *chosen]:
        row = run(flags.provider, name, flags.most)
        print(json.dumps(row) if flags.json else text(row), flush=True)
        if name == "calibration" and "error" in row:
            sys.exit(1)


if __name__ == "__main__":
    main()
