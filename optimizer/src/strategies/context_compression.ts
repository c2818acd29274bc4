// Owns the strategy for bulky data that no specialist looks after: JSON, lines of JSON, diffs, long texts. Without loss
// where that is all it may do; else what is ordinary among much of its kind goes behind a handle.

import { hasMarker } from "../markers";
import type { Draft } from "../segments/draft";
import type { Params, Run, Strategy } from "../strategy";
import { accepts, replace, rolesParam, type Subject, subjectsOf } from "../subjects";
import { classify } from "../text/classify";
import { cutMatter, indexOf, type Matter, shorten } from "./context_compression/classes";
import type { Cut, Limits } from "./context_compression/elide";
import { hasTable } from "./context_compression/read-table";
import { riskWords } from "./context_compression/risk-words";
import { isWantedWhole } from "./context_compression/wanted-whole";

export const contextCompression = {
  kind: "context_compression",
  tier: "selection",
  about: {
    does: "Writes JSON without whitespace and as tables, folds lines that are alike; where selection is on, keeps of long lists, diffs and texts what stands out or is asked for.",
    risk: "With selection on, an ordinary row, line or repeated change that turns out to matter has to be retrieved first.",
  },
  params: {
    selection: {
      type: "boolean",
      default: true,
      help: "Leave out what is ordinary and say so in its place. Off: only what can be undone without the original.",
    },
    roles: rolesParam,
    minChars: { type: "integer", default: 1_500, min: 200, max: 10_000_000, help: "Shorter texts stay." },
    maxArrayItems: {
      type: "integer",
      default: 50,
      min: 0,
      max: 100_000,
      help: "Rows of a list kept for the question or for comparison; rows that stand out are kept beyond it.",
    },
    maxQueryRows: {
      type: "integer",
      default: 20,
      min: 0,
      max: 100_000,
      help: "Of those, rows kept because they match the question; also lines of a text.",
    },
    outlierK: {
      type: "number",
      default: 6,
      min: 2,
      max: 100,
      help: "How many robust deviations from the median make a number stand out.",
    },
    rareFrac: { type: "number", default: 0.1, min: 0, max: 0.5, help: "Up to this share of the rows a value is rare." },
    textCapChars: {
      type: "integer",
      default: 8_000,
      min: 500,
      max: 10_000_000,
      help: "Texts are cut to about this length; lines that stand out are kept beyond it.",
    },
    encoding: {
      type: "choice",
      default: "auto",
      choices: ["auto", "json"],
      help: '"json": what was JSON stays JSON. "auto": lists become tables where that is a quarter shorter.',
    },
    riskWords: {
      type: "list",
      default: riskWords,
      choices: null,
      help: "A change in a diff that holds one of these is never folded into another like it.",
    },
  },
  bodyBytesMin: 1_500,
  run(draft, params, run) {
    const sight: Sight = {
      draft,
      run,
      params,
      limits: limitsOf(params),
      done: { shortened: 0, cut: 0 },
      gone: new Map(),
    };
    for (const subject of subjectsOf(draft, params["roles"], params["minChars"] as number)) {
      run.budget.check();
      compress(subject, sight);
    }
    const { shortened, cut } = sight.done;
    if (shortened + cut === 0) return;
    const gone = [...sight.gone].map(
      ([noun, count]) => `${count} ${noun}${count === 1 || noun.endsWith("s") ? "" : "s"}`,
    );
    run.report(
      `${shortened} shortened without loss, ${cut} cut${gone.length > 0 ? ` by ${gone.join(", ")}` : ""}`,
      shortened + cut,
    );
  },
} satisfies Strategy;

interface Sight {
  draft: Draft;
  run: Run;
  params: Params;
  limits: Limits;
  done: { shortened: number; cut: number };
  gone: Map<string, number>;
}

function limitsOf(params: Params): Limits {
  return {
    maxArrayItems: params["maxArrayItems"] as number,
    maxQueryRows: params["maxQueryRows"] as number,
    outlierK: params["outlierK"] as number,
    rareFrac: params["rareFrac"] as number,
    textCapChars: params["textCapChars"] as number,
    encoding: params["encoding"] as Limits["encoding"],
    riskWords: params["riskWords"] as readonly string[],
  };
}

function compress(subject: Subject, sight: Sight): void {
  const { draft, limits, done } = sight;
  if (!accepts(draft, subject, "lossless")) return;
  // What holds signs of ours, or of another strategy, has been through here.
  if (hasMarker(subject.text) || hasTable(subject.text) || hasFold(subject.text)) return;
  const matter = matterOf(subject, sight.run);
  if (maySelect(subject, sight) && select(subject, matter, sight)) return;
  const short = shorten(matter, limits.encoding);
  if (short.length < subject.text.length && replace(draft, subject, short, "lossless")) done.shortened += 1;
}

function hasFold(text: string): boolean {
  return text.includes("\n[+") && /^\[\+\d+ same shape/m.test(text);
}

function matterOf({ segment, text, start, end }: Subject, run: Run): Matter {
  const isWhole = start === 0 && end === segment.text.length;
  const hint = { toolName: segment.toolName, toolArgs: segment.toolArgs };
  const textClass = isWhole ? run.classOf(segment) : classify(text, hint).class;
  return { text, class: textClass, isUserText: segment.role === "user" };
}

function maySelect(subject: Subject, { draft, run, params }: Sight): boolean {
  if (params["selection"] !== true || !accepts(draft, subject, "selection")) return false;
  if (isWantedWhole(subject.segment, run.question(subject.segment))) return false;
  if (!run.canElide) run.suppress("no_retrieve");
  return run.canElide;
}

function select(subject: Subject, matter: Matter, sight: Sight): boolean {
  const { draft, run, limits, done } = sight;
  const { segment, text } = subject;
  let handle: string | null = null;
  const cut: Cut = {
    limits,
    question: run.question(segment),
    check: () => run.budget.check(),
    gone: new Map(),
    handle() {
      const index = handle === null ? indexOf(matter) : null;
      handle ??= text === segment.original ? run.stash(segment, index) : run.stashText(text, index);
      return handle;
    },
  };
  const short = cutMatter(matter, cut);
  if (short === null || !replace(draft, subject, short, "selection")) return false;
  done.cut += 1;
  for (const [noun, count] of cut.gone) sight.gone.set(noun, (sight.gone.get(noun) ?? 0) + count);
  return true;
}
