/** The public surface of src/scale: several groups of parties serve one model, through a broker that can read nothing of it. */
export { checkScaledInvitation, groupId, isScaled, type ScaledInvitation, tokenFor } from "./invitation.js";
export { Responder, type ResponderOptions } from "./responder.js";
export { ScaledModel, type ScaledModelOptions } from "./scaled-model.js";
