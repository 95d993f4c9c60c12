// What the module of a second thread exports: products, with scratch areas that lie behind the first thread's. No logic.
export { matmul } from "./matmul";
export { matmulIndexed } from "./indexed";
export { microWinograd } from "./micro";
export { matmul32 } from "./matmul32";
export { matmulIndexed32 } from "./indexed32";
