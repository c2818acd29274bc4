// Owns starting a program of this directory as a process of its own, and killing it for good.

import { join } from "node:path";

export interface Child {
  /** The next line it writes. Rejects when it ends first. */
  line(): Promise<string>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

export function startChild(name: string, args: readonly string[]): Child {
  const child = Bun.spawn([process.execPath, "--no-env-file", join(import.meta.dir, `${name}.ts`), ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  let text = "";
  return {
    async line() {
      while (!text.includes("\n")) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`${name} ended`);
        text += decoder.decode(value, { stream: true });
      }
      const [line = "", ...rest] = text.split("\n");
      text = rest.join("\n");
      return line;
    },
    async kill() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
