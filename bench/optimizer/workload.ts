// Owns the requests that the optimizer is measured with: turns of an agent at work, made from a seed, so that a run can
// be repeated and no request is like another.

/** A small generator of repeatable numbers (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Random = () => number;
const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
const whole = (random: Random, below: number) => Math.floor(random() * below);

const services = ["billing", "ingest", "search", "mailer", "gateway", "ledger", "router", "quota"];
const verbs = ["opened", "flushed", "retried", "accepted", "queued", "renewed", "scanned", "released"];

function logs(random: Random, chars: number): string {
  const lines: string[] = [];
  for (let length = 0, at = 0; length < chars; at += 1) {
    const level = random() < 0.02 ? "ERROR" : pick(random, ["INFO", "INFO", "INFO", "DEBUG", "WARN"]);
    const time = new Date(1_763_700_000_000 + at * 731).toISOString();
    const line = `${time} ${level} [${pick(random, services)}] ${pick(random, verbs)} batch=${whole(random, 9_999)} took=${whole(random, 40)}ms`;
    lines.push(level === "ERROR" ? `${line} error=connection refused` : line);
    length += line.length + 1;
  }
  return lines.join("\n");
}

function records(random: Random, chars: number): string {
  const rows: unknown[] = [];
  for (let length = 0; length < chars; length += 150) {
    rows.push({
      id: `inv-${10_000 + rows.length}`,
      service: pick(random, services),
      state: random() < 0.01 ? "failed" : "settled",
      amount: whole(random, 90_000) / 100,
      attempts: random() < 0.03 ? 7 : 1,
    });
  }
  return JSON.stringify(rows, null, 2);
}

function tests(random: Random, chars: number): string {
  const lines = ["============================= test session starts ============================="];
  let failed = 0;
  let passed = 0;
  for (let length = 0; length < chars; length += 70) {
    const name = `tests/test_${pick(random, services)}.py::test_${pick(random, verbs)}_${lines.length}`;
    if (random() < 0.01) {
      failed += 1;
      lines.push(`${name} FAILED`);
    } else {
      passed += 1;
      lines.push(`${name} PASSED`);
    }
  }
  lines.push(
    `================== ${failed} failed, ${passed} passed in ${(random() * 20).toFixed(2)}s ==================`,
  );
  return lines.join("\n");
}

function source(random: Random, chars: number): string {
  const parts: string[] = ['import { connect } from "./connect";\n'];
  for (let length = 0, at = 0; length < chars; at += 1) {
    const name = `${pick(random, verbs)}${pick(random, services)}${at}`;
    const part = `/** Does what ${name} is for. */\nexport function ${name}(count: number): number {\n  let total = ${whole(random, 99)};\n  for (let at = 0; at < count; at += 1) {\n    if (at % ${2 + whole(random, 9)} === 0) total += connect(at, "${pick(random, services)}");\n  }\n  return total;\n}\n`;
    parts.push(part);
    length += part.length;
  }
  return parts.join("\n");
}

function diff(random: Random, chars: number): string {
  const parts: string[] = [];
  for (let length = 0, at = 0; length < chars; at += 1) {
    const file = `src/${pick(random, services)}/${pick(random, verbs)}${at}.ts`;
    const part = `diff --git a/${file} b/${file}\n--- a/${file}\n+++ b/${file}\n@@ -${1 + whole(random, 300)},4 +${1 + whole(random, 300)},4 @@\n const limit = ${whole(random, 90)};\n-  return retry(${whole(random, 9)});\n+  return retry(${whole(random, 9)}, { jitter: true });\n }\n`;
    parts.push(part);
    length += part.length;
  }
  return parts.join("");
}

function prose(random: Random, chars: number): string {
  const parts: string[] = [];
  for (let length = 0; length < chars; ) {
    const part = `The ${pick(random, services)} service ${pick(random, verbs)} what the ${pick(random, services)} service had ${pick(random, verbs)}, because its limit of ${whole(random, 900)} was reached before the others noticed.`;
    parts.push(part);
    length += part.length + 2;
  }
  return parts.join("\n\n");
}

const outputs: readonly [tool: string, args: unknown, make: (random: Random, chars: number) => string][] = [
  ["run_command", { cmd: "kubectl logs deploy/billing" }, logs],
  ["query", { sql: "select * from invoices" }, records],
  ["run_command", { cmd: "pytest -q" }, tests],
  ["read_file", { path: "src/connect.ts" }, source],
  ["run_command", { cmd: "git diff" }, diff],
  ["read_file", { path: "docs/limits.md" }, prose],
];

const tools = ["run_command", "query", "read_file", "write_file", "search"].map((name) => ({
  name,
  description: `Use this tool to ${name.replace("_", " ")}.   Please note that it runs in the project's directory.`,
  input_schema: { type: "object", properties: { cmd: { type: "string", description: "The command." } } },
}));

export interface Session {
  /** The request of each turn, an Anthropic messages body as JSON text. */
  turns: string[];
}

/** A session whose last request is about `bodyBytes` long: results of tools, the newest of them not answered yet. */
export function makeSession(seed: number, bodyBytes: number, turnCount = 4): Session {
  const random = createRandom(seed);
  const system = "You are an engineer at work on a service. Find what is wrong, and say why. ".repeat(8);
  const messages: unknown[] = [
    { role: "user", content: `Why does ${pick(random, services)} fail since ${pick(random, verbs)} came in?` },
  ];
  const turns: string[] = [];
  const each = Math.max(200, Math.floor((bodyBytes - 2_000) / (turnCount * 1.12)));
  for (let turn = 0; turn < turnCount; turn += 1) {
    const [name, input, make] = pick(random, outputs);
    const id = `toolu_${seed}_${turn}`;
    messages.push({ role: "assistant", content: [{ type: "tool_use", id, name, input }] });
    messages.push({ role: "user", content: [{ type: "tool_result", tool_use_id: id, content: make(random, each) }] });
    turns.push(JSON.stringify({ model: "claude-sonnet-4-6", max_tokens: 4_096, system, tools, messages }));
  }
  return { turns };
}
