// Owns showing that something takes time: a spinner with the elapsed seconds on a terminal, plain lines elsewhere.

export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const quietMs = 300;
const plainLineEveryMs = 10_000;

/**
 * Starts showing `text`; nothing appears before 0.3 s, so that what is quick stays silent. Returns the function
 * that ends it, which says how long it took if anything was shown.
 */
export function showProgress(text: string, stream: ProgressStream): () => void {
  const startedAt = performance.now();
  const elapsedS = () => Math.round((performance.now() - startedAt) / 1000);
  let frame = 0;
  let saidAt = -1;
  const draw = () => {
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs < quietMs) return;
    if (stream.isTTY) {
      stream.write(`\r\x1b[K${frames[frame++ % frames.length]} ${text} ${elapsedS()} s`);
    } else if (saidAt < 0) {
      stream.write(`${text}\n`);
    } else if (elapsedMs - saidAt >= plainLineEveryMs) {
      stream.write(`${text} ${elapsedS()} s so far\n`);
    } else {
      return;
    }
    saidAt = elapsedMs;
  };
  const timer = setInterval(draw, 100);
  return () => {
    clearInterval(timer);
    if (saidAt < 0) return;
    stream.write(`${stream.isTTY ? "\r\x1b[K" : ""}${text} done in ${elapsedS()} s\n`);
  };
}
