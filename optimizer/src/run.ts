// The process: variables in, exit code out.

import { EnvError, forgetProxyVariables, readEnv } from "@anyray/shared/env";
import { createLog } from "@anyray/shared/log";
import { readConfig } from "./config";
import { startOptimizer, type Wiring } from "./start";

/** "The configuration is wrong": a supervisor must not try again. */
const badConfigurationExitCode = 78;

function refuse(error: EnvError): never {
  console.error(error.message);
  process.exit(badConfigurationExitCode);
}

function readEnvOrExit() {
  try {
    return readEnv();
  } catch (error) {
    if (error instanceof EnvError) refuse(error);
    throw error;
  }
}

/** Runs the optimizer as this process; resolves when it takes requests. */
export async function run(wiring: Wiring): Promise<void> {
  const env = readEnvOrExit();
  const log = createLog({ level: env.ANYRAY_LOG_LEVEL, service: "optimizer" });
  forgetProxyVariables();
  try {
    const { server } = await startOptimizer(readConfig(env, log), log, wiring);
    log.info("optimizer is ready", { url: server.url.origin });
  } catch (error) {
    if (error instanceof EnvError) refuse(error);
    log.error("the optimizer cannot start", { error });
    process.exit(1);
  }
}
