/** The public surface of src/net: the only room that does network I/O. */
export { type Broker, EmbeddedBroker } from "./broker.js";
export { createIdentity, fingerprint, type Identity } from "./certificates.js";
export {
  connectTlsMesh,
  createMemoryMeshes,
  establishMesh,
  type MemoryMeshOptions,
  memoryLinks,
  type PeerAddress,
  type TlsMeshOptions,
} from "./connect.js";
export { type Frame, type FrameHeader, FrameKind, type FrameToSend, frameBytes, HEADER_BYTES } from "./frame.js";
export type { Agreement } from "./handshake.js";
export { LinkedConnection, type LinkModel } from "./link.js";
export { memoryPair } from "./memory.js";
export type { Incoming, Mesh, MeshOptions, MeshStats, Outgoing, PeerTraffic } from "./mesh.js";
export { type BrokerState, type OnBrokerState, openBroker } from "./nats.js";
export { PeerInbox } from "./peer-inbox.js";
export { recordMesh, replayMesh } from "./record.js";
export { type CallOptions, RpcClient, type RpcLimits, type RpcResult } from "./rpc.js";
export type { Json } from "./rpc-codec.js";
export { type Handler, type HandlerResult, type Handlers, type ServeOptions, serve } from "./rpc-server.js";
export { dial, type Expected, type Listener, type ListenOptions, listen, type Pin, type Pins } from "./tls.js";
export type { Connection, ConnectionHandlers, Role } from "./transport.js";
export {
  serveWeb,
  type WebClient,
  type WebHandlers,
  type WebLimits,
  type WebPage,
  type WebServerOptions,
  webLimits,
} from "./web-server.js";
export { type OpenWebSocketOptions, openWebSocket, type WebSocketHandlers } from "./web-socket.js";
