// Owns the estimate of how many tokens a text is: one pass over its characters, no table of words. It decides size,
// never safety; what providers really bill is learned in calibration.ts.

const foreign = 0;
const lower = 1;
const upper = 2;
const digit = 3;
const space = 4;
const mark = 5;

const kinds = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code);
  if (/[a-z]/.test(char)) kinds[code] = lower;
  else if (/[A-Z]/.test(char)) kinds[code] = upper;
  else if (/[0-9]/.test(char)) kinds[code] = digit;
  else if (/\s/.test(char)) kinds[code] = space;
  else kinds[code] = mark;
}

/** Runs up to here have their tokens in a table: a division per run costs more than all the rest. */
const tabled = 64;
const letterTenths = Uint16Array.from({ length: tabled }, (_, length) => 10 * lettersToTokens(length));
const threesTenths = Uint16Array.from({ length: tabled }, (_, length) => 10 * Math.ceil(length / 3));

/** Most words are one token; what is longer than words are is made of parts, or of nothing at all (base64). */
function lettersToTokens(length: number): number {
  return length <= 16 ? Math.ceil(length / 8) : Math.ceil(length / 4.5);
}

/** Tokens, uncalibrated, of the o200k kind; 0 for "". Some 15 % off on a mix, more on a single odd text. */
export function estimateTokens(text: string): number {
  const length = text.length;
  let tenths = 0;
  let at = 0;
  while (at < length) {
    const code = text.charCodeAt(at);
    const kind = code < 128 ? (kinds[code] as number) : foreign;
    const start = at++;
    if (kind === foreign) {
      tenths += foreignTenths(code);
      continue;
    }
    at = runEnd(text, at, kind);
    // A word is capitals and then small letters: a capital behind a small letter begins the next one.
    if (kind === upper) at = runEnd(text, at, lower);
    const run = at - start;
    if (kind === lower || kind === upper) {
      tenths += run < tabled ? (letterTenths[run] as number) : 10 * lettersToTokens(run);
    } else if (kind === space) {
      // A single blank belongs to the word behind it.
      tenths += run === 1 && code === 32 && at < length ? 0 : 10;
    } else {
      tenths += run < tabled ? (threesTenths[run] as number) : 10 * Math.ceil(run / 3);
    }
  }
  return Math.ceil(tenths / 10);
}

function runEnd(text: string, from: number, kind: number): number {
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code > 127 || kinds[code] !== kind) return at;
    at++;
  }
  return at;
}

/** By script: letters of small alphabets share tokens, Chinese, Japanese and Korean hardly do. Both halves of a pair make one. */
function foreignTenths(code: number): number {
  if (code >= 0xc0 && code <= 0x24f) return 7;
  if (code >= 0x370 && code <= 0x6ff) return 5;
  if ((code >= 0x2e80 && code <= 0x9fff) || (code >= 0xac00 && code <= 0xd7af)) return 7;
  return code >= 0xd800 && code <= 0xdfff ? 5 : 10;
}
