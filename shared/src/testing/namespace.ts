// Owns a machine without a world, for the proof that nothing leaves: a network namespace of its own, in which one address is
// a provider's and every other leads into a counted hole. Needs `unshare`, `nsenter` and `ip`; refuses to run elsewhere.

import { readlinkSync, writeFileSync } from "node:fs";

/** Where the provider is, the only host that can be reached. */
export const providerHost = "10.99.0.1";
const ownAddress = "10.99.0.2";
/** Reserved for documentation: nobody's. */
const world = { gateway: "198.51.100.1", own: "198.51.100.2", mac: "02:00:00:00:00:01" };
export const resolverHost = "192.0.2.53";

const enter = ["unshare", "--user", "--map-root-user", "--net", "--mount"];

/** Null where namespaces can be made, else why not. */
export function whyNoNamespaces(): string | null {
  if (process.platform !== "linux") return "network namespaces are Linux's";
  const missing = ["unshare", "nsenter", "ip"].filter((tool) => !Bun.which(tool));
  if (missing.length > 0) return `${missing.join(" and ")} not installed`;
  const made = Bun.spawnSync([...enter, "ip", "link", "add", "a0", "type", "veth", "peer", "name", "a1"]);
  return made.exitCode === 0 ? null : "network namespaces are not permitted here";
}

/** The command that runs `command` within a new namespace, as its root. */
export function inNamespace(command: readonly string[]): string[] {
  return [...enter, ...command];
}

export interface Outside {
  /** Goes before a command that runs where the provider is. */
  enter: string[];
  /** Counters over there. */
  counters(): Counters;
  close(): void;
}

export interface Counters {
  /** Packets sent to hosts that are not the provider, names looked up included. */
  toWorld: number;
  /** Datagrams sent to anybody, this machine included: looking up a name takes one. */
  datagrams: number;
  /** Attempts for which there was no way, over IPv4 and IPv6. */
  withoutRoute: number;
  /** Connections that were refused: to a port where nobody listens. */
  resets: number;
}

/** Within the namespace: makes its network, and the place of the provider. @throws Error when a step fails */
export async function buildNetwork(resolvPath: string): Promise<Outside> {
  const outside = Bun.spawn(["unshare", "--net", "sleep", "infinity"]);
  const there = ["nsenter", "--target", String(outside.pid), "--net"];
  // The child is in the parent's namespace until it has left it.
  const namespaceOf = (pid: number | "self") => readlinkSync(`/proc/${pid}/ns/net`);
  while (namespaceOf(outside.pid) === namespaceOf("self")) await Bun.sleep(5);
  const pid = String(outside.pid);
  run("ip link set lo up");
  for (const [name, peer] of [
    ["provider0", "provider1"],
    ["world0", "world1"],
  ]) {
    run(`ip link add ${name} type veth peer name ${peer}`);
    run(`ip link set ${peer} netns ${pid}`);
    // Its own chatter would be counted as ours; an attempt over IPv6 is counted as one without a route.
    writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, "1");
    run(`ip link set ${name} up`);
    run(`ip link set ${peer} up`, there);
  }
  run("ip link set lo up", there);
  run(`ip addr add ${providerHost}/30 dev provider1`, there);
  run(`ip addr add ${ownAddress}/32 dev provider0`);
  run(`ip route add ${providerHost}/32 dev provider0`);
  run(`ip addr add ${world.own}/32 dev world0`);
  run(`ip neigh add ${world.gateway} lladdr ${world.mac} dev world0 nud permanent`);
  run(`ip route add default via ${world.gateway} dev world0 onlink`);
  writeFileSync(resolvPath, `nameserver ${resolverHost}\noptions timeout:1 attempts:1\n`);
  run(`mount --bind ${resolvPath} /etc/resolv.conf`);
  return {
    enter: there,
    counters: () => countersOf(there),
    close: () => outside.kill("SIGKILL"),
  };
}

function run(command: string, within: readonly string[] = []): void {
  const { exitCode, stderr } = Bun.spawnSync([...within, ...command.split(" ")]);
  if (exitCode !== 0) throw new Error(`${command}: ${stderr.toString().trim()}`);
}

/** Of this namespace, or of the one that `within` enters. */
export function countersOf(within: readonly string[] = []): Counters {
  const read = (path: string) => Bun.spawnSync([...within, "cat", path]).stdout.toString();
  const [, fields = ""] = /^\s*world0:(.*)$/m.exec(read("/proc/net/dev")) ?? [];
  const snmp = tableOf(read("/proc/net/snmp"));
  const [, ip6 = "0"] = /^Ip6OutNoRoutes\s+(\d+)$/m.exec(read("/proc/net/snmp6")) ?? [];
  return {
    toWorld: Number(fields.trim().split(/\s+/)[9] ?? 0),
    datagrams: snmp("Udp", "OutDatagrams"),
    withoutRoute: snmp("Ip", "OutNoRoutes") + Number(ip6),
    resets: snmp("Tcp", "OutRsts"),
  };
}

/** Of lines in pairs: names, then figures, both led by the protocol's name. */
function tableOf(text: string) {
  const lines = text.split("\n").map((line) => line.split(/\s+/));
  return (protocol: string, name: string): number => {
    const [names = [], figures = []] = lines.filter(([first]) => first === `${protocol}:`);
    const figure = Number(figures[names.indexOf(name)]);
    if (Number.isNaN(figure)) throw new Error(`there is no ${protocol} ${name}`);
    return figure;
  };
}

/** What was counted from one reading to a later one. */
export function since(before: Counters, after: Counters): Counters {
  return {
    toWorld: after.toWorld - before.toWorld,
    datagrams: after.datagrams - before.datagrams,
    withoutRoute: after.withoutRoute - before.withoutRoute,
    resets: after.resets - before.resets,
  };
}
