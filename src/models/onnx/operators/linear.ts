/** Operators of ONNX that multiply and add up: matrices, convolutions, Einstein sums. */
import { einsum, linear, type Tensor } from "../../../tensor/index.js";
import { convolve, convolveTransposed } from "../../windows.js";
import type { Attributes, Call, OperatorTable } from "../call.js";
import { type Spatial, spatialOf } from "../spatial.js";

function gemm(call: Call): Tensor {
  const [alpha, beta] = [call.float("alpha", 1), call.float("beta", 1)];
  const x = call.flag("transA") ? call.tensor(0).T : call.tensor(0);
  const bias = call.given(2) ? (beta === 1 ? call.operand(2) : call.tensor(2).mul(beta)) : undefined;
  if (call.flag("transB") && alpha === 1) return linear(x, call.operand(1), bias);
  const product = x.matmul(call.flag("transB") ? call.tensor(1).T : call.operand(1));
  const scaled = alpha === 1 ? product : product.mul(alpha);
  return bias === undefined ? scaled : scaled.add(bias);
}

/** One or two axes beyond batch and channels; three are not evaluated. */
function spatial(call: Call): Spatial {
  const [shape, weight] = [call.shape(0), call.shape(1)];
  const rank = shape.length - 2;
  if ((rank !== 1 && rank !== 2) || weight.length !== shape.length) call.refuse(`${rank} spatial axes`);
  return spatialOf(call, shape.slice(2), weight.slice(2));
}
function transposed(call: Call): Tensor {
  const form = spatial(call);
  const { kernel, strides, dilations, size } = form;
  const behind = call.ints("output_padding") ?? kernel.map(() => 0);
  const wanted = call.ints("output_shape");
  const mode = call.string("auto_pad", "NOTSET");
  const whole = size.map((n, i) => (n - 1) * strides[i]! + dilations[i]! * (kernel[i]! - 1) + 1);
  let [before, after] = [[...form.before], [...form.after]];
  const target = wanted ?? (mode.startsWith("SAME") ? size.map((n, i) => n * strides[i]!) : undefined);
  if (target) {
    const total = whole.map((n, i) => n + behind[i]! - target[i]!);
    // A half that is left over goes to the end for SAME_UPPER, as where a convolution pads.
    before = total.map((n) => (mode === "SAME_UPPER" ? Math.floor(n / 2) : Math.ceil(n / 2)));
    after = total.map((n, i) => n - before[i]!);
  }
  const cut = { ...form, before, after: after.map((n, i) => n - behind[i]!) };
  const bias = call.given(2) ? call.tensor(2) : undefined;
  return convolveTransposed(call.tensor(0), call.operand(1), bias, cut, call.int("group", 1));
}

const knownPadding = (attributes: Attributes): string | undefined => {
  const mode = attributes.string("auto_pad", "NOTSET");
  return ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"].includes(mode) ? undefined : `auto_pad ${mode}`;
};

export const linearOperators: OperatorTable = {
  Gemm: { record: gemm },
  MatMul: { record: (call) => call.tensor(0).matmul(call.operand(1)) },
  Conv: {
    refuses: knownPadding,
    record: (call) =>
      convolve(
        call.tensor(0),
        call.operand(1),
        call.given(2) ? call.operand(2) : undefined,
        spatial(call),
        call.int("group", 1),
      ),
  },
  ConvTranspose: { refuses: knownPadding, record: transposed },
  Einsum: {
    refuses: (a) => (a.string("equation", "").includes(".") ? "an ellipsis" : undefined),
    record: (call) =>
      einsum(call.string("equation", ""), call.tensor(0), ...call.inputs.slice(1).map((_, i) => call.operand(i + 1))),
  },
};
