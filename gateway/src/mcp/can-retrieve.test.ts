import { describe, expect, test } from "bun:test";
import { canRetrieve } from "./can-retrieve";

const schema = { type: "object", properties: { handle: { type: "string" }, lines: { type: "array" } } };
const other = { type: "object", properties: { query: { type: "string" } } };
const own = "mcp__anyray__retrieve";

const messages = (...tools: object[]) => canRetrieve({ tools }, "/v1/messages");
const responses = (...tools: object[]) => canRetrieve({ tools }, "/v1/responses");
const chat = (...tools: object[]) =>
  canRetrieve({ tools: tools.map((tool) => ({ type: "function", function: tool })) }, "/v1/chat/completions");

describe("a request whose model can retrieve", () => {
  test("declares our tool, in each API's own way", () => {
    const search = { name: "search", input_schema: other, parameters: other };
    const ours = { name: own, input_schema: schema, parameters: schema };
    expect(messages(search, ours)).toBe(true);
    expect(chat(search, ours)).toBe(true);
    expect(responses(search, { type: "function", ...ours })).toBe(true);
    expect(canRetrieve({ functions: [ours] }, "/v1/chat/completions")).toBe(true);
  });

  test("by a name that is ours alone whatever its schema, by a likely one only with a handle", () => {
    for (const name of [own, "anyray_retrieve", "anyray__retrieve", "anyray.retrieve"]) {
      expect([name, messages({ name, input_schema: {} })]).toEqual([name, true]);
    }
    for (const name of ["retrieve", "Retrieve", "mcp__gateway__retrieve", "company-retrieve"]) {
      expect([name, messages({ name, input_schema: schema })]).toEqual([name, true]);
      expect([name, messages({ name, input_schema: other })]).toEqual([name, false]);
      expect([name, messages({ name })]).toEqual([name, false]);
    }
    for (const name of ["retrieve_documents", "unretrieve", "retriever", "x_anyray_retrieve_y"]) {
      expect([name, messages({ name, input_schema: schema })]).toEqual([name, false]);
    }
  });

  test("in a group of tools that bears our name", () => {
    const group = (name: string, tool: object) => responses({ type: "namespace", name, tools: [tool] });
    expect(group("mcp__anyray__", { type: "function", name: "retrieve" })).toBe(true);
    expect(group("anyray", { type: "function", name: "retrieve" })).toBe(true);
    expect(group("mcp__other__", { type: "function", name: "retrieve" })).toBe(false);
    expect(group("mcp__other__", { type: "function", name: "retrieve", parameters: schema })).toBe(true);
  });

  test("by a server that the provider calls, if it is this one", () => {
    const server = { type: "mcp", server_url: "https://llm.example.com/mcp", server_label: "anyray" };
    expect(responses(server)).toBe(true);
    expect(responses({ ...server, server_url: "https://llm.example.com/mcp/?a=b" })).toBe(true);
    expect(responses({ ...server, server_label: "docs" })).toBe(false);
    expect(responses({ ...server, server_label: "docs", allowed_tools: ["retrieve"] })).toBe(true);
    expect(responses({ ...server, allowed_tools: { tool_names: ["search"] } })).toBe(false);
    expect(responses({ ...server, server_url: "https://llm.example.com/sse?x=/mcp" })).toBe(false);
    expect(responses({ ...server, server_url: undefined })).toBe(false);
  });
});

describe("a request whose model cannot", () => {
  const tool = { name: own, input_schema: schema, parameters: schema };

  test("may call no tool", () => {
    expect(canRetrieve({ tools: [tool], tool_choice: { type: "none" } }, "/v1/messages")).toBe(false);
    expect(canRetrieve({ tools: [{ type: "function", ...tool }], tool_choice: "none" }, "/v1/responses")).toBe(false);
    expect(canRetrieve({ functions: [tool], function_call: "none" }, "/v1/chat/completions")).toBe(false);
    expect(canRetrieve({ tools: [tool], tool_choice: { type: "auto" } }, "/v1/messages")).toBe(true);
  });

  test("has no tools, or what stands there is none", () => {
    for (const tools of [undefined, null, [], {}, "retrieve", [null, 7, "retrieve", [], { name: 7 }, {}]]) {
      for (const endpoint of ["/v1/messages", "/v1/responses", "/v1/chat/completions"]) {
        expect([tools, canRetrieve({ tools }, endpoint)]).toEqual([tools, false]);
      }
    }
    expect(canRetrieve({ tools: [tool] }, "/v1/embeddings")).toBe(false);
    expect(canRetrieve(JSON.parse(`{"__proto__":{"tools":[{"name":"${own}"}]}}`), "/v1/messages")).toBe(false);
  });
});
