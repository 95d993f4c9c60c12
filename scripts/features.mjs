// Writes FEATURES.md: which names of PyTorch exist here, found by looking for them in the code. `npm run features`; with --check it
// writes nothing and fails if the page is not current.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as everything from "../src/index.ts";

const secretgrad = { ...everything };
const { nn, optim, Session, Tensor } = secretgrad;
const page = fileURLToPath(new URL("../FEATURES.md", import.meta.url));

/** PyTorch's public names, by module; torch and torch.Tensor without in-place forms, views of memory, complex and sparse numbers. */
const torch = {
  "torch.nn": `Module Sequential ModuleList ModuleDict Parameter Buffer ParameterList ParameterDict Identity
    Linear Bilinear Flatten Unflatten Embedding EmbeddingBag
    Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d Unfold Fold
    MaxPool1d MaxPool2d MaxPool3d MaxUnpool2d AvgPool1d AvgPool2d AvgPool3d LPPool2d FractionalMaxPool2d
    AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveAvgPool1d AdaptiveAvgPool2d
    ZeroPad1d ZeroPad2d ConstantPad1d ConstantPad2d ReflectionPad1d ReflectionPad2d ReplicationPad1d ReplicationPad2d CircularPad2d
    ReLU ReLU6 LeakyReLU PReLU RReLU ELU SELU CELU GELU SiLU Mish Sigmoid LogSigmoid Tanh Softplus Softsign Softmax Softmin LogSoftmax
    Hardtanh Hardsigmoid Hardswish Hardshrink Softshrink Tanhshrink Threshold GLU
    BatchNorm1d BatchNorm2d BatchNorm3d LayerNorm GroupNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d RMSNorm LocalResponseNorm
    Dropout Dropout1d Dropout2d Dropout3d AlphaDropout
    RNN LSTM GRU RNNCell LSTMCell GRUCell
    MultiheadAttention TransformerEncoderLayer TransformerEncoder TransformerDecoderLayer TransformerDecoder Transformer
    PixelShuffle PixelUnshuffle ChannelShuffle Upsample CosineSimilarity PairwiseDistance
    MSELoss L1Loss SmoothL1Loss HuberLoss CrossEntropyLoss NLLLoss BCELoss BCEWithLogitsLoss KLDivLoss
    PoissonNLLLoss GaussianNLLLoss HingeEmbeddingLoss MarginRankingLoss SoftMarginLoss MultiMarginLoss CosineEmbeddingLoss TripletMarginLoss CTCLoss`,
  "torch.nn.Module": `parameters buffers named_parameters train eval state_dict load_state_dict register_forward_hook apply requires_grad_`,
  "torch.optim.Optimizer": `step zero_grad param_groups state_dict load_state_dict`,
  "torch.nn.init": `uniform_ normal_ trunc_normal_ constant_ zeros_ ones_ eye_ dirac_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_
    orthogonal_ sparse_ calculate_gain`,
  "torch.optim": `SGD Adam AdamW Adagrad RMSprop Adadelta Adamax NAdam RAdam ASGD Rprop LBFGS SparseAdam`,
  "torch.optim.lr_scheduler": `StepLR MultiStepLR ConstantLR LinearLR ExponentialLR PolynomialLR CosineAnnealingLR CosineAnnealingWarmRestarts
    OneCycleLR LambdaLR SequentialLR MultiplicativeLR ChainedScheduler CyclicLR ReduceLROnPlateau`,
  "torch.nn.utils": `clip_grad_norm_ clip_grad_value_ fuse_linear_bn_eval fuse_conv_bn_eval weight_norm spectral_norm`,
  "torch, torch.Tensor": `add sub mul div neg square pow reciprocal sqrt rsqrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh
    sigmoid tanh erf erfc abs sign clamp floor ceil round trunc frac fmod remainder lerp
    matmul bmm dot outer addmm einsum tensordot kron cdist det inverse
    sum mean prod var std norm logsumexp cumsum cumprod max min argmax argmin amax amin topk sort argsort median kthvalue mode quantile
    softmax log_softmax relu gelu silu softplus
    eq ne lt le gt ge maximum minimum where isclose logical_and logical_or logical_xor logical_not any all
    reshape flatten transpose permute T squeeze unsqueeze expand repeat cat stack split chunk narrow select index_select gather scatter
    scatter_add index_add take unbind unfold flip roll pad diag diagonal trace tril triu one_hot dropout bernoulli item tolist`,
};

/** Where the name here does not follow from PyTorch's. */
const renamed = {
  ReLU: "relu",
  ReLU6: "relu6",
  LeakyReLU: "leakyRelu",
  PReLU: "prelu",
  RReLU: "rrelu",
  ELU: "elu",
  SELU: "selu",
  CELU: "celu",
  GELU: "gelu",
  SiLU: "silu",
  LPPool2d: "lpPool2d",
  // Not x.unfold(), which cuts one axis.
  Unfold: "im2col",
  CrossEntropyLoss: "crossEntropy",
  BCELoss: "binaryCrossEntropy",
  BCEWithLogitsLoss: "binaryCrossEntropyWithLogits",
  KLDivLoss: "klDiv",
  RMSprop: "rmsprop",
  NAdam: "nadam",
  RAdam: "radam",
  RMSNorm: "rmsNorm",
  cat: "concat",
  bmm: "matmul",
  logsumexp: "logSumExp",
  amax: "max",
  amin: "min",
  permute: "transpose",
  named_parameters: "named",
  item: "reveal",
  tolist: "reveal",
  select: "slice",
  clip_grad_norm_: "clipGradNorm",
  clip_grad_value_: "clipGradValue",
  fuse_linear_bn_eval: "fuseBatchNorm",
  fuse_conv_bn_eval: "fuseBatchNorm",
};
/** Of an optimizer; loading is the session's. */
const ofOptimizers = { step: "minimize", zero_grad: "minimize", param_groups: "paramGroups", state_dict: "state" };
const model = nn.linear(1, 1);
const optimizer = optim.sgd(model.parameters(), { lr: 1 });
/** Options have no names at run time. */
const clipping = readFileSync(new URL("../src/optim/gradients.ts", import.meta.url), "utf8");
/** CrypTen's own list; a test computes every one of its operators. */
const crypten = JSON.parse(readFileSync(new URL("crypten.json", import.meta.url), "utf8"));
/** What a reader should know before relying on it. */
const notes = JSON.parse(readFileSync(new URL("features.json", import.meta.url), "utf8"));

function camel(name) {
  if (renamed[name]) return renamed[name];
  const [head, ...rest] = name.split("_").filter(Boolean);
  const first = /^[A-Z]/.test(head) && name !== "T" ? lowered(head) : head;
  return first + rest.map((part) => part[0].toUpperCase() + part.slice(1)).join("");
}
/** BatchNorm1d, LSTMCell, GRU: the capitals in front become small, but for one that begins a word. */
function lowered(name) {
  return name.replace(/^[A-Z]+(?=[A-Z][a-z])|^[A-Z]+/, (capitals) => capitals.toLowerCase());
}

function memberOf(name, object, member) {
  if (!Object.hasOwn(object, member)) return undefined;
  return `${name}.${member}${typeof object[member] === "function" ? "()" : ""}`;
}

/** Methods of modules and optimizers have notes of their own, by "torch.nn.Module.train". */
function noteOn(module, name) {
  const note = notes[`${module}.${name}`] ?? notes[name];
  return note ? ` ${note} ` : " ";
}

/** How it is written here, or undefined. */
function found(module, name) {
  const own = camel(name);
  const method = Object.getOwnPropertyDescriptor(Tensor.prototype, own);
  const asMethod = method && (method.get ? `x.${own}` : `x.${own}()`);
  const asFunction = typeof secretgrad[own] === "function" ? `${own}()` : undefined;
  const classes = { Parameter: "nn.Parameter", Buffer: "nn.Buffer", Module: "nn.module" };
  if (module === "torch.nn" && classes[name]) return classes[name].slice(3) in nn ? classes[name] : undefined;
  if (module === "torch.nn.Module") return memberOf("model", model, own);
  if (module === "torch.optim.Optimizer")
    return name === "load_state_dict"
      ? memberOf("session", Session.prototype, "resume")
      : memberOf("sgd", optimizer, ofOptimizers[name]);
  if (module === "torch.nn.init") return own in nn.init ? `nn.init.${own}` : undefined;
  if (own.startsWith("clipGrad")) return clipping.includes(`${own}?:`) ? `${own}: of an optimizer` : undefined;
  if (module === "torch.nn" || module === "torch.nn.utils") return own in nn ? `nn.${own}` : asMethod;
  if (module.startsWith("torch.optim")) return own in optim ? `optim.${own}` : undefined;
  return asMethod ?? asFunction ?? (own in nn.functional ? `nn.functional.${own}` : undefined);
}

const lines = [
  "# Features",
  "",
  "What of PyTorch is here, under which name. Made from the code by `npm run features`; a test holds it current. Names are PyTorch's in",
  "camelCase; layers are functions, not classes. Everything works with every protocol and is differentiable where PyTorch's is.",
];
const code = (text) => `\`${text}\``;
for (const [module, text] of Object.entries(torch)) {
  const names = text.split(/\s+/).filter(Boolean);
  const rows = names.map((name) => [name, found(module, name)]);
  const here = rows.filter(([, own]) => own);
  const missing = rows.filter(([, own]) => !own).map(([name]) => code(name));
  lines.push("", `## ${module}: ${here.length} of ${names.length}`, "", "| PyTorch | here | |", "|---|---|---|");
  for (const [name, own] of here) lines.push(`| ${code(name)} | ${code(own)} |${noteOn(module, name)}|`);
  if (missing.length > 0) lines.push("", `Not here: ${missing.join(", ")}.`);
}

const groups = Object.entries(crypten.operators);
const operators = groups.flatMap(([, group]) => Object.keys(group)).length;
lines.push(
  "",
  `## CrypTen's operators: ${operators}`,
  "",
  "`test/crypten` holds each against float64 over wide inputs: moves and comparisons exactly, the rest to 2e-4 at 20 fraction bits, where",
  "CrypTen's own tests allow half of the value.",
  "",
  "| CrypTen | here |",
  "|---|---|",
);
const isHere = { x: (name) => name in Tensor.prototype, nn: (name) => name in nn };
for (const own of groups.flatMap(([, group]) => Object.values(group)))
  for (const [text, of, name] of own.matchAll(/\b(x|nn)\.(\w+)/g))
    if (!isHere[of](name)) throw new Error(`crypten.json: expected a name of this library, got ${text}`);
const cell = (text) => text.replaceAll("|", "\\|");
for (const [, group] of groups)
  for (const [name, own] of Object.entries(group)) lines.push(`| ${code(cell(name))} | ${cell(own)} |`);
lines.push("", "Without numbers to compare:", "");
for (const [name, own] of Object.entries(crypten.others)) lines.push(`- ${code(name)}: ${code(own)}`);
lines.push("", "Not here:", "");
for (const [name, reason] of Object.entries(crypten.missing)) lines.push(`- ${name}: ${reason}`);
const table = `${lines.join("\n")}\n`;

if (!process.argv.includes("--check")) writeFileSync(page, table);
else if (readFileSync(page, "utf8") !== table) {
  console.error("FEATURES.md: expected what the code gives, got another page; try `npm run features`");
  process.exit(1);
}
