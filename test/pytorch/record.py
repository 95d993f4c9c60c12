"""Records what PyTorch computes, in double precision, into recorded.json. To be run by hand: python record.py (torch 1.12 or later)."""
import json
import math
import os

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)

def numbers(*shape, limit=1.0, seed=1):
    n = math.prod(shape)
    values = [round(512 * limit * math.sin(seed * 12.9898 + i * 78.233)) / 512 for i in range(n)]
    return torch.tensor(values).reshape(shape)

def weights(shape):
    """Give every element of a result another importance."""
    n = math.prod(shape)
    return torch.tensor([[1, -0.5, 0.75, -1.25, 0.25][i % 5] for i in range(n)]).reshape(shape)

def plain(x):
    if isinstance(x, torch.Tensor):
        return plain(x.detach().tolist())
    if isinstance(x, (list, tuple)):
        return [plain(item) for item in x]
    return float(f"{x:.9g}") if isinstance(x, float) else x

def camel(name):
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)

def losses():
    logits, labels = numbers(6, 4, limit=3), torch.tensor([0, 3, 1, 1, 2, 3])
    prob = torch.sigmoid(numbers(5, 2, limit=3, seed=2))
    targets = (numbers(5, 2, seed=4) > 0).double()
    soft = torch.softmax(numbers(6, 4, seed=5), 1)
    x, y = numbers(4, 3, limit=2, seed=6), numbers(4, 3, limit=2, seed=7)
    class_weights = torch.tensor([0.5, 2.0, 1.0, 0.25])
    cases = []

    def case(function, prediction, target, **options):
        for reduction in options.pop("reductions", ["mean", "sum", "none"]):
            p = prediction.clone().requires_grad_()
            if reduction == "batchMean":
                value = function(p, target, reduction="sum", **options) / len(p)
            else:
                value = function(p, target, reduction=reduction, **options)
            (value * weights(value.shape)).sum().backward()

            cases.append(
                {
                    "loss": camel(function.__name__),
                    "options": {"reduction": reduction, **{camel(k): plain(v) for k, v in options.items()}},
                    "prediction": plain(prediction),
                    "target": plain(target),
                    "value": plain(value),
                    "gradient": plain(p.grad),
                }
            )

    all_four = ["mean", "sum", "none", "batchMean"]
    case(F.mse_loss, x, y, reductions=all_four)
    case(F.l1_loss, x, y, reductions=all_four)
    case(F.smooth_l1_loss, x, y)
    case(F.smooth_l1_loss, x, y, beta=0.3, reductions=["mean", "none"])
    case(F.huber_loss, x, y)
    case(F.huber_loss, x, y, delta=0.3, reductions=["mean", "none"])
    case(F.cross_entropy, logits, labels, reductions=all_four)
    case(F.cross_entropy, logits, soft, reductions=all_four)
    case(F.cross_entropy, logits, labels, label_smoothing=0.1)
    case(F.cross_entropy, logits, labels, weight=class_weights, reductions=all_four)
    case(F.cross_entropy, logits, labels, weight=class_weights, label_smoothing=0.2)
    case(F.cross_entropy, logits, soft, weight=class_weights, label_smoothing=0.2, reductions=["mean", "none"])
    images, pixels = numbers(2, 3, 2, limit=3), torch.tensor([[0, 2], [1, 1]])
    three = torch.tensor([0.5, 2.0, 1.0])
    case(F.cross_entropy, images, pixels, weight=three, label_smoothing=0.1)
    case(F.nll_loss, torch.log_softmax(logits, 1), labels, reductions=all_four)
    case(F.nll_loss, torch.log_softmax(logits, 1), labels, weight=class_weights)
    case(F.binary_cross_entropy, prob, targets, reductions=all_four)
    case(F.binary_cross_entropy, prob, targets, weight=torch.tensor([0.5, 2.0]))
    case(F.binary_cross_entropy_with_logits, numbers(5, 2, limit=6, seed=2), targets, reductions=all_four)
    case(F.binary_cross_entropy_with_logits, numbers(5, 2, limit=6), targets, pos_weight=torch.tensor([3.0, 0.5]))
    case(F.kl_div, torch.log_softmax(logits, 1), soft, reductions=all_four)
    case(F.kl_div, torch.log_softmax(logits, 1), torch.log(soft), log_target=True, reductions=["mean", "none"])
    return cases

def layers():
    cases = []

    def case(name, module, *inputs, train=True, steps=1, call=None, **options):
        module.train(train)
        for i, (key, parameter) in enumerate(module.state_dict().items()):
            if parameter.is_floating_point() and (not key.startswith("running") or not train):
                value = numbers(*parameter.shape, limit=0.5, seed=30 + i)
                if key.endswith("var") or (parameter.dim() == 1 and "norm" in name.lower() and key == "weight"):
                    value = value.abs() + 0.5
                parameter.data.copy_(value)
        state = {key: plain(v) for key, v in module.state_dict().items() if v.is_floating_point()}
        leaves = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
        for _ in range(steps):
            outputs = call(module, *leaves) if call else module(*leaves)
        outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
        sum((out * weights(out.shape)).sum() for out in outputs).backward()
        after = {key: plain(v) for key, v in module.named_buffers() if v.is_floating_point()}
        cases.append(
            {
                "layer": name,
                "options": options,
                "train": train,
                "steps": steps,
                "state": state,
                "inputs": plain(list(inputs)),
                "outputs": plain(outputs),
                "inputGradients": [plain(x.grad) if x.requires_grad else None for x in leaves],
                "gradients": {key: plain(p.grad) for key, p in module.named_parameters()},
                "after": after,
            }
        )

    for train in [True, False]:
        case("batchNorm1d", nn.BatchNorm1d(3), numbers(6, 3, limit=2), train=train, steps=2, args=[3])
        case("batchNorm1d", nn.BatchNorm1d(2), numbers(4, 2, 3, limit=2), train=train, args=[2])
        case("batchNorm2d", nn.BatchNorm2d(2), numbers(3, 2, 3, 3, limit=2) + 1, train=train, args=[2])
    no_affine = nn.BatchNorm1d(3, affine=False, momentum=0.3, eps=1e-3)
    case("batchNorm1d", no_affine, numbers(6, 3), args=[3, {"affine": False, "momentum": 0.3, "eps": 1e-3}])
    case("batchNorm1d", nn.BatchNorm1d(3, track_running_stats=False), numbers(6, 3), train=False, args=[3, {"trackRunningStats": False}])
    case("layerNorm", nn.LayerNorm(5), numbers(4, 5, limit=3), args=[5])
    case("layerNorm", nn.LayerNorm((2, 3)), numbers(4, 2, 3, limit=3), args=[[2, 3]])
    case("layerNorm", nn.LayerNorm(4, elementwise_affine=False), numbers(2, 3, 4), args=[4, {"elementwiseAffine": False}])
    case("groupNorm", nn.GroupNorm(2, 4), numbers(3, 4, 2, 2, limit=2), args=[2, 4])
    case("instanceNorm2d", nn.InstanceNorm2d(2), numbers(2, 2, 3, 3, limit=2), args=[2])
    for kind, cell in [("rnnCell", nn.RNNCell), ("gruCell", nn.GRUCell)]:
        case(kind, cell(3, 4), numbers(2, 3), numbers(2, 4, seed=3), args=[3, 4])
    case("rnnCell", nn.RNNCell(3, 4, nonlinearity="relu"), numbers(2, 3), numbers(2, 4, seed=3), args=[3, 4, {"nonlinearity": "relu"}])
    case("lstmCell", nn.LSTMCell(3, 4), numbers(2, 3), numbers(2, 4, seed=3), numbers(2, 4, seed=4), args=[3, 4], call=lambda m, x, h, c: m(x, (h, c)))
    flat = lambda m, x: (lambda y, h: [y, *(h if isinstance(h, tuple) else [h])])(*m(x))
    for kind, layer in [("rnn", nn.RNN), ("gru", nn.GRU), ("lstm", nn.LSTM)]:
        case(kind, layer(2, 3, batch_first=True), numbers(2, 3, 2), call=flat, args=[2, 3, {"batchFirst": True}])
        case(kind, layer(2, 2, num_layers=2, bidirectional=True), numbers(3, 2, 2), call=flat, args=[2, 2, {"numLayers": 2, "bidirectional": True}])
    first = lambda m, q, k, v: m(q, k, v, need_weights=False)[0]
    case("multiheadAttention", nn.MultiheadAttention(4, 2, batch_first=True), numbers(2, 3, 4, limit=2), numbers(2, 5, 4, seed=2, limit=2), numbers(2, 5, 4, seed=3), call=first, args=[4, 2, {"batchFirst": True}])
    hidden = torch.triu(torch.ones(3, 3), 1).bool()
    causal = lambda m, x: m(x, x, x, need_weights=False, attn_mask=hidden)[0]
    case("multiheadAttention", nn.MultiheadAttention(4, 2, batch_first=True), numbers(2, 3, 4, limit=2), call=causal, args=[4, 2, {"batchFirst": True}], causal=True)
    for options in [{}, {"activation": "gelu", "norm_first": True}]:
        layer = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True, **options)
        case("transformerEncoderLayer", layer, numbers(2, 3, 4, limit=2), args=[4, 2, {"dimFeedforward": 6, "dropout": 0, "batchFirst": True, **{camel(k): v for k, v in options.items()}}])
    case("embedding", nn.Embedding(5, 3), torch.tensor([[1, 0, 4], [1, 2, 1]]), args=[5, 3])

    case("linear", nn.Linear(4, 3), numbers(2, 5, 4, limit=3), args=[4, 3])
    case("linear", nn.Linear(4, 3, bias=False), numbers(5, 4, limit=3), args=[4, 3, {"bias": False}])
    images, lines = numbers(1, 2, 4, 5, limit=3), numbers(2, 2, 7, limit=3)
    for options in [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "groups": 2, "bias": False}]:
        case("conv1d", nn.Conv1d(2, 4, 3, **options), lines, args=[2, 4, 3, options])
        case("conv2d", nn.Conv2d(2, 4, (2, 3), **options), images, args=[2, 4, [2, 3], options])
        case("convTranspose1d", nn.ConvTranspose1d(2, 4, 3, **options), lines, args=[2, 4, 3, options])
        case("convTranspose2d", nn.ConvTranspose2d(2, 4, (2, 3), **options), images, args=[2, 4, [2, 3], options])
    for options in [{}, {"stride": 1, "padding": 1}, {"stride": 2, "ceil_mode": True}]:
        given = {camel(k): v for k, v in options.items()}
        case("avgPool1d", nn.AvgPool1d(2, **options), lines, args=[2, given])
        case("avgPool2d", nn.AvgPool2d((2, 3), **options), images, args=[[2, 3], given])
        case("maxPool1d", nn.MaxPool1d(2, **options), lines, args=[2, given])
        case("maxPool2d", nn.MaxPool2d((2, 3), **options), images, args=[[2, 3], given])
    case("adaptiveAvgPool2d", nn.AdaptiveAvgPool2d((2, 3)), images, args=[[2, 3]])
    case("adaptiveMaxPool2d", nn.AdaptiveMaxPool2d((2, 3)), images, args=[[2, 3]])
    case("zeroPad2d", nn.ZeroPad2d((1, 2, 0, 3)), images, args=[[1, 2, 0, 3]])
    case("flatten", nn.Flatten(), images, args=[])
    case("unflatten", nn.Unflatten(1, (2, 1)), images, args=[1, [2, 1]])
    case("instanceNorm1d", nn.InstanceNorm1d(2), lines, args=[2])
    case("rmsNorm", RmsNorm(5), numbers(4, 5, limit=3), args=[5])
    x = numbers(24, limit=6)
    for kind, layer, args in [
        ("relu", nn.ReLU(), []), ("relu6", nn.ReLU6(), []), ("leakyRelu", nn.LeakyReLU(0.1), [0.1]), ("elu", nn.ELU(1.5), [1.5]), ("selu", nn.SELU(), []),
        ("gelu", nn.GELU(), []), ("gelu", nn.GELU("tanh"), [{"approximate": "tanh"}]), ("silu", nn.SiLU(), []), ("mish", nn.Mish(), []),
        ("sigmoid", nn.Sigmoid(), []), ("logSigmoid", nn.LogSigmoid(), []), ("tanh", nn.Tanh(), []), ("softplus", nn.Softplus(), []), ("softsign", nn.Softsign(), []),
        ("hardtanh", nn.Hardtanh(-1, 2), [-1, 2]), ("hardsigmoid", nn.Hardsigmoid(), []), ("hardswish", nn.Hardswish(), []), ("tanhshrink", nn.Tanhshrink(), []), ("identity", nn.Identity(), []),
    ]:
        case(kind, layer, x, args=args)
    case("prelu", nn.PReLU(2), lines, args=[2])
    for kind, layer in [("softmax", nn.Softmax), ("logSoftmax", nn.LogSoftmax), ("softmin", nn.Softmin)]:
        case(kind, layer(1), numbers(2, 4, 3, limit=6), args=[1])
    case("cosineSimilarity", nn.CosineSimilarity(1), numbers(3, 5, limit=3), numbers(3, 5, limit=2, seed=2), args=[1])
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True), 2)
    case("transformerEncoder", stack, numbers(2, 3, 4, limit=2), args=[4, 2, {"dimFeedforward": 6, "dropout": 0, "batchFirst": True}], count=2)
    return cases


class RmsNorm(nn.Module):
    """As torch.nn.RMSNorm, which came later."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + torch.finfo(x.dtype).eps) * self.weight


def operators():
    """Functions of tensors. Those of one name differ behind the colon; operators.test.ts says how each is written there."""
    cases = []

    def case(name, function, *inputs):
        leaves = [x.clone().requires_grad_() for x in inputs]
        outputs = function(*leaves)
        outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
        sum((out * weights(out.shape)).sum() for out in outputs).backward()
        cases.append({"name": name, "inputs": plain(list(inputs)), "outputs": plain(outputs), "gradients": [plain(x.grad) for x in leaves]})

    x, y, row = numbers(3, 4, limit=3), numbers(3, 4, limit=3, seed=2), numbers(4, limit=2, seed=3)
    above = numbers(3, 4, limit=3, seed=4).abs() + 0.25
    away = torch.where(y < 0, -above, above)
    cube, other = numbers(2, 3, 4, limit=3), numbers(2, 4, 2, limit=3, seed=5)
    for name, function in [("exp", torch.exp), ("sigmoid", torch.sigmoid), ("tanh", torch.tanh), ("erf", torch.erf), ("gelu", F.gelu), ("silu", F.silu), ("softplus", F.softplus), ("hardsigmoid", F.hardsigmoid), ("sin", torch.sin), ("cos", torch.cos), ("abs", torch.abs), ("neg", torch.neg), ("relu", torch.relu), ("square", torch.square)]:
        case(name, function, x)
    case("gelu: tanh", lambda x: F.gelu(x, approximate="tanh"), x)
    case("log", torch.log, above)
    case("sqrt", torch.sqrt, above)
    case("rsqrt", torch.rsqrt, above)
    case("reciprocal", torch.reciprocal, away)
    for n in [2, 3, 5, 7]:
        case(f"pow: {n}", lambda x: x**n, x)
    case("pow: -2", lambda x: x**-2, away)
    case("clamp", lambda x: x.clamp(-1, 2), x)
    case("add", torch.add, x, row)
    case("sub", torch.sub, x, row)
    case("mul", torch.mul, x, row)
    case("mul: number", lambda x: x * -0.3, x)
    case("div", torch.div, x, away)
    case("div: row", lambda x, y: x / y, x, row.abs() + 0.5)
    case("div: number", lambda x: x / 7, x)
    case("maximum", torch.maximum, x, y)
    case("minimum", torch.minimum, x, y)
    case("where", lambda x, y: torch.where(x < y, x * 2, y), x, y)
    case("matmul", torch.matmul, cube, other)
    case("matmul: broadcast", torch.matmul, cube, numbers(4, 2, seed=6))
    case("dot", torch.dot, row, numbers(4, seed=7))
    case("outer", torch.outer, row, numbers(3, seed=7))
    case("einsum", lambda x, y: torch.einsum("bij,bjk->ki", x, y), cube, other)
    case("sum", lambda x: x.sum(1), cube)
    case("sum: all", torch.sum, cube)
    case("mean", lambda x: x.mean((0, 2), keepdim=True), cube)
    case("var", lambda x: x.var(2), cube)
    case("var: population", lambda x: x.var((0, 1), unbiased=False), cube)
    case("std", lambda x: x.std(1), cube)
    case("norm: 1", lambda x: x.norm(1, 2), cube)
    case("norm: 2", lambda x: x.norm(2, 1), cube)
    case("norm: all", lambda x: x.norm(), cube)
    # Without equal sizes, whose gradient PyTorch shares out.
    case("norm: Infinity", lambda x: torch.linalg.vector_norm(x, math.inf, 2), numbers(2, 3, 4, seed=9))
    case("prod", lambda x: x.prod(1), cube)
    case("prod: all", torch.prod, x / 2)
    case("cumsum", lambda x: x.cumsum(1), cube)
    case("max", lambda x: x.max(1).values, cube)
    case("max: all", torch.max, cube)
    case("min", lambda x: x.min(2).values, cube)
    case("sort", lambda x: x.sort(1).values, cube)
    case("sort: descending", lambda x: x.sort(-1, descending=True).values, cube)
    case("topk", lambda x: x.topk(2, 2).values, cube)
    case("topk: smallest", lambda x: x.topk(2, 1, largest=False).values, cube)
    case("median", lambda x: x.median(2).values, cube)
    case("quantile", lambda x: x.quantile(0.3, 2), cube)
    case("softmax", lambda x: x.softmax(1), cube)
    case("logSoftmax", lambda x: x.log_softmax(2), cube)
    case("logSumExp", lambda x: x.logsumexp(1), cube)
    case("reshape", lambda x: x.reshape(4, 6), cube)
    case("flatten", lambda x: x.flatten(1), cube)
    case("unflatten", lambda x: x.unflatten(2, (2, 2)), cube)
    case("transpose", lambda x: x.transpose(0, 2), cube)
    case("T", lambda x: x.T, x)
    case("permute", lambda x: x.permute(2, 0, 1), cube)
    case("movedim", lambda x: x.movedim(0, 2), cube)
    case("squeeze", lambda x: x.squeeze(1), numbers(3, 1, 4))
    case("unsqueeze", lambda x: x.unsqueeze(1), x)
    case("expand", lambda x: x.expand(2, 3, -1), numbers(3, 1))
    case("repeat", lambda x: x.repeat(2, 1, 3), x)
    case("slice", lambda x: x[:, 0:4:2], x)
    case("narrow", lambda x: x.narrow(1, 1, 2), x)
    case("split", lambda x: x.split([1, 3], 1), x)
    case("chunk", lambda x: x.chunk(2, 1), x)
    case("unbind", lambda x: x.unbind(1), x)
    case("unfold", lambda x: x.unfold(1, 2, 1), x)
    case("pad", lambda x: F.pad(x, (1, 2, 0, 1), value=0.5), x)
    case("flip", lambda x: x.flip(0, 2), cube)
    case("roll", lambda x: x.roll((1, -1), (0, 2)), cube)
    case("indexSelect", lambda x: x.index_select(1, torch.tensor([3, 0, 0])), x)
    case("indexAdd", lambda x, y: x.index_add(0, torch.tensor([2, 2]), y), x, numbers(2, 4, seed=8))
    case("take", lambda x: x.take(torch.tensor([[0, 11], [5, 5]])), x)
    index = torch.tensor([[0, 2, 1, 1], [1, 0, 0, 1]])
    once = torch.tensor([[0, 2, 1, 1], [1, 0, 0, 2]])
    case("gather", lambda x: x.gather(0, index), x)
    case("scatter", lambda x, y: x.scatter(0, once, y), x, numbers(2, 4, seed=8))
    case("scatterAdd", lambda x, y: x.scatter_add(0, index, y), x, numbers(2, 4, seed=8))
    case("diagonal", lambda x: x.diagonal(1), x)
    case("trace", torch.trace, numbers(3, 3))
    case("concat", lambda x, y: torch.cat([x, y, x], 1), x, y)
    case("stack", lambda x, y: torch.stack([x, y], 1), x, y)
    return cases

def optimizers():
    cases = []
    inputs, targets = numbers(8, 3, limit=2), numbers(8, 2, seed=2)

    def case(name, make, scale=1.0, steps=5, clip_norm=None, **options):
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        for i, parameter in enumerate(model.parameters()):
            parameter.data.copy_(numbers(*parameter.shape, limit=0.5, seed=20 + i))
        optimizer = make(model.parameters(), **options)
        trace = []
        for _ in range(steps):
            optimizer.zero_grad()
            loss = F.mse_loss(model(inputs), targets)
            trace.append(loss.item())
            (loss * scale).backward()
            if clip_norm:
                nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            optimizer.step()
        given = {camel(k): list(v) if isinstance(v, tuple) else v for k, v in options.items()}
        if clip_norm:
            given["clipGradNorm"] = clip_norm
        final = {key: plain(v) for key, v in model.state_dict().items()}
        cases.append({"optimizer": name, "options": given, "scale": scale, "steps": steps, "losses": plain(trace), "weights": final})

    case("sgd", torch.optim.SGD, lr=0.1)
    case("sgd", torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.01)
    case("sgd", torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True)
    case("sgd", torch.optim.SGD, lr=0.1, momentum=0.8, dampening=0.5)
    case("sgd", torch.optim.SGD, lr=0.5, clip_norm=0.25)
    case("adam", torch.optim.Adam, lr=0.01, steps=100)
    case("adam", torch.optim.Adam, lr=0.05, weight_decay=0.1, betas=(0.8, 0.9), steps=20)
    case("adam", torch.optim.Adam, lr=0.02, eps=1e-2, steps=20)
    case("adam", torch.optim.Adam, lr=0.01, scale=2.0**-10, steps=20)
    case("adam", torch.optim.Adam, lr=0.01, scale=2.0**6, steps=20)
    case("adam", torch.optim.Adam, lr=0.05, clip_norm=0.1, steps=20)
    case("adamW", torch.optim.AdamW, lr=0.01, weight_decay=0.1, steps=20)
    case("adagrad", torch.optim.Adagrad, lr=0.1, steps=20)
    case("adagrad", torch.optim.Adagrad, lr=0.1, lr_decay=0.1, weight_decay=0.01, initial_accumulator_value=0.1, steps=20)
    case("rmsprop", torch.optim.RMSprop, lr=0.01, steps=20)
    case("rmsprop", torch.optim.RMSprop, lr=0.01, alpha=0.9, momentum=0.9, weight_decay=0.01, steps=20)
    case("rmsprop", torch.optim.RMSprop, lr=0.01, centered=True, steps=20)
    return {"inputs": plain(inputs), "targets": plain(targets), "start": {f"{layer}.{kind}": plain(numbers(*shape, limit=0.5, seed=20 + i)) for i, (layer, kind, shape) in enumerate([(0, "weight", (4, 3)), (0, "bias", (4,)), (2, "weight", (2, 4)), (2, "bias", (2,))])}, "cases": cases}

class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 4, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.lstm(x)[1][0][0])


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.layer(x).mean(1))


def trainings():
    cases = []

    def case(name, model, inputs, classes, make, steps, **options):
        for i, (key, parameter) in enumerate(model.named_parameters()):
            value = numbers(*parameter.shape, limit=0.5, seed=50 + i)
            parameter.data.copy_(value.abs() + 0.5 if "norm" in key and key.endswith("weight") else value)
        start = {key: plain(v) for key, v in model.state_dict().items() if v.is_floating_point()}
        labels = torch.arange(len(inputs)) * 7 // 3 % classes
        optimizer = make(model.parameters())
        trace = []
        for _ in range(steps):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels, **options)
            trace.append(loss.item())
            loss.backward()
            optimizer.step()
        given = {camel(key): value for key, value in options.items()}
        cases.append({"name": name, "start": start, "inputs": plain(inputs), "labels": plain(labels), "options": given, "losses": plain(trace)})

    mlp = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    case("mlp", mlp, numbers(12, 4, limit=2), 3, lambda p: torch.optim.Adam(p, lr=0.02), 20)
    case("lstm", Lstm(), numbers(8, 4, 2, limit=2), 2, lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9), 12, label_smoothing=0.1)
    case("transformer", Transformer(), numbers(6, 3, 4, limit=2), 2, lambda p: torch.optim.AdamW(p, lr=0.01), 10)
    cnn = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3))
    case("convnet", cnn, numbers(6, 1, 6, 6, limit=2), 3, lambda p: torch.optim.RMSprop(p, lr=0.01), 10)
    return cases


recorded = {"torch": torch.__version__, "losses": losses(), "layers": layers(), "operators": operators(), "optimizers": optimizers(), "trainings": trainings()}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded.json")
with open(path, "w") as file:
    json.dump(recorded, file, separators=(",", ":"))
