// Owns the one line that says what is going on, on a terminal only.

const { stderr } = process;

export function showProgress(step: string): void {
  if (!stderr.isTTY) return;
  stderr.write(`\r\x1b[2K${step.slice(0, (stderr.columns ?? 80) - 1)}`);
}

export function clearProgress(): void {
  if (stderr.isTTY) stderr.write("\r\x1b[2K");
}
