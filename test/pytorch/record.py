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


recorded = {"torch": torch.__version__, "losses": losses(), "layers": layers(), "optimizers": optimizers(), "trainings": trainings()}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded.json")
with open(path, "w") as file:
    json.dump(recorded, file, separators=(",", ":"))
