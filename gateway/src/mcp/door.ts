// Owns /mcp: the Model Context Protocol over streamable HTTP, by its official SDK. Every request stands alone: no
// session, no stream that stays open, nothing kept. Refuses pages of foreign origins, large bodies and what is no POST.

import type { Log } from "@anyray/shared/log";
import { readIdentity } from "../request/identity";
import type { Retrieve, RetrieveArguments, Retrieved } from "./retrieve";
import { retrieveTool, serverInstructions, toolName } from "./tool";

export interface McpDoorSettings {
  retrieve: Retrieve;
  log: Log;
  version: string;
}

/** Never rejects. */
export type McpDoor = (request: Request, requestId: string) => Promise<Response>;

type Serving = (request: Request) => Promise<Response>;

/** A question is a few hundred bytes. */
const bodyBytesMax = 65_536;

export function createMcpDoor(settings: McpDoorSettings): McpDoor {
  // Loaded with the first question: whoever asks none does not pay for it.
  let serving: Promise<Serving> | null = null;
  return async (request, requestId) => {
    const refusal = refuse(request);
    if (refusal) return refusal;
    try {
      serving ??= createServing(settings);
      return await (await serving)(request);
    } catch (error) {
      serving = null;
      settings.log.error("an MCP request failed by a fault of ours", { requestId, error });
      return errorAnswer(500, -32_603, "Internal error.");
    }
  };
}

async function createServing({ retrieve, version }: McpDoorSettings): Promise<Serving> {
  const { createMcpHandler, fromJsonSchema, McpServer } = await import("@modelcontextprotocol/server");
  const inputSchema = fromJsonSchema<RetrieveArguments>(retrieveTool.inputSchema as object);
  const { title, description, annotations } = retrieveTool;
  const handler = createMcpHandler(
    ({ requestInfo }) => {
      const capabilities = { tools: { listChanged: false } };
      const server = new McpServer({ name: "anyray", version }, { capabilities, instructions: serverInstructions });
      server.registerTool(toolName, { title, description, annotations, inputSchema }, async (wanted) => {
        const headers = requestInfo?.headers ?? new Headers();
        return toResult(
          await retrieve(wanted, readIdentity(headers), requestInfo?.signal ?? new AbortController().signal),
        );
      });
      return server;
    },
    { maxRequestBodySize: bodyBytesMax, maxSubscriptions: 0 },
  );
  return (request) => handler.fetch(request);
}

function toResult(retrieved: Retrieved) {
  const text = (words: string) => ({ type: "text" as const, text: words });
  if (retrieved.fault !== null) return { content: [text(retrieved.fault)], isError: true };
  const { content, facts } = retrieved;
  // Apart from the original, so that the one cannot be taken for the other.
  return { content: [text(content), ...(Object.keys(facts).length > 0 ? [text(JSON.stringify(facts))] : [])] };
}

function refuse(request: Request): Response | null {
  if (!isOriginAllowed(request.headers.get("origin"))) {
    return errorAnswer(403, -32_000, "Pages of this origin may not use this server.");
  }
  // No streams to open and no sessions to end: the specification's answer to GET and DELETE is this one.
  if (request.method !== "POST") return errorAnswer(405, -32_000, "Method not allowed.", { allow: "POST" });
  return null;
}

const localHosts = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Agents send no origin; browsers always do. Only pages that this machine serves are let in: an equal host would prove
 * nothing, since a foreign page's name may have been pointed here.
 */
function isOriginAllowed(origin: string | null): boolean {
  if (origin === null) return true;
  return URL.canParse(origin) && localHosts.has(new URL(origin).hostname);
}

function errorAnswer(status: number, code: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ jsonrpc: "2.0", error: { code, message }, id: null }, { status, headers });
}
