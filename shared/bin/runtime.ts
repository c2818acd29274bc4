// Owns how a Bun process of Anyray is started: the flags and variables that count only when they are there
// from a process's first moment. Refuses to depend on any package: it runs before the install.

/** Goes before the entry file. Headers up to the largest `ANYRAY_MAX_HEADER_BYTES`; no `.env` file is ever read. */
export const runtimeFlags: readonly string[] = ["--no-env-file", "--max-http-header-size=65536"];

export type ProcessEnv = Readonly<Record<string, string | undefined>>;

/**
 * The environment of a service or a test run: `env` with Bun's HTTP client opened up. Bun reads both at the
 * start of a process only: without the first, the 257th call to a provider waits for one of 256 to end.
 */
export function runtimeEnv(env: ProcessEnv): Record<string, string | undefined> {
  return {
    ...env,
    BUN_CONFIG_MAX_HTTP_REQUESTS: "65535",
    BUN_FEATURE_FLAG_EXPERIMENTAL_HTTP2_CLIENT: env["ANYRAY_UPSTREAM_HTTP2"]?.trim() === "false" ? undefined : "1",
  };
}
