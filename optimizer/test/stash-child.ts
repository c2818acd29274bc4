// Owns one process that keeps originals in a stash until it is killed: it says each handle once it is kept.

import { createKeyring } from "@anyray/shared/crypto";
import { handleOf } from "../src/handles";
import { openStash } from "../src/stash/stash";

const [path = "", key = "", name = ""] = process.argv.slice(2);
const stash = openStash({ path, keyring: createKeyring(key), now: Date.now, busyMs: 10_000 });
const scope = { tenant: "t", user: "u", session: name };

for (let n = 0; ; n++) {
  const content = `${name} ${n} `.repeat(200 + (n % 50) * 40);
  const handle = handleOf(new Uint8Array(32), scope, content);
  stash.put(scope, [{ handle, kind: "k", class: "lines", toolName: null, index: null, content }]);
  process.stdout.write(`${handle} ${n}\n`);
}
