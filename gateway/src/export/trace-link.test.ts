import { expect, test } from "bun:test";
import { readEnv } from "@anyray/shared/env";
import fc from "fast-check";
import { traceLink } from "./trace-link";

const id = "01938f2e-5d8a-7c3b-9f1e-2b4a6c8d0e1f";
const traceId = id.replaceAll("-", "");

test("a link has the trace's id as the backend knows it, the call's and its session's", () => {
  const link = (template: string, session: string | null = "s 1/ü?") => traceLink(template, { id, session });
  expect(link("https://lf.internal/project/p/traces/{traceId}")).toBe(
    `https://lf.internal/project/p/traces/${traceId}`,
  );
  expect(link("https://h/?q={id}&s={session}#{traceId}")).toBe(`https://h/?q=${id}&s=s%201%2F%C3%BC%3F#${traceId}`);
  expect(link("https://h/{session}/{id}", null)).toBe(`https://h//${id}`);
  expect(link("https://h/{session}/{id}", "{id}")).toBe(`https://h/%7Bid%7D/${id}`);
  expect(traceLink(undefined, { id, session: null })).toBeNull();
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  expect(traceLink("https://h/{traceId}", { id, session: null, traceparent })).toBe(
    "https://h/0af7651916cd43dd8448eb211c80319c",
  );
});

test("no session leads out of its place", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("..", ".", "...", "../x", "\ud800")),
      (session) => {
        const link = new URL(traceLink("https://h/a/{session}/b/{id}", { id, session }) ?? "");
        expect([link.host, link.search, link.hash]).toEqual(["h", "", ""]);
        expect(link.pathname.split("/")).toHaveLength(5);
        expect(link.pathname).toEndWith(`/b/${id}`);
      },
    ),
  );
});

test("a template is checked at the start", () => {
  const good = ["https://h/{traceId}", "http://h:3000/x?i={id}", "https://h/{session}/{id}#x"];
  const bad = ["https://h/", "https://h/{session}", "https://{id}.h/", "ftp://h/{id}", "{id}", "https://h/{id}/{user}"];
  for (const template of good)
    expect(readEnv({ ANYRAY_TRACE_URL_TEMPLATE: template }).ANYRAY_TRACE_URL_TEMPLATE).toBe(template);
  for (const template of [...bad, "https://u:p@h/{id}", "https://h/{id} x", "https:///{id}", "https://h/{id"])
    expect(() => readEnv({ ANYRAY_TRACE_URL_TEMPLATE: template })).toThrow("ANYRAY_TRACE_URL_TEMPLATE");
});

test("headers of the export are read as OpenTelemetry's own variable has them, and never shown", () => {
  const read = (text: string) => [...(readEnv({ ANYRAY_OTLP_HEADERS: text }).ANYRAY_OTLP_HEADERS ?? [])];
  expect(read("Authorization=Basic cGs6c2s=,x-langfuse-ingestion-version=4")).toEqual([
    ["authorization", "Basic cGs6c2s="],
    ["x-langfuse-ingestion-version", "4"],
  ]);
  expect(read(" a = b%20c , d=%2C ,")).toEqual([
    ["a", "b c"],
    ["d", ","],
  ]);
  for (const text of ["secret", "=secret", "a b=secret", "a=secret%0Aset-cookie: x", "a=%zzsecret", "Host=secret"]) {
    const refusal = () => readEnv({ ANYRAY_OTLP_HEADERS: text });
    expect(refusal).toThrow("ANYRAY_OTLP_HEADERS");
    expect(refusal).not.toThrow("secret");
  }
});
