// The version, as package.json at the root has it.

import root from "../../package.json" with { type: "json" };

export const { version } = root;
