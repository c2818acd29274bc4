import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Metrics } from "./metrics";

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

interface Family {
  type: string;
  help: string;
  samples: Sample[];
}

const namePattern = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const escapes: Record<string, string> = { "\\\\": "\\", '\\"': '"', "\\n": "\n" };

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== "") {
    const pair = new RegExp(`^(${namePattern})="((?:[^"\\\\\\n]|\\\\[\\\\"n])*)"(?:,|$)`).exec(rest);
    if (!pair) throw new Error(`no labels: ${rest}`);
    labels[pair[1]!] = pair[2]!.replace(/\\[\\"n]/g, (escaped) => escapes[escaped]!);
    rest = rest.slice(pair[0].length);
  }
  return labels;
}

/** Prometheus' text format, as strictly as its own reader: one head per name, samples right behind it. */
function parsePage(page: string): Map<string, Family> {
  expect(page).toEndWith("\n");
  const families = new Map<string, Family>();
  let current: [string, Family] | null = null;
  for (const line of page.slice(0, -1).split("\n")) {
    const head = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (head?.[1] === "HELP") {
      if (families.has(head[2]!)) throw new Error(`second head: ${line}`);
      current = [head[2]!, { type: "", help: head[3]!, samples: [] }];
      families.set(...current);
      continue;
    }
    if (!current) throw new Error(`no head: ${line}`);
    if (head) {
      expect([head[2], current[1].type]).toEqual([current[0], ""]);
      current[1].type = head[3]!;
      continue;
    }
    const sample = new RegExp(`^(${namePattern})(?:\\{(.*)\\})? (\\S+)$`, "s").exec(line);
    if (!sample) throw new Error(`no sample: ${line}`);
    const suffix = sample[1]!.slice(current[0].length);
    if (!sample[1]!.startsWith(current[0]) || !["", "_bucket", "_sum", "_count"].includes(suffix))
      throw new Error(`not of its head: ${line}`);
    const value = Number(sample[3]);
    if (Number.isNaN(value) && sample[3] !== "NaN") throw new Error(`no number: ${line}`);
    current[1].samples.push({ name: sample[1]!, labels: parseLabels(sample[2] ?? ""), value });
  }
  return families;
}

describe("the page", () => {
  test("is read by a strict reader, with every kind of figure on it", () => {
    const metrics = new Metrics();
    metrics.counter("calls_total", "Calls.").add(3);
    const byCode = metrics.counters("refusals_total", "Refusals.", "code");
    byCode("a").add();
    byCode("b").add(2);
    byCode("a").add();
    metrics.gauge("active", "Active calls.", () => 1.5);
    metrics.total("rows_total", "Rows.", () => 7);
    const families = parsePage(metrics.text());
    expect([...families].map(([name, { type, help }]) => [name, type, help])).toEqual([
      ["calls_total", "counter", "Calls."],
      ["refusals_total", "counter", "Refusals."],
      ["active", "gauge", "Active calls."],
      ["rows_total", "counter", "Rows."],
    ]);
    expect([...families.values()].flatMap(({ samples }) => samples.map(({ value }) => value))).toEqual([
      3, 2, 2, 1.5, 7,
    ]);
    expect(families.get("refusals_total")?.samples.map(({ labels }) => labels)).toEqual([{ code: "a" }, { code: "b" }]);
  });

  test("has one head for a name that is used with several label sets", () => {
    const metrics = new Metrics();
    const first = metrics.histogram("step_seconds", "A step.", { step: "forward" });
    metrics.counter("other_total", "Between.");
    const second = metrics.histogram("step_seconds", "A step.", { step: "relay" });
    first.observeMs(1);
    second.observeMs(2);
    second.observeMs(3);
    const counts = parsePage(metrics.text())
      .get("step_seconds")
      ?.samples.filter(({ name }) => name === "step_seconds_count");
    expect(counts?.map(({ labels, value }) => [labels["step"], value])).toEqual([
      ["forward", 1],
      ["relay", 2],
    ]);
  });

  test("has constant labels beside the one that is counted by", () => {
    const metrics = new Metrics();
    const first = metrics.counters("answers_total", "Answers.", "outcome", { route: "a" });
    const second = metrics.counters("answers_total", "Answers.", "outcome", { route: "b" });
    first("ok").add();
    second("ok").add(2);
    second("failed").add(3);
    const samples = parsePage(metrics.text()).get("answers_total")?.samples;
    expect(samples?.map(({ labels, value }) => [labels["route"], labels["outcome"], value])).toEqual([
      ["a", "ok", 1],
      ["b", "ok", 2],
      ["b", "failed", 3],
    ]);
  });

  test("gives any label value back as it was", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom('"', "\\", "\n", '\\"', "\\n", "},{a=")),
          { maxLength: 8 },
        ),
        (values) => {
          const metrics = new Metrics();
          const counters = metrics.counters("odd_total", "Odd.", "value");
          for (const value of values) counters(value).add();
          expect(
            parsePage(metrics.text())
              .get("odd_total")
              ?.samples.map(({ labels }) => labels["value"]),
          ).toEqual(values);
        },
      ),
    );
  });
});

test("values beyond the five hundredth share one label, and none is lost", () => {
  const metrics = new Metrics();
  const counters = metrics.counters("many_total", "Many.", "value");
  for (let round = 0; round < 2; round++) for (let value = 0; value < 600; value++) counters(`v${value}`).add();
  const samples = parsePage(metrics.text()).get("many_total")?.samples ?? [];
  expect(samples).toHaveLength(501);
  expect(samples.find(({ labels }) => labels["value"] === "other")?.value).toBe(200);
  expect(samples.reduce((sum, { value }) => sum + value, 0)).toBe(1_200);
});

describe("a histogram", () => {
  test("counts each duration in every bucket it fits in, the border included", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.constantFrom(0, 0.5, 1, 5_000, 300_000, 1e9), fc.double({ min: 0, max: 1e6, noNaN: true })),
        ),
        (durations) => {
          const metrics = new Metrics();
          const histogram = metrics.histogram("wait_seconds", "Waits.");
          for (const durationMs of durations) histogram.observeMs(durationMs);
          const samples = parsePage(metrics.text()).get("wait_seconds")?.samples ?? [];
          const of = (name: string) => samples.filter((sample) => sample.name === `wait_seconds_${name}`);
          for (const { labels, value } of of("bucket")) {
            const le = labels["le"] === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels["le"]);
            expect(value).toBe(durations.filter((durationMs) => durationMs / 1_000 <= le).length);
          }
          expect(of("bucket").at(-1)?.labels["le"]).toBe("+Inf");
          expect(of("count")[0]?.value).toBe(durations.length);
          expect(of("sum")[0]?.value).toBeCloseTo(
            durations.reduce((sum, durationMs) => sum + durationMs / 1_000, 0),
            3,
          );
        },
      ),
    );
  });
});
