// Owns the figures at /metrics, in Prometheus' text format. Own code instead of a client library, because these
// run several times in every call: an add into an array here, a hash of a label set there. Label values come from
// closed sets only, never from a request.

const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

export interface Counter {
  add(count?: number): void;
}

export interface Histogram {
  observeMs(durationMs: number): void;
}

type Labels = Readonly<Record<string, string>>;

interface Family {
  name: string;
  help: string;
  type: "counter" | "gauge" | "histogram";
  lines(): string[];
}

export class Metrics {
  readonly #families: Family[] = [];

  /**
   * A counter per value of one label, beside the constant `labels`. Values are registered on first use, at most 500;
   * the rest share "other".
   */
  counters(name: string, help: string, label: string, labels: Labels = {}): (value: string) => Counter {
    const counts = new Map<string, number>();
    this.#families.push({
      name,
      help,
      type: "counter",
      lines: () => [...counts].map(([value, count]) => `${name}${braces({ ...labels, [label]: value })} ${count}`),
    });
    return (value) => ({
      add(count = 1) {
        const key = counts.has(value) || counts.size < 500 ? value : "other";
        counts.set(key, (counts.get(key) ?? 0) + count);
      },
    });
  }

  counter(name: string, help: string): Counter {
    let total = 0;
    this.#families.push({ name, help, type: "counter", lines: () => [`${name} ${total}`] });
    return {
      add(count = 1) {
        total += count;
      },
    };
  }

  /** Read when asked for. */
  gauge(name: string, help: string, read: () => number): void {
    this.#families.push({ name, help, type: "gauge", lines: () => [`${name} ${read()}`] });
  }

  /** Read when asked for; for totals that are counted elsewhere. */
  total(name: string, help: string, read: () => number): void {
    this.#families.push({ name, help, type: "counter", lines: () => [`${name} ${read()}`] });
  }

  histogram(name: string, help: string, labels: Labels = {}): Histogram {
    const counts = new Float64Array(buckets.length + 1);
    let sum = 0;
    const lines = () => {
      let below = 0;
      const rows = buckets.map((le, index) => {
        below += counts[index] ?? 0;
        return `${name}_bucket${braces({ ...labels, le: String(le) })} ${below}`;
      });
      const all = below + (counts[buckets.length] ?? 0);
      rows.push(`${name}_bucket${braces({ ...labels, le: "+Inf" })} ${all}`);
      rows.push(`${name}_sum${braces(labels)} ${sum}`, `${name}_count${braces(labels)} ${all}`);
      return rows;
    };
    this.#families.push({ name, help, type: "histogram", lines });
    return {
      observeMs(durationMs) {
        const seconds = durationMs / 1_000;
        let index = 0;
        while (index < buckets.length && seconds > (buckets[index] ?? 0)) index += 1;
        counts[index] = (counts[index] ?? 0) + 1;
        sum += seconds;
      },
    };
  }

  /** The whole page. */
  text(): string {
    // One head for all label sets of a name: a second one makes the whole page unreadable to Prometheus.
    const pages = new Map<string, string[]>();
    for (const { name, help, type, lines } of this.#families) {
      const page = pages.get(name) ?? [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
      pages.set(name, page);
      page.push(...lines());
    }
    return `${[...pages.values()].flat().join("\n")}\n`;
  }
}

function braces(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`,
  );
  return pairs.length > 0 ? `{${pairs.join(",")}}` : "";
}
