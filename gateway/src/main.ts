// The gateway's process: variables in, exit code out.

import { EnvError, forgetProxyVariables, isCallLimitRaised, readEnv } from "@anyray/shared/env";
import { createLog } from "@anyray/shared/log";
import { readConfig } from "./config";
import { startGateway } from "./gateway";

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

const env = readEnvOrExit();
const log = createLog({ level: env.ANYRAY_LOG_LEVEL, service: "gateway" });
forgetProxyVariables();
try {
  const config = readConfig(env, log);
  const { server } = await startGateway(config, log);
  if (!isCallLimitRaised()) {
    log.warn("BUN_CONFIG_MAX_HTTP_REQUESTS is not set: at most 256 calls run at once; `bun run start` sets it");
  }
  log.info("gateway is ready", { url: server.url.origin });
  if (config.adminTokenPath) {
    console.log(`Admin token (from ${config.adminTokenPath}): ${config.adminToken}`);
  }
} catch (error) {
  if (error instanceof EnvError) refuse(error);
  log.error("the gateway cannot start", { error });
  process.exit(1);
}
