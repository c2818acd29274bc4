// Owns which digester reads the output of which command. Adding one is a line here.

import type { Tool } from "../../test-signatures";
import { digestDockerBuild, digestMake, digestNinja, digestNodePackages, digestPip } from "./builds";
import { digestGitLog, digestGitStat, digestGitStatus, digestTerraform } from "./changes";
import {
  digestCargoTest,
  digestDotnetTest,
  digestGoTest,
  digestGradle,
  digestJunit,
  digestMaven,
} from "./compiled-tests";
import { digestCargoBuild, digestDotnetBuild, digestEslint, digestLinter, digestTsc } from "./diagnostics";
import { digestBunTest, digestJest, digestMocha, digestTap, digestVitest } from "./javascript";
import { digestFind, digestLs, digestTree } from "./listings";
import { digestPytest, digestUnittest } from "./python";
import { digestPhpunit, digestRspec } from "./ruby-php";
import type { Digester } from "./sheet";
import { digestDf, digestKubectlDescribe, digestKubectlGet, digestPs } from "./tables";

/** In the order they are tried; each judges a sheet of its own. */
export const digesters: Readonly<Record<Tool, readonly Digester[]>> = {
  pytest: [digestPytest],
  unittest: [digestUnittest],
  jest: [digestJest],
  vitest: [digestVitest],
  mocha: [digestMocha],
  bun_test: [digestBunTest],
  tap: [digestTap],
  go_test: [digestGoTest],
  cargo_test: [digestCargoTest],
  cargo_build: [digestCargoBuild],
  junit: [digestJunit, digestMaven, digestGradle],
  maven: [digestMaven, digestJunit],
  gradle: [digestGradle, digestJunit],
  rspec: [digestRspec],
  phpunit: [digestPhpunit],
  dotnet: [digestDotnetTest, digestDotnetBuild],
  tsc: [digestDockerBuild, digestTsc],
  eslint: [digestEslint],
  ruff: [digestLinter],
  mypy: [digestLinter],
  golangci: [digestLinter],
  gcc: [digestNinja, digestMake],
  make: [digestNinja, digestMake],
  ninja: [digestNinja, digestMake],
  npm: [digestNodePackages],
  pnpm: [digestNodePackages],
  yarn: [digestNodePackages],
  pip: [digestPip],
  docker_build: [digestDockerBuild],
  terraform: [digestTerraform],
  git_status: [digestGitStatus],
  git_log: [digestGitLog],
  git_stat: [digestGitStat],
  ls: [digestLs],
  tree: [digestTree],
  find: [digestFind],
  kubectl_get: [digestKubectlGet],
  kubectl_describe: [digestKubectlDescribe],
  ps: [digestPs],
  df: [digestDf],
};
