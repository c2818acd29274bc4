// Owns how often what kind of elision was asked back. The names are sealed, since a tool's name is its user's; the
// numbers stand beside them, so that several processes can count.

import type { Database } from "bun:sqlite";
import type { Keyring } from "@anyray/shared/crypto";
import { openSealedTable } from "../sealed/table";
import type { Tags } from "../sealed/tags";
import type { StashWrite } from "../strategy";

export interface RetrievalCount extends Pick<StashWrite, "kind" | "class" | "toolName"> {
  count: number;
}

type Label = Pick<StashWrite, "kind" | "class" | "toolName">;

export interface RetrievalCounts {
  note(label: Label): void;
  /** Most asked for first. */
  report(): RetrievalCount[];
  rewrapAll(): Promise<unknown>;
}

/** Callers choose the names of tools: past this many, new ones count without. */
const labelsMax = 2_000;
const never = Number.MAX_SAFE_INTEGER;

export function openRetrievalCounts(options: {
  db: Database;
  keyring: Keyring;
  tags: Tags;
  now: () => number;
}): RetrievalCounts {
  const { db, tags } = options;
  const limits = { bytesMax: never, tenantBytesMax: never };
  const labels = openSealedTable({ ...options, ...limits, name: "retrieval_labels" });
  db.run("CREATE TABLE IF NOT EXISTS retrievals (id TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT");
  const add = db.prepare<null, [string]>(
    "INSERT INTO retrievals (id, count) VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET count = count + 1",
  );
  const all = db.prepare<{ id: string; count: number }, []>("SELECT id, count FROM retrievals ORDER BY count DESC, id");
  const idOf = ({ kind, class: textClass, toolName }: Label) =>
    tags.tag("retrieval", JSON.stringify([kind, textClass, toolName]));

  function idOfKept(label: Label): string {
    const id = idOf(label);
    if (labels.findById(id)) return id;
    if (label.toolName !== null && labels.usage().rows >= labelsMax) return idOfKept({ ...label, toolName: null });
    const content = () => Buffer.from(JSON.stringify(label), "utf8");
    const owner = { tenant: "", user: "", session: "" };
    labels.put([{ id, access: id, owner, expiresAt: never, isReplacing: false, content }]);
    return id;
  }

  return {
    note: ({ kind, class: textClass, toolName }) => void add.run(idOfKept({ kind, class: textClass, toolName })),
    report: () =>
      all.all().flatMap(({ id, count }) => {
        const content = labels.open(id);
        return content ? [{ ...(JSON.parse(Buffer.from(content).toString("utf8")) as Label), count }] : [];
      }),
    rewrapAll: () => labels.rewrapAll(),
  };
}
