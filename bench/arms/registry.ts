// Every proxy that can stand between generator and upstream, in the order of the report.

import type { ArmKind } from "../stand/arm";
import { anyray } from "./anyray";
import { bare } from "./bare";
import { haproxy } from "./haproxy";
import { nginx } from "./nginx";

export const armKinds: readonly ArmKind[] = [bare, nginx, haproxy, anyray];
