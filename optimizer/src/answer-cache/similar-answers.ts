// Owns which kept answers may stand for questions that are asked in other words: by group (everything but the last
// question is the same), sealed, and learnt from what the model answered when it was asked all the same. Holds no
// answers and no questions: keys, vectors and counts.

import type { Keyring } from "@anyray/shared/crypto";
import { LRUCache } from "lru-cache";
import { mayServe, noObservations, type Observations, observe } from "../answer-similarity";
import type { Scope } from "../handles";
import { limitWaiting, openSealedFile } from "../sealed/file";
import type { Owned } from "../sealed/rows";
import { openSealedTable, type SealedTable } from "../sealed/table";
import { openTags, type Tags } from "../sealed/tags";
import { factsOfQuestion } from "../text/question-facts";
import { createSpellingEmbed, type Embed, packVector, similarityOf, unpackVector } from "../text/vectors";
import { answerText } from "./answer-text";

/** A question that has no answer of its own. */
export interface SimilarQuestion {
  /** Of its own answer, once there is one. */
  cacheKey: string;
  /** Only questions of one group are compared: same asker, model, settings and conversation before. */
  group: string;
  text: string;
  /** Most questions, as a share, that may get an answer which the model would not have given. */
  errorRateMax: number;
}

export interface SimilarAnswers {
  /**
   * An answer that may stand for this question's, or null: the model is to be asked. What it answers is compared once it
   * is stored. `answerOf` gives the answer of a key while it is kept. Does not throw.
   */
  look<T>(question: SimilarQuestion, answerOf: (cacheKey: string) => T | null): T | null;
  /** The model's answer to a question that was looked up: it teaches, and may stand for others. Does not throw. */
  learn(cacheKey: string, responseText: string, options: { ttlSeconds: number; owner: Scope }): void;
  /** As for answers: what was learnt under other settings is not known in these. */
  setGeneration(generation: string): void;
  forget(owned: Owned): number;
  sweep(): number;
  rewrapAll(): Promise<{ rewrapped: number; unreadable: number }>;
  /** Content-free; counts since the start. */
  facts(): { groups: number; served: number; explored: number; agreed: number; differed: number; failed: number };
  close(): void;
}

export interface SimilarAnswersOptions {
  /** SQLite file in the data directory; may be the stash's. */
  path: string;
  keyring: Keyring;
  /** Epoch milliseconds. */
  now: () => number;
  /** Uniform in [0, 1). */
  coin?: () => number;
  embed?: Embed;
  bytesMax?: number;
}

/** A kept answer as others are compared with it. */
interface Member {
  key: string;
  vector: string;
  /** What made the vector. */
  by: string;
  /** Tag of the question's facts. */
  facts: string;
  /** Tag of the answer's text. */
  answer: string;
  seen: Observations;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** A question the model was asked, until its answer is stored. */
interface Pending {
  group: string;
  vector: Float32Array;
  facts: string;
  nearest: { key: string; answer: string; similarity: number } | null;
}

const membersMax = 32;
const pendingMax = 2_000;
const mebibyte = 1_048_576;

interface Open {
  table: SealedTable;
  tags: Tags;
  now: () => number;
  coin: () => number;
  embed: Embed;
  pending: LRUCache<string, Pending>;
  generation: string;
  counts: { served: number; explored: number; agreed: number; differed: number; failed: number };
}

export function openSimilarAnswers(options: SimilarAnswersOptions): SimilarAnswers {
  const { path, keyring, now, coin = Math.random, bytesMax = 64 * mebibyte } = options;
  const db = openSealedFile({ path, sync: "normal" });
  const tags = openTags(db, keyring);
  const table = openSealedTable({ db, name: "similar", keyring, tags, now, bytesMax, tenantBytesMax: bytesMax });
  limitWaiting(db);
  const seed = Buffer.from(tags.tag("spelling"), "base64url").readUInt32LE(0);
  const open: Open = {
    ...{ table, tags, now, coin },
    embed: options.embed ?? createSpellingEmbed(seed),
    pending: new LRUCache({ max: pendingMax }),
    generation: "",
    counts: { served: 0, explored: 0, agreed: 0, differed: 0, failed: 0 },
  };
  return {
    look: (question, answerOf) => quietly(open, () => look(open, question, answerOf)),
    learn: (cacheKey, responseText, { ttlSeconds, owner }) =>
      void quietly(open, () => {
        learn(open, cacheKey, responseText, now() + ttlSeconds * 1_000, owner);
        return null;
      }),
    setGeneration(generation) {
      open.generation = generation;
    },
    forget(owned) {
      open.pending.clear();
      return table.forget(owned).length;
    },
    sweep: () => table.sweep(),
    rewrapAll: () => table.rewrapAll(),
    facts: () => ({ groups: table.usage().rows, ...open.counts }),
    close() {
      open.pending.clear();
      db.close();
    },
  };
}

/** A file that is locked or full makes a question that nothing stands for. */
function quietly<T>(open: Open, work: () => T | null): T | null {
  try {
    return work();
  } catch {
    open.counts.failed += 1;
    return null;
  }
}

function look<T>(open: Open, question: SimilarQuestion, answerOf: (cacheKey: string) => T | null): T | null {
  const { cacheKey, group, text, errorRateMax } = question;
  const told = factsOfQuestion(text);
  if (told === null) return null;
  const vector = open.embed.embed(text);
  const facts = open.tags.tag("facts", told);
  const members = membersOf(open, group);
  const nearest = nearestOf(open, members, vector, facts, cacheKey);
  const seen = nearest && { key: nearest.member.key, answer: nearest.member.answer, similarity: nearest.similarity };
  open.pending.set(cacheKey, { group, vector, facts, nearest: seen });
  if (!nearest) return null;
  const { member, similarity } = nearest;
  const answer = mayServe(member.seen, similarity, errorRateMax, open.coin()) ? answerOf(member.key) : null;
  if (answer === null) open.counts.explored += 1;
  else open.counts.served += 1;
  return answer;
}

function nearestOf(open: Open, members: readonly Member[], vector: Float32Array, facts: string, cacheKey: string) {
  let best: { member: Member; similarity: number } | null = null;
  for (const member of members) {
    if (member.facts !== facts || member.by !== open.embed.name || member.key === cacheKey) continue;
    const similarity = similarityOf(vector, unpackVector(member.vector));
    if (similarity > (best?.similarity ?? 0)) best = { member, similarity };
  }
  return best;
}

function learn(open: Open, cacheKey: string, responseText: string, expiresAt: number, owner: Scope): void {
  const asked = open.pending.get(cacheKey);
  if (!asked) return;
  open.pending.delete(cacheKey);
  const said = answerText(responseText);
  if (said === null) return;
  const answer = open.tags.tag("answer text", said);
  const { group, vector, facts, nearest } = asked;
  const members = membersOf(open, group);
  // It may have got another answer, or have gone, in between.
  const teacher = members.find(({ key, answer: its }) => key === nearest?.key && its === nearest.answer);
  const hasAgreed = teacher !== undefined && teacher.answer === answer;
  if (teacher && nearest) {
    teacher.seen = observe(teacher.seen, nearest.similarity, hasAgreed);
    if (hasAgreed) open.counts.agreed += 1;
    else open.counts.differed += 1;
  }
  if (!hasAgreed) {
    const own = { key: cacheKey, vector: packVector(vector), by: open.embed.name, facts, answer, expiresAt };
    addMember(members, { ...own, seen: noObservations });
  }
  writeMembers(open, group, members, owner);
}

/** What has learnt least makes room. */
function addMember(members: Member[], member: Member): void {
  const before = members.findIndex(({ key }) => key === member.key);
  if (before >= 0) members.splice(before, 1);
  if (members.length >= membersMax) {
    let out = 0;
    for (const [at, { seen }] of members.entries()) if (seen.count < (members[out]?.seen.count ?? 0)) out = at;
    members.splice(out, 1);
  }
  members.push(member);
}

function idOf({ tags, generation }: Open, group: string): string {
  return tags.tag("similar", generation, group);
}

function membersOf(open: Open, group: string): Member[] {
  const found = open.table.findById(idOf(open, group));
  const content = found && open.table.open(found.id);
  if (!content) return [];
  const members = JSON.parse(Buffer.from(content).toString("utf8")) as Member[];
  return members.filter(({ expiresAt }) => expiresAt > open.now());
}

function writeMembers(open: Open, group: string, members: readonly Member[], owner: Scope): void {
  const id = idOf(open, group);
  const expiresAt = members.reduce((latest, member) => Math.max(latest, member.expiresAt), 0);
  const content = () => Buffer.from(JSON.stringify(members), "utf8");
  open.table.put([{ id, access: id, owner, expiresAt, isReplacing: true, content }]);
}
