// Owns the arm "nginx": one worker as a reverse proxy that keeps its upstream connections and buffers nothing, where
// nginx is installed.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ArmKind, noCalls } from "../stand/arm";
import { freePort, isListening, waitUntilReady } from "../stand/child";

const binary = Bun.which("nginx", { PATH: `${process.env["PATH"]}:/usr/sbin:/usr/local/sbin` });

export const nginx = {
  name: "nginx",
  version() {
    if (!binary) return null;
    return /nginx\/(\S+)/.exec(Bun.spawnSync([binary, "-v"]).stderr.toString())?.[1] ?? null;
  },
  canReach: (way) => way !== "http2",
  async start({ upstream, way, directory, start }) {
    const port = freePort();
    const config = join(directory, "nginx.conf");
    writeFileSync(config, configOf(port, directory, way === "tls" ? upstream.tlsPort : upstream.port, way === "tls"));
    const child = start({ name: "nginx", command: [binary ?? "nginx", "-p", directory, "-c", config], env: {} });
    await waitUntilReady(child, () => isListening(port));
    return { name: "nginx", port, cert: null, child, admin: null, calls: noCalls() };
  },
} satisfies ArmKind;

function configOf(port: number, directory: string, upstreamPort: number, isTls: boolean): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${join(directory, kind)};`)
    .join("\n  ");
  return `daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid ${join(directory, "nginx.pid")};
error_log stderr error;
events {
  worker_connections 30000;
}
http {
  access_log off;
  ${temporary}
  client_max_body_size 64m;
  keepalive_requests 1000000000;
  upstream provider {
    server 127.0.0.1:${upstreamPort};
    keepalive 512;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass ${isTls ? "https" : "http"}://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 3600s;
    }
  }
}
`;
}
