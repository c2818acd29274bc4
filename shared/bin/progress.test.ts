import { expect, test } from "bun:test";
import { showProgress } from "./progress";

async function shown(ms: number, isTTY: boolean): Promise<string> {
  let text = "";
  const end = showProgress("Installing packages...", { isTTY, write: (part: string) => (text += part) });
  await Bun.sleep(ms);
  end();
  return text;
}

test("what is quick shows nothing", async () => {
  expect(await shown(50, true)).toBe("");
  expect(await shown(50, false)).toBe("");
});

test("a terminal gets a spinner with the seconds, on one line that is cleaned away", async () => {
  const text = (await shown(700, true)).replaceAll("\r\x1b[K", "<clean>");
  expect(text).toMatch(/^(<clean>. Installing packages\.\.\. \d s)+<clean>Installing packages\.\.\. done in \d s\n$/u);
  expect(new Set(text.match(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/gu)).size).toBeGreaterThan(1);
});

test("a file gets plain lines", async () => {
  expect(await shown(700, false)).toMatch(/^Installing packages\.\.\.\nInstalling packages\.\.\. done in \d s\n$/);
});
