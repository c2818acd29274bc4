// The house rules about what only one file may do: read the environment, call out, copy headers.

import ts from "typescript";
import { parsed } from "./parsed";
import { faultAt, isAside, isTypeScript, type Rule, type Source } from "./sources";

/** A rule over each node of every file that is part of a service, but for the one file that is allowed to. */
function onlyIn(allowed: string, faultOf: (node: ts.Node) => string | undefined): Rule {
  return (sources) =>
    sources
      .filter(({ path }) => isTypeScript(path) && path !== allowed && !isAside(path))
      .flatMap((source) => faultsIn(source, (node) => faultOf(node) && `${faultOf(node)} outside ${allowed}`));
}

function faultsIn(source: Source, faultOf: (node: ts.Node) => string | undefined): string[] {
  const { path } = source;
  const file = parsed(source);
  const faults: string[] = [];
  const visit = (node: ts.Node) => {
    const fault = faultOf(node);
    if (fault) faults.push(faultAt(path, file.getLineAndCharacterOfPosition(node.getStart()).line + 1, fault));
    ts.forEachChild(node, visit);
  };
  visit(file);
  return faults;
}

const environmentOwners = ["process", "Bun", "import.meta", "globalThis.process", "globalThis.Bun"];
const environmentModules = ["process", "node:process", "bun"];

export const environmentInOnePlace = onlyIn("shared/src/env.ts", (node) => {
  const owner = memberOwner(node, "env");
  if (owner && environmentOwners.includes(owner.getText())) return "reads the environment";
  // const { env } = process
  if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name) && node.initializer) {
    const taken = node.name.elements.map(({ propertyName, name }) => (propertyName ?? name).getText());
    if (taken.includes("env") && environmentOwners.includes(node.initializer.getText())) return "reads the environment";
  }
  // import { env } from "node:process"
  if (ts.isImportSpecifier(node) && (node.propertyName ?? node.name).text === "env") {
    const { moduleSpecifier } = node.parent.parent.parent;
    if (ts.isStringLiteral(moduleSpecifier) && environmentModules.includes(moduleSpecifier.text)) {
      return "reads the environment";
    }
  }
  return undefined;
});

/** What makes a connection or asks for a name, and who has it. */
const callersOut = new Map<string, readonly string[]>([
  ...["connect", "udpSocket", "dns", "redis", "RedisClient", "s3", "S3Client"].map((name) => [name, ["Bun"]] as const),
  ["fetch", ["Bun", "globalThis", "window", "self"]],
  ...["WebSocket", "EventSource", "XMLHttpRequest"].map((name) => [name, ["globalThis", "window", "self"]] as const),
  ["sendBeacon", ["navigator"]],
]);
const globalsOut = ["fetch", "WebSocket", "EventSource", "XMLHttpRequest"];
const modulesOut = /^(node:)?(https?|http2|net|tls|dgram|dns)(\/promises)?$|^(undici|axios|got|ws|node-fetch|ky)$/;
/** What the modules above have that calls nobody. */
const harmless = ["isIP", "isIPv4", "isIPv6"];
/** It asks the services that it has started itself whether they are there. */
const asksItsOwn = "shared/bin/ready.ts";

/** Services, and the scripts that start them. */
export const outboundInOnePlace: Rule = (sources) =>
  sources
    .filter(({ path }) => isTypeScript(path) && path !== outboundPath && path !== asksItsOwn)
    .filter(({ path }) => !isAside(path) || (path.startsWith("shared/bin/") && !path.includes(".test.")))
    .flatMap((source) => faultsIn(source, (node) => waysOutOf(node) && `${waysOutOf(node)} outside ${outboundPath}`));

const outboundPath = "shared/src/outbound.ts";

function waysOutOf(node: ts.Node): string | undefined {
  const name = memberName(node);
  const owners = name === undefined ? undefined : callersOut.get(name);
  if (name !== undefined && owners) {
    const owner =
      memberOwner(node, name)
        ?.getText()
        .replace(/^globalThis\./, "") ?? "";
    return owners.includes(owner) ? `takes ${owner}.${name}` : undefined;
  }
  if (ts.isIdentifier(node) && globalsOut.includes(node.text) && isValue(node)) return `takes ${node.text}`;
  return importOut(node);
}

function importOut(node: ts.Node): string | undefined {
  if (ts.isCallExpression(node) && /^(import|require)$/.test(node.expression.getText())) {
    const [specifier] = node.arguments;
    return specifier && ts.isStringLiteralLike(specifier) && modulesOut.test(specifier.text)
      ? `imports ${specifier.text}`
      : undefined;
  }
  if (!ts.isImportDeclaration(node) || !ts.isStringLiteral(node.moduleSpecifier)) return undefined;
  const clause = node.importClause;
  const module = node.moduleSpecifier.text;
  if (clause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return undefined;
  const bindings = clause?.namedBindings;
  const named = bindings && ts.isNamedImports(bindings) ? bindings.elements.filter((each) => !each.isTypeOnly) : [];
  const names = named.map(({ propertyName, name }) => (propertyName ?? name).text);
  if (module === "bun")
    return names.some((name) => callersOut.get(name)?.includes("Bun")) ? "takes it from bun" : undefined;
  const isPure = clause?.name === undefined && bindings !== undefined && ts.isNamedImports(bindings);
  if (!modulesOut.test(module) || (isPure && names.every((name) => harmless.includes(name)))) return undefined;
  return `imports ${module}`;
}

export const headersCopiedInOnePlace = onlyIn("gateway/src/providers/headers.ts", (node) => {
  if (ts.isNewExpression(node) && node.expression.getText() === "Headers") {
    const [init] = node.arguments ?? [];
    return init && !ts.isObjectLiteralExpression(init) && !ts.isArrayLiteralExpression(init)
      ? "copies headers"
      : undefined;
  }
  // new Response(body, { headers: upstream.headers })
  if (ts.isPropertyAssignment(node) && node.name.getText() === "headers" && memberOwner(node.initializer, "headers")) {
    const call = node.parent.parent;
    const takesHeaders =
      ts.isNewExpression(call) || (ts.isCallExpression(call) && /fetch$/i.test(call.expression.getText()));
    return takesHeaders ? "passes headers on whole" : undefined;
  }
  // [...request.headers], Object.fromEntries(request.headers); spread into an object, Headers come to nothing
  if (ts.isSpreadElement(node) && memberOwner(node.expression, "headers")) return "copies headers";
  if (ts.isCallExpression(node) && node.expression.getText() === "Object.fromEntries") {
    return /\.headers(\.entries\(\))?$/.test(node.arguments[0]?.getText() ?? "") ? "copies headers" : undefined;
  }
  return undefined;
});

/** `name` of `owner.name` or `owner["name"]`. */
function memberName(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) return node.name.text;
  const isElement = ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression);
  return isElement ? node.argumentExpression.text : undefined;
}

/** `owner` of `owner.name` or `owner["name"]`. */
function memberOwner(node: ts.Node, name: string): ts.Expression | undefined {
  if (ts.isPropertyAccessExpression(node) && node.name.text === name) return node.expression;
  const isElement = ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression);
  return isElement && node.argumentExpression.text === name ? node.expression : undefined;
}

/** True where an identifier stands for a value, false where it names a member, a declaration or a type. */
function isValue(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  const { name, propertyName } = parent as { name?: ts.Node; propertyName?: ts.Node };
  return name !== node && propertyName !== node && !ts.isTypeQueryNode(parent) && !ts.isQualifiedName(parent);
}
