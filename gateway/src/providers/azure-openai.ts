// Azure OpenAI through its version-less API: "/openai/v1/…", model = deployment name.

import { extendBaseUrl, joinAddress, pathnameOf } from "./address";
import type { Provider } from "./provider";

/** Entra ID tokens are JSON web tokens; resource keys are not. */
const isEntraToken = (token: string) => token.startsWith("eyJ") && token.split(".").length === 3;

export const azureOpenai = {
  kind: "azure-openai",
  publicUrl: null,
  address(baseUrl, path) {
    const hasPath = pathnameOf(baseUrl).includes("/openai");
    return joinAddress(hasPath ? baseUrl : extendBaseUrl(baseUrl, "/openai"), path);
  },
  authorize(headers, serverKey, caller) {
    const key = serverKey ?? caller.apiKey ?? caller.bearer;
    if (!key) return;
    if (isEntraToken(key)) headers.set("authorization", `Bearer ${key}`);
    else headers.set("api-key", key);
  },
} satisfies Provider;
