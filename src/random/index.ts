/** The public surface of src/random: everything secret and random in the package starts here. */
export { type BlockCipher, fixedKeyAes } from "./block-cipher.js";
export { deriveKey, secureRandom } from "./bytes.js";
export { type Expander, expand, expander } from "./expand.js";
export {
  LARGEST_CHUNK,
  LARGEST_NODE,
  LARGEST_RUN,
  Prg,
  type PrgOptions,
  STREAM_BYTES,
  Stream,
  type StreamId,
} from "./prg.js";
export { uniform } from "./uniform.js";
