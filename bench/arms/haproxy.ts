// Owns the arm "haproxy": one thread that passes events on at once and keeps its upstream connections, where HAProxy
// is installed.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ArmKind, noCalls } from "../stand/arm";
import { freePort, isListening, waitUntilReady } from "../stand/child";

const binary = Bun.which("haproxy", { PATH: `${process.env["PATH"]}:/usr/sbin:/usr/local/sbin` });

export const haproxy = {
  name: "haproxy",
  version() {
    if (!binary) return null;
    return /version (\S+)/i.exec(Bun.spawnSync([binary, "-v"]).stdout.toString())?.[1] ?? null;
  },
  canReach: (way) => way !== "http2",
  async start({ upstream, way, directory, start }) {
    const port = freePort();
    const config = join(directory, "haproxy.cfg");
    writeFileSync(config, configOf(port, way === "tls" ? upstream.tlsPort : upstream.port, way === "tls"));
    const child = start({ name: "haproxy", command: [binary ?? "haproxy", "-db", "-f", config], env: {} });
    await waitUntilReady(child, () => isListening(port));
    return { name: "haproxy", port, cert: null, child, admin: null, calls: noCalls() };
  },
} satisfies ArmKind;

function configOf(port: number, upstreamPort: number, isTls: boolean): string {
  return `global
  nbthread 1
  maxconn 9000
defaults
  mode http
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend in
  bind 127.0.0.1:${port}
  default_backend provider
backend provider
  server upstream 127.0.0.1:${upstreamPort}${isTls ? " ssl verify none" : ""}
`;
}
