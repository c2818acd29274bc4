// Owns the arm "anyray": the real gateway on a data directory of its own, with everything on that a gateway has on:
// metering, caps, spool, store; the optimizer is switched off where a scenario does not ask for it. The caller of every request is capped, far above what a run can use.

import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import manifest from "../../package.json";
import { type Admin, type ArmKind, noCalls, upstreamUrl } from "../stand/arm";
import { bunCommand, bunEnv, freePort, waitUntilReady } from "../stand/child";

const root = resolve(import.meta.dir, "..", "..");
const adminToken = "bench-admin-token-of-enough-characters";

/** The user of every request that does not say otherwise. */
export const cappedUser = "bench";
export const monthlyTokensMax = 1e15;

export const anyray = {
  name: "anyray",
  version: () => manifest.version,
  canReach: () => true,
  async start({ upstream, way, directory, env, start }) {
    const port = freePort();
    const authority = join(directory, "upstream.pem");
    writeFileSync(authority, upstream.cert);
    const child = start({
      name: "anyray",
      command: [...bunCommand, join(root, "gateway/src/main.ts")],
      env: {
        ...bunEnv,
        ...gatewayEnv(port, join(directory, "data"), upstreamUrl(upstream, way)),
        NODE_EXTRA_CA_CERTS: authority,
        ...env,
      },
    });
    const url = `http://127.0.0.1:${port}`;
    await waitUntilReady(child, () => isReady(url));
    const admin = createAdmin(url);
    await admin("PUT", "/admin/user-caps", { user: cappedUser, monthlyTokens: monthlyTokensMax });
    return { name: "anyray", port, cert: null, child, admin, calls: noCalls() };
  },
} satisfies ArmKind;

/** Where it listens, where it writes and whom it forwards to; all else is as it comes. */
export function gatewayEnv(port: number, dataDir: string, providerUrl: string): Record<string, string> {
  return {
    ANYRAY_GATEWAY_HOST: "127.0.0.1",
    ANYRAY_GATEWAY_PORT: String(port),
    ANYRAY_DATA_DIR: dataDir,
    ANYRAY_ADMIN_TOKEN: adminToken,
    ANYRAY_PROVIDER_URL_OPENAI: providerUrl,
    ANYRAY_PROVIDER_KEY_OPENAI: "a-key-that-the-gateway-holds",
    ANYRAY_SHUTDOWN_DRAIN_MS: "1000",
    // Whatever listens on the optimizer's usual port of this machine is none of the bench's.
    ANYRAY_KILL_SWITCH: "true",
  };
}

export async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/ready`)).ok;
  } catch {
    return false;
  }
}

function createAdmin(url: string): Admin {
  return async (method, path, body) => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
    return text;
  };
}
