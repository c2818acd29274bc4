// Owns telling whether the model that will read a request can ask for what was elided from it: whether our tool is
// among those it may call. A wrong yes would lose text for good, so a name alone counts only where it is ours alone.

import type { JsonObject } from "../endpoints/endpoint";
import { field, isObject, objectField, textField } from "../endpoints/fields";

/** As agents call a server's tool that was added under the name "anyray". */
const ownName = /^mcp__anyray__retrieve$|^anyray[._-]{1,2}retrieve$/;
const likelyName = /(^|[._-])retrieve$/i;

/** @param endpoint its path, for example "/v1/messages" */
export function canRetrieve(request: JsonObject, endpoint: string): boolean {
  if (isForbidden(field(request, "tool_choice"))) return false;
  if (endpoint === "/v1/messages") return declared(request, "tools").some(isMessagesTool);
  if (endpoint === "/v1/responses") return declared(request, "tools").some(isResponsesTool);
  if (endpoint !== "/v1/chat/completions") return false;
  if (field(request, "function_call") === "none") return false;
  const functions = declared(request, "tools").map((tool) => objectField(tool, "function") ?? {});
  return [...functions, ...declared(request, "functions")].some((tool) => isRetrieve(tool, "parameters"));
}

function declared(request: JsonObject, name: string): JsonObject[] {
  const tools = field(request, name);
  return Array.isArray(tools) ? tools.filter(isObject) : [];
}

/** "none" in OpenAI's words, or in Anthropic's. */
function isForbidden(choice: unknown): boolean {
  return choice === "none" || (isObject(choice) && field(choice, "type") === "none");
}

function isMessagesTool(tool: JsonObject): boolean {
  return isRetrieve(tool, "input_schema");
}

function isResponsesTool(tool: JsonObject): boolean {
  const type = field(tool, "type");
  if (type === "mcp") return isOwnServer(tool);
  // Tools of one server may come as a group.
  if (type === "namespace") {
    const group = textField(tool, "name") ?? "";
    return declared(tool, "tools").some((inner) => isRetrieve(inner, "parameters", group));
  }
  return type === "function" && isRetrieve(tool, "parameters");
}

function isRetrieve(tool: JsonObject, schemaName: string, group = ""): boolean {
  const name = textField(tool, "name");
  if (name === null) return false;
  if (ownName.test(name) || (/^(mcp__)?anyray_*$/.test(group) && name === "retrieve")) return true;
  if (!likelyName.test(name)) return false;
  const properties = objectField(objectField(tool, schemaName) ?? {}, "properties");
  return properties !== null && Object.hasOwn(properties, "handle");
}

/** A server that the provider itself calls. Many have an address that ends so: the label or the tools must fit too. */
function isOwnServer(tool: JsonObject): boolean {
  const path = /^https?:\/\/[^?#]*/.exec(textField(tool, "server_url") ?? "")?.[0] ?? "";
  if (!/\/mcp\/?$/.test(path)) return false;
  const allowed = field(tool, "allowed_tools");
  const names = isObject(allowed) ? field(allowed, "tool_names") : allowed;
  if (Array.isArray(names)) return names.includes("retrieve");
  return /anyray/i.test(textField(tool, "server_label") ?? "");
}
