// Owns guessing how long one user's next answer will be, for calls that state no bound of their own.

/** Before anything is known: longer than nearly every answer. */
const unknownTokens = 4_096;
const modelsMax = 32;
const weight = 0.1;

interface Learned {
  mean: number;
  /** Mean absolute deviation. */
  deviation: number;
  count: number;
}

/** Running mean and deviation by model: mean + 3 deviations lies above 95 of 100 answers of most distributions. */
export class OutputForecast {
  readonly #byModel = new Map<string, Learned>();

  outputTokens(model: string | null): number {
    const learned = this.#byModel.get(model ?? "");
    return learned ? Math.ceil(learned.mean + 3 * learned.deviation) : unknownTokens;
  }

  learn(model: string | null, outputTokens: number): void {
    const learned = this.#byModel.get(model ?? "");
    if (!learned) {
      if (this.#byModel.size >= modelsMax) this.#byModel.delete(this.#byModel.keys().next().value as string);
      // One answer says little about the next: start with a wide deviation.
      this.#byModel.set(model ?? "", { mean: outputTokens, deviation: outputTokens / 2, count: 1 });
      return;
    }
    const distance = Math.abs(outputTokens - learned.mean);
    learned.count += 1;
    const step = Math.max(weight, 1 / learned.count);
    learned.mean += step * (outputTokens - learned.mean);
    learned.deviation += step * (distance - learned.deviation);
  }
}
