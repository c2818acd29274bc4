// tool_schema_compression: the same tools in fewer words. What a call is checked against stays as it is; descriptions
// lose decoration first, then sentences that say nothing new.

import { LRUCache } from "lru-cache";
import type { Draft, Tool } from "../segments/draft";
import type { Params, Run, Strategy } from "../strategy";
import {
  applyEdits,
  type Described,
  editsOf,
  readDefinition,
  rootDescription,
} from "./tool_schema_compression/definition";
import { hasCue, restates, sentencesOf, withoutOpener } from "./tool_schema_compression/sentences";
import { tidyText } from "./tool_schema_compression/tidy";

interface Settings {
  level: number;
  collapseWhitespace: boolean;
  stripBoilerplate: boolean;
  keepSentencesWithCues: boolean;
}

/** A sentence that so many tools share is said once. */
const sharedByMin = 3;
const sharedCharsMin = 24;
/** What one pass takes away may make the next one see more. */
const passesMax = 4;

export const toolSchemaCompression = {
  kind: "tool_schema_compression",
  tier: "selection",
  about: {
    does: "Shortens tool definitions: decoration goes, then filler and sentences that repeat the schema.",
    risk: "From level 2 on, a hint in a description that the model would have used may be gone. Schemas stay the same.",
  },
  params: {
    level: {
      type: "integer",
      default: 2,
      min: 1,
      max: 3,
      help: "1: decoration and idle schema fields. 2: also filler and repetition. 3: only first and binding sentences.",
    },
    collapseWhitespace: {
      type: "boolean",
      default: true,
      help: "Collapse runs of spaces and blank lines in descriptions, outside of code, tables and quotes.",
    },
    stripBoilerplate: {
      type: "boolean",
      default: true,
      help: 'From level 2 on, take away openers such as "Use this tool to", and sentences that three tools share.',
    },
    keepSentencesWithCues: {
      type: "boolean",
      default: true,
      help: "At level 3, keep every sentence with a number, a quote, a format or a word that limits.",
    },
  },
  bodyBytesMin: 200,
  run(draft, params, run) {
    const settings = settingsOf(params);
    const shared = settings.level > 1 && settings.stripBoilerplate ? sharedSentences(draft, settings) : new Map();
    let changed = 0;
    let charsSaved = 0;
    for (const tool of draft.tools) {
      run.budget.check();
      if (tool.isSettled || tool.isDropped) continue;
      const text = compressTool(tool, settings, shared, run);
      const before = tool.text.length;
      if (text === tool.text || !draft.setTool(tool, text)) continue;
      changed += 1;
      charsSaved += before - text.length;
    }
    if (changed > 0)
      run.report(`${changed} of ${draft.tools.length} tools said in ${charsSaved} characters less`, charsSaved);
  },
} satisfies Strategy;

function settingsOf(params: Params): Settings {
  return {
    level: params["level"] as number,
    collapseWhitespace: params["collapseWhitespace"] === true,
    stripBoilerplate: params["stripBoilerplate"] === true,
    keepSentencesWithCues: params["keepSentencesWithCues"] === true,
  };
}

/** Sentence → the first tool that says it, for sentences that several say. That one goes on saying it. */
type Shared = ReadonlyMap<string, Tool>;

function sharedSentences(draft: Draft, settings: Settings): Shared {
  const saidBy = new Map<string, Tool[]>();
  for (const tool of draft.tools) {
    if (tool.isDropped) continue;
    const definition = readDefinition(tool.text);
    const text = definition && !definition.isStrict ? rootDescription(definition) : null;
    if (text === null) continue;
    const own = sentencesOf(tidyText(text, settings)).map((each) => each.trim());
    for (const sentence of new Set(own)) {
      if (sentence.length < sharedCharsMin || hasCue(sentence)) continue;
      const tools = saidBy.get(sentence);
      if (tools) tools.push(tool);
      else saidBy.set(sentence, [tool]);
    }
  }
  const shared = new Map<string, Tool>();
  for (const [sentence, tools] of saidBy) if (tools.length >= sharedByMin) shared.set(sentence, tools[0] as Tool);
  return shared;
}

/** The same agent sends the same tools at the beginning of each of its sessions. */
const compressed = new LRUCache<string, string>({
  maxSize: 4_000_000,
  sizeCalculation: (text, key) => key.length + text.length,
});

function compressTool(tool: Tool, settings: Settings, shared: Shared, run: Run): string {
  // What others say too changes what is left of a tool.
  if (shared.size > 0) return compressText(tool, settings, shared, run);
  const key = `${JSON.stringify(settings)}${tool.text}`;
  const known = compressed.get(key);
  if (known !== undefined) return known;
  const text = compressText(tool, settings, shared, run);
  compressed.set(key, text);
  return text;
}

function compressText(tool: Tool, settings: Settings, shared: Shared, run: Run): string {
  const isElsewhere = (sentence: string) => {
    const holder = shared.get(sentence.trim());
    return holder !== undefined && holder !== tool;
  };
  let text = tool.text;
  for (let pass = 0; pass < passesMax; pass += 1) {
    run.budget.check();
    const definition = readDefinition(text);
    if (!definition) return text;
    const level = definition.isStrict ? 1 : settings.level;
    const rewrite = (described: Described) => compressDescription(described, { ...settings, level }, isElsewhere);
    const edits = editsOf(definition, rewrite, level > 1);
    if (edits.length === 0) return text;
    text = applyEdits(text, edits);
  }
  return text;
}

function compressDescription(
  described: Described,
  settings: Settings,
  isElsewhere: (sentence: string) => boolean,
): string {
  const { level, stripBoilerplate, keepSentencesWithCues } = settings;
  const tidied = tidyText(described.text, settings);
  if (level === 1) return tidied === "" ? described.text : tidied;
  const said = `${described.name} ${described.said}`;
  const sentences = sentencesOf(tidied);
  // What a tool is for is said once more than its name says it.
  const telling = sentences.filter((sentence, index) => {
    if (sentence.trim() === "") return true;
    if (described.isRoot && index === 0) return true;
    return !restates(sentence, said) && !(described.isRoot && stripBoilerplate && isElsewhere(sentence));
  });
  const first = telling.findIndex((sentence) => sentence.trim() !== "");
  const binding = telling.filter((sentence, index) => {
    return level < 3 || index <= first || sentence.trim() === "" || (keepSentencesWithCues && hasCue(sentence));
  });
  const kept = stripBoilerplate ? binding.map(withoutOpener) : binding;
  const text = tidyText(kept.join(""), settings).trim();
  return text === "" && described.isRoot ? described.text : text;
}
