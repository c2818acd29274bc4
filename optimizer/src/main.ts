// The optimizer's process.

import { openOptimizer } from "./optimizer";
import { registry } from "./registry";
import { run } from "./run";

await run({ registry, openOptimizer });
