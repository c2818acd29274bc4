// Owns learning when the services are able to serve, by asking their /ready over HTTP.

import { get } from "node:http";

export interface ReadyTarget {
  name: string;
  /** As it is listened on: `0.0.0.0` and `::` are asked on the loopback address. */
  host: string;
  port: number;
}

export interface ReadyOptions {
  signal: AbortSignal;
  /** The process that should be answering, undefined when there is none right now. */
  pidOf(name: string): number | undefined;
  everyMs: number;
  /** Called once, after `slowAfterMs`, with what each service that is not ready said last. */
  onSlow(reasons: string[]): void;
  slowAfterMs: number;
}

/**
 * Resolves true when every target has answered 200, false when `signal` aborted first. Two answers in a row under
 * one process id count: the first may come from a stranger on the port, over which our own process is about to fail.
 */
export async function waitUntilReady(targets: readonly ReadyTarget[], options: ReadyOptions): Promise<boolean> {
  const startedAt = performance.now();
  const waiting = new Map(targets.map((target) => [target, "no answer yet"]));
  const answeredAs = new Map<ReadyTarget, number>();
  let saidSlow = false;
  while (!options.signal.aborted) {
    await Promise.all(
      [...waiting.keys()].map(async (target) => {
        const pid = options.pidOf(target.name);
        const reason = pid === undefined ? "is not running" : await askReady(target);
        if (reason === undefined && pid !== undefined && answeredAs.get(target) === pid) waiting.delete(target);
        else waiting.set(target, reason ?? "ready for less than a moment");
        if (reason === undefined && pid !== undefined) answeredAs.set(target, pid);
        else answeredAs.delete(target);
      }),
    );
    if (waiting.size === 0) return true;
    if (!saidSlow && performance.now() - startedAt >= options.slowAfterMs) {
      saidSlow = true;
      options.onSlow([...waiting].map(([target, reason]) => `${target.name}: ${reason}`));
    }
    await Bun.sleep(options.everyMs);
  }
  return false;
}

/** Undefined = ready, else why not. node:http, because fetch would send even this through an `HTTP_PROXY`. */
function askReady({ host, port }: ReadyTarget): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: loopbackOf(host), port, path: "/ready", agent: false, timeout: 2_000 }, (response) => {
      response.setEncoding("utf8");
      let body = "";
      response.on("data", (text: string) => {
        if (body.length < 500) body += text;
      });
      response.on("end", () => {
        resolve(response.statusCode === 200 ? undefined : `${response.statusCode} ${body.slice(0, 500)}`.trimEnd());
      });
      response.on("error", (error) => resolve(error.message));
    });
    request.on("timeout", () => request.destroy(new Error("no answer within 2 s")));
    request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

function loopbackOf(host: string): string {
  if (host === "0.0.0.0" || host === "") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
