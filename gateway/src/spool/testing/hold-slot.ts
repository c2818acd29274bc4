// A process that takes a slot under the root it is given, looks for orphans twice, says which slot it has and which
// it found, and holds it until it is killed.

import { basename } from "node:path";
import { orphanSlots, takeSlot } from "../slot";

const [root = ""] = process.argv.slice(2);
const slot = takeSlot(root);
const found: string[] = [];
for (let round = 0; round < 2; round++) {
  for (const orphan of orphanSlots(root)) {
    found.push(basename(orphan.dir));
    orphan.release();
  }
}
Bun.gc(true);
console.log(JSON.stringify({ slot: basename(slot.dir), found }));
setInterval(() => slot.dir, 1_000);
