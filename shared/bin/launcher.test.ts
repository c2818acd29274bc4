import { expect, test } from "bun:test";
import { watchLauncher } from "./launcher";

/** Parents by process id, as they change while the watch runs. */
async function goneAfter(env: Record<string, string>, parents: Map<number, number>, change: () => void) {
  let gone = 0;
  const end = watchLauncher(() => gone++, { env, parentOf: (pid) => parents.get(pid), everyMs: 5 });
  await Bun.sleep(20);
  expect(gone).toBe(0);
  change();
  await Bun.sleep(50);
  end();
  return gone;
}

const script = { npm_lifecycle_event: "start" };
const family = () =>
  new Map([
    [process.pid, 50],
    [50, 40],
    [40, 30],
  ]);

test("a package script's runner that dies is noticed, once", async () => {
  const parents = family();
  expect(await goneAfter(script, parents, () => parents.set(process.pid, 1))).toBe(1);
});

test("under npm the shell above the runner is watched too", async () => {
  const parents = family();
  const env = { ...script, npm_config_user_agent: "npm/11.0.0 node/v20.0.0 linux x64" };
  expect(await goneAfter(env, parents, () => parents.set(50, 1))).toBe(1);
});

test("a login shell may end without ending what it started", async () => {
  const parents = family();
  const env = { ...script, npm_config_user_agent: "bun/1.4.5 npm/? node/v26.3.0 linux x64" };
  expect(await goneAfter(env, parents, () => parents.set(50, 1))).toBe(0);
  expect(await goneAfter({}, parents, () => parents.set(process.pid, 1))).toBe(0);
});

test("the system's own answer is this process's parent", async () => {
  let gone = 0;
  const end = watchLauncher(() => gone++, { env: script, everyMs: 5 });
  await Bun.sleep(30);
  end();
  expect(gone).toBe(0);
});
