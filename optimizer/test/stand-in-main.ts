// The optimizer's process with the stand-in behind its seam.

import { run } from "../src/run";
import { openStandIn, registry } from "./stand-in";

await run({ registry, openOptimizer: openStandIn });
