// Owns recognizing what must not be written down: names of fields that hold content or credentials, and
// credentials inside a text. A second line of defence, behind not passing such things to begin with.

const refusedAnywhere = ["authorization", "cookie", "cookies", "credential", "credentials", "password", "secret"];
const refusedLast: ReadonlySet<string> = new Set([
  ...refusedAnywhere,
  ...["key", "apikey", "token", "prompt", "content", "contents", "message", "messages", "body"],
]);

/** True for "token", "adminToken", "x-api-key", "Set-Cookie"; false for "inputTokens", "bodyBytes", "contentType". */
export function isRefusedName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
  return refusedLast.has(words.at(-1) ?? "") || words.some((word) => refusedAnywhere.includes(word));
}

const credentials: readonly [pattern: RegExp, replacement: string][] = [
  [/\b(Bearer)\s+[^\s"',;]+/gi, "$1 [redacted]"],
  [/\b(Basic)\s+[A-Za-z0-9+/]{8,}={0,2}/g, "$1 [redacted]"],
  // Provider keys: sk-…, sk-ant-…, gsk_…, xai-…, AIza…; providers' own messages show them masked with *.
  [/(?<![A-Za-z0-9])sk-[\w*.-]{6,}/gi, "sk-[redacted]"],
  [/(?<![A-Za-z0-9])(pk|rk|gsk|xai|pplx|hf|nvapi|r8|fw|tgp|csk)[-_][\w*-]{16,}/g, "$1-[redacted]"],
  [/(?<![A-Za-z0-9])(AIza|AKIA|ASIA)[\w-]{12,}/g, "$1[redacted]"],
  [/:\/\/[^\s/@:]*:[^\s/@]*@/g, "://[redacted]@"],
  [/([?&](?:api[-_]?key|key|token|access_token|sig|signature)=)[^\s&"']+/gi, "$1[redacted]"],
];

export const textLengthMax = 512;

/** Longest text that is searched; what lies behind it is cut anyway. */
const searchedLengthMax = 8_192;

/** `text` without credentials, at most `lengthMax` characters; a longer one ends with "…". */
export function redactText(text: string, lengthMax = textLengthMax): string {
  // Searched before it is cut: half a credential would not be recognized.
  let clean = text.length > searchedLengthMax ? text.slice(0, searchedLengthMax) : text;
  for (const [pattern, replacement] of credentials) clean = clean.replace(pattern, replacement);
  return cutText(clean, lengthMax);
}

/** At most `lengthMax` UTF-16 units, never half a character. */
export function cutText(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  const end = /[\uD800-\uDBFF]/.test(text.charAt(lengthMax - 2)) ? lengthMax - 2 : lengthMax - 1;
  return `${text.slice(0, end)}…`;
}
