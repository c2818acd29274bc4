// What `bun run start` promises, over real processes.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, isAlive, makeTree, startCommand, type Tree } from "./tree";

let tree: Tree;
beforeEach(() => {
  tree = makeTree();
});
afterEach(() => tree.remove());

/** Serves /ready; on SIGTERM takes 300 ms to drain. */
const gateway = `
  const startedAt = performance.now();
  Bun.serve({
    hostname: "127.0.0.1",
    port: Number(process.env.ANYRAY_GATEWAY_PORT),
    fetch: () => new Response("", { status: performance.now() - startedAt > 500 ? 200 : 503 }),
  });
  const { BUN_CONFIG_MAX_HTTP_REQUESTS: requests, BUN_FEATURE_FLAG_EXPERIMENTAL_HTTP2_CLIENT: http2 } = process.env;
  console.log("up", process.pid, "requests", requests, "http2", http2, "headers", require("node:http").maxHeaderSize);
  console.error("to stderr");
  process.on("SIGTERM", () => {
    console.log("draining");
    setTimeout(() => { console.log("drained"); process.exit(0); }, 300);
  });`;

const stubborn = `
  process.on("SIGTERM", () => console.log("not now"));
  process.on("SIGINT", () => console.log("SIGINT reached the service"));
  setInterval(() => {}, 1_000);
  console.log("up", process.pid);`;

async function portEnv() {
  return { ANYRAY_GATEWAY_PORT: String(await freePort()) };
}

describe("a start", () => {
  test("prefixes every line, says where it serves once it does, and stops drained on SIGTERM", async () => {
    tree.write("gateway/src/main.ts", gateway);
    const env = await portEnv();
    const run = tree.run(startCommand, { ...env, HTTP_PROXY: "http://127.0.0.1:9", ANYRAY_ADMIN_TOKEN: "" });
    await run.until(/ready\n/);
    expect(run.output()).toMatch(/^gateway \| up \d+ requests 65535 http2 1 headers 65536$/m);
    expect(run.output()).toMatch(/^gateway \| to stderr$/m);
    await run.until(/admin token/);
    expect(run.output()).toMatch(
      new RegExp(`^anyray  \\|   gateway +http://localhost:${env.ANYRAY_GATEWAY_PORT}$`, "m"),
    );
    run.child.kill("SIGTERM");
    expect(await run.ended).toBe(0);
    expect(run.output()).toMatch(/^gateway \| draining$[\s\S]*^gateway \| drained$/m);
    expect(run.output().match(/ready\n/g)).toHaveLength(1);
  });

  test("tells the gateway where the optimizer listens, unless that is told already", async () => {
    tree.write("gateway/src/main.ts", "console.log('asks', process.env.ANYRAY_OPTIMIZER_URL); process.exit(78);");
    const asks = async (env: Record<string, string>) => {
      const run = tree.run(startCommand, { ...(await portEnv()), ...env });
      await run.ended;
      return /asks (\S+)/.exec(run.output())?.[1];
    };
    expect(await asks({ ANYRAY_OPTIMIZER_PORT: "9001" })).toBe("http://127.0.0.1:9001");
    expect(await asks({ ANYRAY_OPTIMIZER_PORT: "9001", ANYRAY_OPTIMIZER_URL: "http://box:1" })).toBe("http://box:1");
    expect(await asks({})).toBe("undefined");
  });

  test("of several services keeps the others running while one dies, and restarts it with backoff", async () => {
    tree.write("gateway/src/main.ts", gateway);
    tree.write("optimizer/src/main.ts", "console.log('short life', performance.timeOrigin); process.exit(1);");
    const run = tree.run(startCommand, await portEnv());
    await run.until(
      /optimizer exited with code 1, restarting in 0\.5 s[\s\S]*restarting in 1 s[\s\S]*restarting in 2 s/,
    );
    const [first = 0, second = 0, third = 0] = [...run.output().matchAll(/short life (\S+)/g)].map(([, at]) =>
      Number(at),
    );
    expect(second - first).toBeGreaterThan(500);
    expect(third - second).toBeGreaterThan(1_000);
    expect(run.output().match(/gateway +\| up/g)).toHaveLength(1);
    run.child.kill("SIGINT");
    expect(await run.ended).toBe(0);
    expect(run.output()).toContain("drained");
  });

  test("ends with code 78, after draining the others, when one has a configuration error", async () => {
    tree.write("gateway/src/main.ts", gateway);
    tree.write(
      "console/src/main.ts",
      "await Bun.sleep(700); console.error('ANYRAY_X=1: accepted is 2'); process.exit(78);",
    );
    const run = tree.run(startCommand, await portEnv());
    expect(await run.ended).toBe(78);
    expect(run.output()).toMatch(/^console \| ANYRAY_X=1: accepted is 2$/m);
    expect(run.output()).toContain("drained");
    expect(run.output()).not.toContain("restarting");
  });

  test("does not take another program on the port for its own service", async () => {
    const stranger = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("ready") });
    tree.write("gateway/src/main.ts", gateway);
    const run = tree.run(startCommand, { ANYRAY_GATEWAY_PORT: String(stranger.port) });
    await run.until(/restarting in 0\.5 s[\s\S]*restarting in 1 s/);
    await stranger.stop(true);
    expect(run.output()).not.toContain("ready\n");
    await run.until(/ready\n/);
    run.child.kill("SIGTERM");
    expect(await run.ended).toBe(0);
  });

  test("leaves HTTP/2 off where it is switched off", async () => {
    tree.write("gateway/src/main.ts", gateway);
    const flag = { BUN_FEATURE_FLAG_EXPERIMENTAL_HTTP2_CLIENT: "1" };
    const run = tree.run(startCommand, { ...(await portEnv()), ...flag, ANYRAY_UPSTREAM_HTTP2: "false" });
    await run.until(/http2 undefined/);
    run.child.kill("SIGTERM");
    await run.ended;
  });

  test("with nothing to start says so and ends with code 1", async () => {
    const run = tree.run(startCommand);
    expect(await run.ended).toBe(1);
    expect(run.output()).toContain("none of gateway/src/main.ts, optimizer/src/main.ts, console/src/main.ts exists");
  });

  test("whose packages cannot be installed shows why and starts nothing", async () => {
    tree.write("gateway/src/main.ts", gateway);
    tree.write("gateway/package.json", JSON.stringify({ name: "gateway", dependencies: { "left-out": "1.0.0" } }));
    const run = tree.run(startCommand, { ...(await portEnv()), npm_config_registry: "http://127.0.0.1:9/" });
    expect(await run.ended).toBe(1);
    expect(run.output()).toContain('"bun install --frozen-lockfile" ended with code 1');
    expect(run.output()).not.toContain("gateway |");
  });

  test("explains itself with --help and refuses what it does not know", async () => {
    const help = tree.run([...startCommand, "--help"]);
    expect(await help.ended).toBe(0);
    expect(help.output()).toStartWith("Usage: bun run start");
    const unknown = tree.run([...startCommand, "--wach"]);
    expect(await unknown.ended).toBe(2);
    expect(unknown.output()).toContain("Unknown argument: --wach");
  });

  test("with --watch runs a service anew when its source changes", async () => {
    tree.write("gateway/src/main.ts", gateway);
    const run = tree.run([...startCommand, "--watch"], await portEnv());
    await run.until(/gateway \| up/);
    tree.write("gateway/src/main.ts", gateway.replace('"up"', '"changed"'));
    await run.until(/gateway \| changed/);
    run.child.kill("SIGTERM");
    expect(await run.ended).toBe(0);
  });
});

describe("stopping", () => {
  test("a second SIGINT kills at once; one that comes with the first is its echo", async () => {
    tree.write("gateway/src/main.ts", stubborn);
    const run = tree.run(startCommand, await portEnv());
    const pid = Number((await run.until(/up (\d+)/))[1]);
    run.child.kill("SIGINT");
    run.child.kill("SIGINT");
    await run.until(/not now/);
    await Bun.sleep(400);
    expect(isAlive(pid)).toBe(true);
    run.child.kill("SIGTERM");
    await Bun.sleep(100);
    expect(isAlive(pid)).toBe(true);
    const killedAt = performance.now();
    run.child.kill("SIGINT");
    expect(await run.ended).toBe(1);
    expect(performance.now() - killedAt).toBeLessThan(2_000);
    expect(isAlive(pid)).toBe(false);
    expect(run.output()).not.toContain("SIGINT reached the service");
  });

  test("SIGTERM to `bun run start` reaches the services", async () => {
    tree.write("gateway/src/main.ts", gateway);
    const run = tree.run([process.execPath, "run", "start"], await portEnv());
    await run.until(/gateway \| up/);
    run.child.kill("SIGTERM");
    expect(await run.ended).toBe(0);
    expect(run.output()).toContain("drained");
  });

  test("a supervisor that is killed takes its services along", async () => {
    tree.write("gateway/src/main.ts", stubborn);
    const run = tree.run(startCommand, await portEnv());
    const pid = Number((await run.until(/up (\d+)/))[1]);
    run.child.kill("SIGKILL");
    await run.child.exited;
    for (let waits = 0; isAlive(pid) && waits < 100; waits++) await Bun.sleep(20);
    expect(isAlive(pid)).toBe(false);
  });

  test.skipIf(process.platform !== "linux")(
    "a launcher that dies under npx stops the services (reads /proc)",
    async () => {
      tree.write("gateway/src/main.ts", gateway);
      const command = ["sh", "-c", '"$0" run start; true', process.execPath];
      const run = tree.run(command, { ...(await portEnv()), npm_config_user_agent: "npm/11.0.0" });
      await run.until(/gateway \| up/);
      run.child.kill("SIGKILL");
      await run.until(/drained/);
      await run.ended;
    },
  );

  test("while packages are being installed ends the install as well", async () => {
    const registry = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Promise<Response>(() => {}) });
    mkdirSync(join(tree.root, "gateway/src"), { recursive: true });
    tree.write("gateway/package.json", JSON.stringify({ name: "gateway", dependencies: { "slow-one": "1.0.0" } }));
    writeFileSync(join(tree.root, "bunfig.toml"), `[install]\nregistry = "http://127.0.0.1:${registry.port}/"\n`);
    const run = tree.run(startCommand);
    await run.until(/Installing packages/);
    run.child.kill("SIGTERM");
    expect(await run.ended).toBe(0);
    await registry.stop(true);
  });
});
