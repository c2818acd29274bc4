// Owns GET|PUT /admin/settings/privacy: whether, and how, prompts and answers are kept.

import { contentModes, isContentMode, readPrivacyChange, setPrivacy } from "@anyray/shared/admin/privacy";
import { Elysia } from "elysia";
import { type AdminDeps, adminActor, type OptimizerPrivacy } from "./deps";
import { answerAdmin, readJson } from "./gate";
import { count, describe, fields, flag, json, listOf, oneOf, ref, type Schema, text } from "./openapi";

const path = "/admin/settings/privacy";

export function createPrivacyRoutes(deps: AdminDeps) {
  const read = async () => ({ ...deps.privacy.report(), optimizer: await deps.privacy.optimizer() });
  const write = async (request: Request) => {
    const change = readPrivacyChange(await readJson(request));
    await deps.policy.adopt(await setPrivacy(deps.store, change, adminActor(deps, request)));
    return read();
  };
  return new Elysia({ name: "admin-privacy" })
    .get(path, ({ request }) => answerAdmin(deps, request, read), { detail: readDetail })
    .put(path, ({ request }) => answerAdmin(deps, request, () => write(request)), {
      parse: "none",
      detail: writeDetail,
    });
}

/** From the optimizer's GET /health; null for one that does not tell. */
export function readOptimizerPrivacy(bytes: Uint8Array): OptimizerPrivacy | null {
  try {
    const { privacy } = JSON.parse(new TextDecoder().decode(bytes)) as { privacy?: Partial<OptimizerPrivacy> };
    const { effectiveMode, seenRevision } = privacy ?? {};
    return isContentMode(effectiveMode) && Number.isSafeInteger(seenRevision)
      ? { effectiveMode, seenRevision: seenRevision as number }
      : null;
  } catch {
    return null;
  }
}

const readDetail = describe({
  tag: "Operation",
  summary: "How prompts and answers are kept",
  answer: json(ref("Privacy")),
});

const writeDetail = describe({
  tag: "Operation",
  summary: "Change how prompts and answers are kept",
  description:
    "Holds from the next request of this gateway, within 1 s in every other process. `effectiveMode` is what takes effect: never looser than asked for. What was kept in stricter times stays as it is.",
  body: fields({ contentMode: oneOf(contentModes) }),
  answer: json(ref("Privacy")),
  refusals: ["invalid_request", "store_unavailable"],
});

const mode = oneOf(contentModes);

const inForce: Record<string, Schema> = {
  contentMode: { ...mode, description: "as asked for" },
  effectiveMode: { ...mode, description: "what takes effect" },
  reasons: { ...listOf(text), description: "why it is another one" },
  isPlaintextAllowed: { ...flag, description: "ANYRAY_ALLOW_PLAINTEXT" },
  keyId: { ...text, description: "names the content key without telling it" },
  isKeyValid: { ...flag, description: "whether it opens what the store holds; if not, nothing is kept" },
};

export const privacySchemas: Record<string, Schema> = {
  PrivacyInForce: fields(inForce),
  Privacy: fields({
    ...inForce,
    optimizer: {
      ...fields({
        effectiveMode: mode,
        seenRevision: { ...count, description: "of the policy it goes by" },
      }),
      nullable: true,
      description: "what the optimizer goes by; null where it does not answer",
    },
  }),
};
