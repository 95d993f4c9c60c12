/** Attention and transformer layers: PyTorch's formulas, parameter names and shapes. Not position encodings: add one to the input. */
import { InputError, ShapeError } from "../errors.js";
import { einsum, linear as multiply, type Tensor, type Values } from "../tensor/index.js";
import { moduleList } from "./containers.js";
import { dropout } from "./dropout.js";
import * as init from "./init.js";
import { linear } from "./linear.js";
import { type Module, withParts } from "./module.js";
import { layerNorm } from "./normalization.js";
import { Parameter } from "./parameter.js";

/** What hidden scores are lowered by: far enough for exp, and well inside the bounds of a value. */
const hiddenScore = 1024;

export interface MultiheadAttentionOptions {
  /** Of attention weights, while training. */
  readonly dropout?: number;
  readonly bias?: boolean;
  /** [batch, time, features] instead of [time, batch, features]. */
  readonly batchFirst?: boolean;
}
export interface AttentionMask {
  /** Each position looks at itself and what came before. */
  readonly isCausal?: boolean;
  /** [queries, keys], public: true (or 1) where a query does not look. */
  readonly attnMask?: readonly (readonly (boolean | number)[])[];
}
/** The values that each query attends to, and the weights, averaged over the heads: [batch, queries, keys]. Weights cost nothing unless they are used. */
export type Attention = Module<
  [query: Tensor, key: Tensor, value: Tensor, mask?: AttentionMask],
  [output: Tensor, weights: Tensor]
>;

/**
 * softmax(Q Kᵀ / √d) V in `numHeads` heads. Cost: the products of the four projections and of the heads, and one softmax over
 * batch * heads * queries rows of as many numbers as there are keys.
 */
export function multiheadAttention(
  embedDim: number,
  numHeads: number,
  options: MultiheadAttentionOptions = {},
): Attention {
  const { bias = true, batchFirst = false } = options;
  const width = embedDim / numHeads;
  if (!Number.isInteger(width))
    throw new InputError(
      `multiheadAttention: expected an embedDim that ${numHeads} heads divide, got ${embedDim}; try ${Math.ceil(width) * numHeads}`,
    );
  const weight = init.xavierUniform(new Parameter([3 * embedDim, embedDim], () => new Float64Array(0)));
  const inBias = bias ? init.zeros(new Parameter([3 * embedDim], () => new Float64Array(0))) : undefined;
  const outProj = linear(embedDim, embedDim, { bias });
  const outBias = outProj.named.get("bias");
  if (outBias) init.zeros(outBias);
  const drop = dropout(options.dropout ?? 0);

  // Axes stay apart throughout: rows of a batch that were joined with times or heads could not be told from a mixture (ops/flow.ts).

  /** [batch, time, features] to [batch, time, heads, width], by one of the three projections. */
  function heads(x: Tensor, index: number): Tensor {
    const [batch, time] = x.shape as [number, number];
    const [start, end] = [index * embedDim, (index + 1) * embedDim];
    const own = weight.in(x.graph).slice(start, end);
    const projected = multiply(x, own, inBias?.in(x.graph).slice(start, end));
    return projected.reshape(batch, time, numHeads, width);
  }
  function forward(query: Tensor, key: Tensor, value: Tensor, mask: AttentionMask = {}): [Tensor, Tensor] {
    const inputs = [query, key, value].map((x) => {
      if (x.shape.length !== 3 || x.shape[2] !== embedDim)
        throw new ShapeError(
          `multiheadAttention: expected three axes, the last of ${embedDim}, got [${x.shape}]; try reshape`,
        );
      return batchFirst ? x : x.transpose(1, 0, 2);
    });
    const [batch, queries, keys] = [inputs[0]!.shape[0]!, inputs[0]!.shape[1]!, inputs[1]!.shape[1]!];
    const [q, k, v] = inputs.map(heads) as [Tensor, Tensor, Tensor];
    let scores = einsum("bqhd,bkhd->bhqk", q, k).mul(1 / Math.sqrt(width));
    const hidden = hiddenScores(mask, queries, keys);
    if (hidden) scores = scores.sub(hidden);
    const weights = scores.softmax(-1);
    const mixed = einsum("bhqk,bkhd->bqhd", drop(weights), v);
    const output = outProj(mixed.reshape(batch, queries, embedDim));
    const mean = weights.mean(1);
    return [batchFirst ? output : output.transpose(1, 0, 2), mean];
  }
  return withParts(forward, {
    in_proj_weight: weight,
    ...(inBias ? { in_proj_bias: inBias } : {}),
    out_proj: outProj,
    dropout: drop,
  });
}

function hiddenScores(
  { isCausal = false, attnMask }: AttentionMask,
  queries: number,
  keys: number,
): Values | undefined {
  if (attnMask && (attnMask.length !== queries || attnMask.some((row) => row.length !== keys)))
    throw new ShapeError(
      `multiheadAttention: expected an attnMask of ${queries} rows of ${keys}, got [${attnMask.length}, ${attnMask[0]?.length}]; try one entry for each pair`,
    );
  if (!isCausal && !attnMask) return undefined;
  return Array.from({ length: queries }, (_, i) =>
    Array.from({ length: keys }, (_, j) => ((isCausal && j > i) || attnMask?.[i]?.[j] ? hiddenScore : 0)),
  );
}

export interface TransformerEncoderLayerOptions {
  readonly dimFeedforward?: number;
  readonly dropout?: number;
  readonly activation?: "relu" | "gelu";
  readonly layerNormEps?: number;
  readonly batchFirst?: boolean;
  /** Normalise before attention and feed-forward instead of after. */
  readonly normFirst?: boolean;
}
/** x, and which positions look where. */
export type TransformerLayer = Module<[x: Tensor, mask?: AttentionMask], Tensor>;

/** Self-attention and two linear layers, each with its residual and its layer normalisation (Vaswani et al. 2017). */
export function transformerEncoderLayer(
  dModel: number,
  nhead: number,
  options: TransformerEncoderLayerOptions = {},
): TransformerLayer {
  const { dimFeedforward = 2048, dropout: p = 0.1, activation = "relu", layerNormEps = 1e-5 } = options;
  const { batchFirst = false, normFirst = false } = options;
  const own = {
    self_attn: multiheadAttention(dModel, nhead, { dropout: p, batchFirst }),
    linear1: linear(dModel, dimFeedforward),
    linear2: linear(dimFeedforward, dModel),
    norm1: layerNorm(dModel, { eps: layerNormEps }),
    norm2: layerNorm(dModel, { eps: layerNormEps }),
    dropout: dropout(p),
    dropout1: dropout(p),
    dropout2: dropout(p),
  };
  const attend = (x: Tensor, mask: AttentionMask | undefined) => own.dropout1(own.self_attn(x, x, x, mask)[0]);
  const feed = (x: Tensor) => {
    const wide = own.linear1(x);
    // Dropping commutes with ReLU, and is free before the truncation.
    const inner = activation === "relu" ? own.dropout(wide).relu() : own.dropout(wide.gelu());
    return own.dropout2(own.linear2(inner));
  };
  return withParts((x: Tensor, mask?: AttentionMask) => {
    if (normFirst) {
      const attended = x.add(attend(own.norm1(x), mask));
      return attended.add(feed(own.norm2(attended)));
    }
    const attended = own.norm1(x.add(attend(x, mask)));
    return own.norm2(attended.add(feed(attended)));
  }, own);
}

/** Layers one after the other. PyTorch copies one layer; here each is made anew, with first values of its own. */
export function transformerEncoder(layer: () => TransformerLayer, numLayers: number, norm?: Module): TransformerLayer {
  const layers = moduleList(Array.from({ length: numLayers }, layer));
  return withParts(
    (x: Tensor, mask?: AttentionMask) => {
      const output = layers.reduce((value, each) => each(value, mask), x);
      return norm ? norm(output) : output;
    },
    { layers, ...(norm ? { norm } : {}) },
  );
}
