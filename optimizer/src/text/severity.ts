// Owns what makes a line matter by itself: failures, warnings, totals, frames of a stack trace. One look forwards at
// every place; what a text says may be hostile. It errs towards keeping, but not for "0 errors".

/** A word, and where its line stands by it. Forms of it count: "crashed", "failures". */
const severeWord =
  /error|fatal|panic|critical|exception|traceback|fail|denied|refused|rejected|unauthori[sz]ed|forbidden|timed? ?-?out|abort|crash|killed|oom|segfault|segmentation fault|deadlock|corrupt|unhealthy|unreachable|exhaust|overflow|violation|assertion/gi;
const warningWord = /warn|deprecated|deprecation/gi;
const forms = new Set(["", "s", "d", "ed", "es", "ing", "ings", "ure", "ures", "ion", "ions", "ked", "king"]);
const longestForm = 4;

const status5xx =
  /(?:\bstatus(?:[ _-]?code)?|\bcode|\bhttp\/\d(?:\.\d)?|\breturned|\bresponded|\bresponse|->)["']?[ :=]{0,3}(?:with )?["']?5\d\d(?![\w.])|" 5\d\d(?![\w.])|\b(?:GET|POST|PUT|PATCH|DELETE|HEAD) \S{1,200} 5\d\d(?![\w.])/i;
/** As numbers: 40 and more in logging libraries; as a letter in front: klog, Android. */
const severeLevel = /"level" ?: ?(?:[4-9]\d|\d{3})\b|"is_?error" ?: ?true|^[EF]\d{4} \d\d:|^E\/|\[(?:E|F|ERR|CRIT)\]/i;

/** Whether a unit tells of a failure: by its words, by a status of the 500s, by its level. */
export function isSevere(unit: string): boolean {
  return hasWord(unit, severeWord) || status5xx.test(unit) || severeLevel.test(unit);
}

export function isWarning(unit: string): boolean {
  return hasWord(unit, warningWord);
}

function hasWord(unit: string, pattern: RegExp): boolean {
  pattern.lastIndex = 0;
  for (let match = pattern.exec(unit); match !== null; match = pattern.exec(unit)) {
    if (isTold(unit, match.index, match.index + match[0].length)) return true;
  }
  return false;
}

/** Whether the word at [start, end) is a word or the end of an exception's name, and is not said to be absent. */
function isTold(unit: string, start: number, end: number): boolean {
  if (!beginsWord(unit, start) || isAbsentBefore(unit, start)) return false;
  const wordEnd = endOfForm(unit, end);
  if (!forms.has(unit.slice(end, wordEnd).toLowerCase())) return false;
  // "error_handler" is a name like others; "error_code=7" says that there was one.
  const nameEnd = endOfName(unit, wordEnd);
  const value = valueAt(unit, nameEnd);
  return value === null ? nameEnd === wordEnd : !emptyValue.test(value);
}

/** The rest of the word: small letters, or capitals where the word ends in one ("FAILED", but "ErrorCode"). */
function endOfForm(unit: string, end: number): number {
  const isShouted = isLetter(unit.charCodeAt(end - 1)) && !isSmallLetter(unit.charCodeAt(end - 1));
  let at = end;
  for (; at - end <= longestForm; at++) {
    const code = unit.charCodeAt(at);
    if (!isLetter(code) || isSmallLetter(code) === isShouted) break;
  }
  return at;
}

function beginsWord(unit: string, start: number): boolean {
  if (start === 0) return true;
  const before = unit.charCodeAt(start - 1);
  if (before === 47) return false;
  if (!isLetter(before)) return true;
  if (!isSmallLetter(before) || isSmallLetter(unit.charCodeAt(start))) return false;
  // "TypeError" names an error, "handleError" a function.
  let at = start - 1;
  while (at > 0 && start - at < 80 && isNameChar(unit.charCodeAt(at - 1))) at--;
  return !isSmallLetter(unit.charCodeAt(at));
}

/** "0 errors", "no failures", "without error". */
const absentBefore = /(?:^|[^\w.:-])(?:0|no|zero|without|without any|non)[ -]$/i;

function isAbsentBefore(unit: string, start: number): boolean {
  return absentBefore.test(unit.slice(Math.max(0, start - 14), start));
}

function endOfName(unit: string, from: number): number {
  let at = from;
  while (at < unit.length && at - from < 80 && isNameChar(unit.charCodeAt(at))) at++;
  return at;
}

/** What follows a name and "=", ":" or '":'; null where no value does. */
function valueAt(unit: string, from: number): string | null {
  const match = /^["']? ?[=:] ?(.{0,12})/.exec(unit.slice(from, from + 16));
  return match?.[1] ?? null;
}

const emptyValue = /^(?:0(?![\d.]*[1-9])|null\b|none\b|nil\b|false\b|""|''|\[\]|\{\}|"0"|"none"|"null"|-$)/i;

const summaryLine =
  /(?<![\w.:-])\d+ (?:tests? |specs? |checks? )?(?:passed|failed|passing|failing|skipped|ignored|pending|errors?|warnings?|failures?|problems?)\b|\bexit(?:ed)?(?: with)?(?: code| status)?[ :=]{1,3}-?\d+\b|^\W{0,8}(?:totals?|summary|results?|test suites|tests run|tests|build (?:succeeded|failed|successful))\b *[:=]|^\W{0,8}(?:ran \d+|found \d+|finished in|done in|finished .{0,40} in \d)|\bin total\b|\btotal[:=] ?\d/i;

/** Lines that sum up: "3 passed, 1 failed", totals, exit codes. */
export function isSummary(unit: string): boolean {
  return unit.length <= 400 && summaryLine.test(unit);
}

const frameLine =
  /^\s+at \S|^\s*File ".{1,300}", line \d|^\s+from \S{1,300}:\d+:in |^\s+\d{1,4}: +(?:0x[0-9a-f]+ - )?\S{1,200}(?:::|\()|^\t\S{1,300}\.go:\d+|^#\d{1,4} {1,3}\S|^\s*\.\.\. \d+ (?:more|common frames)|^\s+\S{1,200}\.\w{1,5}:\d+:\d+$/;
const causeLine = /^\s*(?:Caused by|Suppressed|During handling of|The above exception|goroutine \d+ \[)/;

/** A frame of a stack trace, as languages print them. */
export function isFrame(line: string): boolean {
  return frameLine.test(line.length > 600 ? line.slice(0, 600) : line);
}

/** Where a trace goes over to what caused it. */
export function isCause(line: string): boolean {
  return causeLine.test(line.slice(0, 80));
}

function isLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || isSmallLetter(code);
}

function isSmallLetter(code: number): boolean {
  return code >= 97 && code <= 122;
}

function isNameChar(code: number): boolean {
  return isLetter(code) || (code >= 48 && code <= 57) || code === 95;
}
