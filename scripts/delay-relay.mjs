// A slow line in user space, where the kernel has no netem: listens for each target, and hands on what comes, in both directions,
// MS milliseconds later. What TCP itself would lose by the distance (its handshake, slow start) is not in it.
// node scripts/delay-relay.mjs MS LISTEN_HOST:PORT=HOST:PORT …
import { connect, createServer } from "node:net";

const [, , ms, ...routes] = process.argv;
const delay = Number(ms);

/** In order, `delay` after it came. */
function pipe(from, to) {
  const later = (act) => (delay === 0 ? act() : setTimeout(act, delay));
  from.setNoDelay(true);
  from.on("data", (bytes) => later(() => to.writable && to.write(bytes)));
  from.on("end", () => later(() => to.end()));
  from.on("error", () => later(() => to.destroy()));
  from.on("close", () => later(() => to.destroy()));
}

for (const route of routes) {
  const [at, target] = route.split("=");
  const [host, port] = at.split(":");
  const [targetHost, targetPort] = target.split(":");
  const server = createServer((near) => {
    const far = connect({ host: targetHost, port: Number(targetPort) });
    pipe(near, far);
    pipe(far, near);
  });
  server.listen(Number(port), host);
}
console.log("relay");
