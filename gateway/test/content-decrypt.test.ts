// What an operator reads offline is what was sent and answered, byte for byte: beside a running gateway, after a change
// of keys too, and never after it was shredded.

import { afterAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeKey } from "@anyray/shared/secrets";
import { startGateway, type TestGateway, until } from "./harness";
import { startTapeProvider } from "./tape-provider";

const chatAnswer = JSON.stringify({
  ...{ id: "c1", object: "chat.completion", model: "gpt-4o-mini", created: 1 },
  choices: [
    {
      index: 0,
      message: {
        role: "assistant",
        content: null,
        tool_calls: [
          { id: "t1", type: "function", function: { name: "look", arguments: '{"where":"zoë-ANSWER-CANARY"}' } },
        ],
      },
      finish_reason: "tool_calls",
    },
  ],
  usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 },
});
const provider = startTapeProvider(() => ({
  status: 200,
  headers: [["content-type", "application/json"]],
  pieces: [Buffer.from(chatAnswer)],
}));
afterAll(() => provider.stop());

const [old, fresh] = [makeKey(), makeKey()];
const chatRequest = `{"model": "gpt-4o-mini",  "messages":[{"role":"user","content":"PROMPT-CANARY ☕ \\u0041"}]}`;

async function chat(gateway: TestGateway): Promise<string> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      authorization: "Bearer sk-x",
      "content-type": "application/json",
      "x-anyray-metadata": '{"session":"s 1"}',
    },
    body: chatRequest,
  });
  expect(await response.text()).toBe(chatAnswer);
  const id = response.headers.get("x-anyray-request-id") ?? "";
  await until(() => gateway.admin("GET", `/admin/traces/${id}`).catch(() => null));
  return id;
}

/** As a person runs it, through package.json. */
async function decrypt(dataDir: string, env: Record<string, string>, id: string, field: string) {
  const args = ["decrypt", "--trace", id, "--field", field, "--operator", "Ada", "--reason", "a test", "--stdout"];
  const child = Bun.spawn([process.execPath, "run", "--silent", "content", ...args], {
    cwd: join(import.meta.dir, "..", ".."),
    env: { PATH: process.env["PATH"] ?? "", ANYRAY_DATA_DIR: dataDir, ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, out, err };
}

test("the bytes that were sent and answered, under the key they were sealed with, and under the next one", async () => {
  const env = { ANYRAY_PROVIDER_URL_OPENAI: provider.url };
  const first = await startGateway({ env: { ...env, ANYRAY_CONTENT_KEY: old } });
  const { dataDir } = first;
  const id = await chat(first);
  const beside = { ANYRAY_CONTENT_KEY: old };
  expect(await decrypt(dataDir, beside, id, "request")).toEqual({ code: 0, out: chatRequest, err: "" });
  expect(await decrypt(dataDir, beside, id, "response")).toEqual({ code: 0, out: chatAnswer, err: "" });
  expect((await decrypt(dataDir, { ANYRAY_CONTENT_KEY: fresh }, id, "request")).err).toContain(
    "is sealed under the key",
  );
  const { entries } = await first.admin<{ entries: unknown[] }>("GET", "/admin/audit");
  expect(entries.slice(0, 2)).toMatchObject([
    { action: "content.decrypt", actor: "Ada", object: id, result: "failed" },
    { action: "content.decrypt", actor: "Ada", object: id, result: "intent", reason: "a test" },
  ]);
  await first.stop();

  const rotated = { ...env, ANYRAY_CONTENT_KEY: fresh, ANYRAY_CONTENT_KEYS_OLD: old };
  const second = await startGateway({ dataDir, env: rotated });
  await until(() => second.output().includes("the gateway needs no earlier one any more"));
  const alone = { ANYRAY_CONTENT_KEY: fresh };
  expect(await decrypt(dataDir, alone, id, "request")).toEqual({ code: 0, out: chatRequest, err: "" });
  expect((await decrypt(dataDir, beside, id, "response")).err).toContain("is sealed under the key");

  // There is no optimizer here to forget its part; the gateway's own is gone all the same.
  const shredding = second.admin("DELETE", "/admin/sessions/s%201/content?reason=asked%20for");
  await expect(shredding).rejects.toThrow("The stored contents are destroyed (of 1 traces)");
  for (const key of [alone, { ANYRAY_CONTENT_KEY: fresh, ANYRAY_CONTENT_KEYS_OLD: old }]) {
    const gone = await decrypt(dataDir, key, id, "response");
    expect([gone.code, gone.out]).toEqual([1, ""]);
    expect(gone.err).toContain("was shredded: nobody can read it any more");
  }
  const { chain } = await second.admin<{ chain: { state: string } }>("GET", "/admin/audit");
  expect(chain.state).toBe("ok");
  await second.stop();
  for (const name of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue;
    const text = readFileSync(join(name.parentPath, name.name), "latin1");
    expect([name.name, text.includes("CANARY")]).toEqual([name.name, false]);
  }
}, 60_000);
