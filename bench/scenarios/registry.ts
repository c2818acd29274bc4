// Every scenario, in the order of the report. To add one: a file that ends in `satisfies Scenario`, and its line here.

import type { Scenario } from "../scenario";
import { body1m } from "./body-1m";
import { body100k } from "./body-100k";
import { capsHot } from "./caps-hot";
import { coldStart } from "./cold-start";
import { embeddings } from "./embeddings";
import { jsonAddedLatency } from "./json-added-latency";
import { jsonSmall } from "./json-small";
import { optimizerBroken } from "./optimizer-broken";
import { optimizerOn } from "./optimizer-on";
import { optimizerSkipped } from "./optimizer-skipped";
import { restMemory } from "./rest-memory";
import { slowReader } from "./slow-reader";
import { soak } from "./soak";
import { stream50 } from "./stream-50";
import { stream300 } from "./stream-300";
import { stream2000 } from "./stream-2000";
import { streamsIdle } from "./streams-idle";
import { streamsOpen } from "./streams-open";
import { tlsUpstream } from "./tls-upstream";
import { tracesContent } from "./traces-content";

export const scenarios: readonly Scenario[] = [
  jsonSmall,
  jsonAddedLatency,
  body100k,
  body1m,
  embeddings,
  stream50,
  stream300,
  stream2000,
  streamsOpen,
  streamsIdle,
  slowReader,
  capsHot,
  optimizerSkipped,
  optimizerBroken,
  optimizerOn,
  tracesContent,
  tlsUpstream,
  coldStart,
  restMemory,
  soak,
];
