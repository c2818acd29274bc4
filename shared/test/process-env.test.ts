// Promise: what this process's environment says to its runtime is heard, and what it says to send calls elsewhere is not.

import { expect, test } from "bun:test";
import { forgetProxyVariables, isCallLimitRaised } from "../src/env";

test("proxy variables are forgotten, and a raised call limit is seen", () => {
  const proxies = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"].flatMap((name) => [name, name.toUpperCase()]);
  const before = { ...process.env };
  try {
    for (const name of proxies) process.env[name] = "http://proxy.invalid:1";
    forgetProxyVariables();
    expect(proxies.filter((name) => name in process.env)).toEqual([]);
    process.env["BUN_CONFIG_MAX_HTTP_REQUESTS"] = "60000";
    expect(isCallLimitRaised()).toBe(true);
    delete process.env["BUN_CONFIG_MAX_HTTP_REQUESTS"];
    expect(isCallLimitRaised()).toBe(false);
  } finally {
    for (const name of [...proxies, "BUN_CONFIG_MAX_HTTP_REQUESTS"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
});
