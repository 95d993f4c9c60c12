/** The mean squared error of two secret vectors. */
import { local, nn } from "secretgrad";
import { protocol } from "./support/protocol.js";

const session = await local({ protocol, insecure: true });
const prediction = session.secret([1, 2, 3]);
const target = session.secret([4, 5, 6]);

const loss = await nn.mseLoss(prediction, target).reveal();
console.log("Mean squared error:", loss.item().toFixed(4));
await session.close();
