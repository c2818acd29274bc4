// Owns a way out for tests of what calls through one: it leads to this machine and nowhere else.

import { createEgress, type Egress } from "../egress";
import { createOutbound, type Outbound } from "../outbound";

class ThisMachine extends Set<string> {
  override has(origin: string): boolean {
    return /^https?:\/\/(127\.0\.0\.1|localhost)(:\d+)?$/.test(origin);
  }
}

export function outboundToThisMachine(egress: Egress = createEgress()): Outbound {
  const origins = new ThisMachine();
  return createOutbound({ reason: "optimizer", origins: () => origins, egress, proxy: null, isHttp2: false });
}
