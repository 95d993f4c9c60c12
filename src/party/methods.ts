/** The calls that a party answers: who may make them and what their parameters look like. Not what they do, see party.ts. */
import * as v from "valibot";
import { datasetMeta } from "../data/share-meta.js";
import { InputError, NameError, PolicyError } from "../errors.js";
import type { Caller, Role } from "./cluster.js";
import { grantSchema } from "./grants.js";
import { byName, datasetName, digestHex, idHex, issueText, mostScalars, natural, planName } from "./schemas.js";
import { deploymentDescription, modelName } from "./serving/deployment.js";

const everybody: readonly Role[] = ["owner", "driver", "party"];
const owners: readonly Role[] = ["owner"];
const drivers: readonly Role[] = ["driver"];

/** No parameters: nothing, null or {}. */
const none = v.pipe(
  v.nullish(v.strictObject({})),
  v.transform(() => ({})),
);
const named = v.strictObject({ name: datasetName });
/** A digest or enough of its beginning. */
const digestPrefix = v.pipe(v.string(), v.regex(/^[0-9a-f]{8,64}$/, "8 to 64 hex digits"));

export const methods = {
  hello: { roles: everybody, params: none },
  status: { roles: everybody, params: none },

  "dataset.begin": { roles: owners, params: v.strictObject({ meta: datasetMeta }) },
  "dataset.append": { roles: owners, params: v.strictObject({ name: datasetName, offset: natural }) },
  "dataset.commit": { roles: owners, params: v.strictObject({ name: datasetName, digest: digestHex }) },
  "dataset.publish": { roles: owners, params: named },
  "dataset.abort": { roles: owners, params: named },
  "dataset.remove": { roles: owners, params: named },
  "dataset.list": { roles: everybody, params: none },

  "plan.put": { roles: drivers, params: none },
  "plan.list": { roles: everybody, params: none },
  "plan.get": { roles: everybody, params: v.strictObject({ digest: digestPrefix }) },

  "grant.put": { roles: owners, params: grantSchema },
  "grant.revoke": { roles: owners, params: v.strictObject({ id: idHex }) },
  "grant.list": { roles: everybody, params: none },

  run: {
    roles: drivers,
    params: v.strictObject({
      request: idHex,
      digest: digestHex,
      scalars: byName(planName, v.pipe(v.number(), v.safeInteger()), mostScalars),
      checkpoint: v.optional(v.boolean(), false),
      /** Adds time and traffic by operator to the answer. */
      profile: v.optional(v.boolean(), false),
    }),
  },
  "inbox.take": { roles: everybody, params: none },

  "variable.list": { roles: everybody, params: none },
  "variable.remove": {
    roles: drivers,
    params: v.strictObject({ request: idHex, names: v.pipe(v.array(planName), v.minLength(1), v.maxLength(10_000)) }),
  },
  /** The plans were put before. */
  "model.deploy": { roles: drivers, params: v.strictObject({ request: idHex, description: deploymentDescription }) },
  "model.withdraw": { roles: drivers, params: v.strictObject({ request: idHex, name: modelName }) },
  "model.list": { roles: everybody, params: none },
  checkpoint: { roles: drivers, params: none },
} as const;

export type Method = keyof typeof methods;
export type Params<M extends Method> = v.InferOutput<(typeof methods)[M]["params"]>;

/** Throws unless there is such a method and this caller may call it. */
export function checkMethod(method: string, { name, role }: Caller): Method {
  if (!Object.hasOwn(methods, method))
    throw new NameError(`call: expected one of ${Object.keys(methods).join(", ")}, got another name; try hello`);
  const { roles } = methods[method as Method];
  if (!roles.includes(role))
    throw new PolicyError(
      `${method}: expected a caller who is ${roles.join(" or ")}, got ${name}, who is ${role}; try another identity`,
    );
  return method as Method;
}

/** The parameters of a call, validated. */
export function checkParams<M extends Method>(method: M, params: unknown): Params<M> {
  const result = v.safeParse(methods[method].params, params);
  if (!result.success)
    throw new InputError(`${method}: ${issueText(result.issues[0])}; try the client of this release`);
  return result.output as Params<M>;
}
