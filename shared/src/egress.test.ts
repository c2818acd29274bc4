import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createEgress, originOf, originsOf } from "./egress";
import { Metrics } from "./metrics";
import { createOutbound } from "./outbound";

const at = Date.UTC(2026, 10, 15, 12);

describe("the register", () => {
  test("says of each host why, how often and when, and of those not yet called that they may be", () => {
    let now = at;
    const metrics = new Metrics();
    const egress = createEgress({ metrics, now: () => now });
    let origins = originsOf(["https://b.test/v1", "https://User:pass@a.test:443/", "http://c.test:8080"]);
    egress.allows("provider", () => origins);
    egress.allows("optimizer", () => originsOf(["http://c.test:8080/"]));
    const count = egress.counterOf("https://b.test", "provider");
    now += 1_000;
    count();
    now += 1_000;
    count();
    egress.counterOf("http://c.test:8080", "optimizer")();
    egress.refused("http://evil.test", "provider");
    origins = originsOf(["http://c.test:8080"]);
    const none = { isAllowed: false, calls: 0, refused: 0, firstAt: null, lastAt: null };
    expect(egress.report()).toEqual({
      since: "2026-11-15T12:00:00Z",
      hosts: [
        {
          ...{ ...none, host: "b.test", reason: "provider", calls: 2 },
          ...{ firstAt: "2026-11-15T12:00:01Z", lastAt: "2026-11-15T12:00:02Z" },
        },
        {
          ...{ ...none, host: "c.test:8080", reason: "optimizer", isAllowed: true, calls: 1 },
          ...{ firstAt: "2026-11-15T12:00:02Z", lastAt: "2026-11-15T12:00:02Z" },
        },
        { ...none, host: "c.test:8080", reason: "provider", isAllowed: true },
        { ...none, host: "evil.test", reason: "provider", refused: 1 },
      ],
    });
    const page = metrics.text();
    expect(page).toContain('anyray_egress_calls_total{reason="provider",host="b.test"} 2\n');
    expect(page).toContain('anyray_egress_calls_total{reason="optimizer",host="c.test:8080"} 1\n');
    expect(page).toContain('anyray_egress_refused_total{reason="provider"} 1\n');
    expect(page + JSON.stringify(egress.report())).not.toContain("pass");
  });

  test("is bounded, whatever it is asked", () => {
    const egress = createEgress();
    for (let index = 0; index < 5_000; index++) egress.refused(`http://h${index}.test`, "provider");
    const { hosts } = egress.report();
    expect(hosts.length).toBeLessThanOrEqual(1_001);
    expect(hosts.reduce((sum, { refused }) => sum + refused, 0)).toBe(5_000);
  });

  test("counts what goes through a proxy for both: the host behind it and the proxy", async () => {
    const proxy = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("from the proxy") });
    const egress = createEgress();
    const origins = originsOf(["http://model.test"]);
    const outbound = createOutbound({
      ...{ reason: "provider", egress, origins: () => origins, isHttp2: false },
      proxy: `http://user:secret@127.0.0.1:${proxy.port}`,
    });
    const request = { method: "GET", headers: new Headers(), body: null, signal: AbortSignal.timeout(5_000) };
    expect(await (await outbound.send("http://model.test/v1/models", request)).text()).toBe("from the proxy");
    const counts = egress.report().hosts.map(({ host, reason, calls, isAllowed }) => [host, reason, calls, isAllowed]);
    expect(counts).toEqual([
      [`127.0.0.1:${proxy.port}`, "proxy", 1, true],
      ["model.test", "provider", 1, true],
    ]);
    expect(JSON.stringify(egress.report())).not.toContain("secret");
    await proxy.stop(true);
  });
});

describe("an origin", () => {
  test("that is equal text leads to one host, whatever stands behind it", () => {
    const base = "https://api.test:8443";
    const tail = fc.oneof(
      fc.constantFrom("", "/", "?", "#", "\\", "@evil.test/", ".evil.test/", ":1/", "/@evil.test", "\t@evil.test"),
      fc.string({ maxLength: 20 }),
    );
    fc.assert(
      fc.property(tail, (text) => {
        const url = base + text;
        if (originOf(url) !== base || !URL.canParse(url)) return;
        expect(new URL(url).origin).toBe(base);
        expect(new URL(url).username).toBe("");
      }),
      { numRuns: 3_000 },
    );
  });

  test("of what is no address over HTTP is none", () => {
    expect([
      ...originsOf(["ftp://a.test", "http://", "a.test", "", "file:///etc", "http://a b/", "HTTP://A.test/x"]),
    ]).toEqual(["HTTP://A.test"]);
  });
});
