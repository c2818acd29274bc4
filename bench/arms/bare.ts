// Owns the arm "bare": the smallest forwarder that Bun allows, as a process.

import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type ArmKind, noCalls, upstreamUrl } from "../stand/arm";
import { bunCommand, bunEnv, freePort, isListening, waitUntilReady } from "../stand/child";

const entry = resolve(import.meta.dir, "bare-proxy.ts");

export const bare = {
  name: "bare",
  version: () => `Bun ${Bun.version}, Bun.serve and fetch`,
  canReach: () => true,
  async start({ upstream, way, directory, start }) {
    const port = freePort();
    const authority = join(directory, "upstream.pem");
    writeFileSync(authority, upstream.cert);
    const child = start({
      name: "bare",
      command: [...bunCommand, entry],
      env: {
        ...bunEnv,
        BENCH_UPSTREAM: upstreamUrl(upstream, way),
        BENCH_PORT: String(port),
        NODE_EXTRA_CA_CERTS: authority,
      },
    });
    await waitUntilReady(child, () => isListening(port));
    return { name: "bare", port, cert: null, child, admin: null, calls: noCalls() };
  },
} satisfies ArmKind;
