// Owns the words the admin plane's OpenAPI document is written in. Each route file describes its own routes
// with them; bodies and answers are checked against that in the tests, not at run time.

import { type ErrorCode, errorTable } from "@anyray/shared/errors";
import type { DocumentDecoration } from "elysia";

/** A schema object of OpenAPI 3.0. */
export type Schema = { readonly [keyword: string]: unknown };

export const text = { type: "string" };
export const instant = { type: "string", format: "date-time", description: "RFC 3339" };
export const flag = { type: "boolean" };
export const count = { type: "integer", minimum: 0 };
/** May be below zero: what was "saved" can be a loss. */
export const amount = { type: "number" };
export const milliseconds = { type: "number", minimum: 0, description: "milliseconds" };
export const anything = { description: "any JSON value" };

export const orNull = (schema: Schema): Schema => ({ ...schema, nullable: true });
export const oneOf = (values: readonly string[]): Schema => ({ type: "string", enum: [...values] });
export const listOf = (items: Schema): Schema => ({ type: "array", items });
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** An object with exactly these fields; all are there unless listed as optional. */
export function fields(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, ...(required.length > 0 && { required }), additionalProperties: false };
}

export function parameter(name: string, schema: Schema, description: string): Schema {
  return { name, in: "query", required: false, schema, description };
}

export function pathParameter(name: string, schema: Schema, description: string): Schema {
  return { name, in: "path", required: true, schema, description };
}

export interface Operation {
  summary: string;
  description?: string;
  tag: "Spend" | "Traces" | "Caps" | "Prices" | "Providers" | "Operation";
  parameters?: readonly Schema[];
  /** Schema of a JSON body. */
  body?: Schema;
  /** Media type → schema of the 200. */
  answer: Readonly<Record<string, Schema>>;
  /** Besides 401 and 500, which every route has. */
  refusals?: readonly ErrorCode[];
}

const writeRefusals = ["invalid_json", "body_too_large", "unsupported_encoding"] as const;

/** Where the table of errors speaks of calls, and an admin request is refused for a reason of its own. */
const meanings: Partial<Record<ErrorCode, string>> = {
  invalid_json: "the body is not JSON in UTF-8",
  body_too_large: "the body is larger than 1 MiB",
  unsupported_encoding: "the body has a content-encoding",
  upstream_unreachable: "the optimizer does not answer, or does not know this gateway",
  upstream_timeout: "the optimizer does not answer in time",
};

export function describe(operation: Operation): DocumentDecoration {
  const { summary, description, tag, parameters, body, answer } = operation;
  const codes = ["unauthorized", ...(body ? writeRefusals : []), ...(operation.refusals ?? []), "internal"] as const;
  const content = Object.fromEntries(Object.entries(answer).map(([type, schema]) => [type, { schema }]));
  const refusals: Record<string, Schema> = {};
  for (const status of new Set(codes.map((code) => errorTable[code].status))) {
    const reasons = codes.filter((code) => errorTable[code].status === status);
    refusals[status] = {
      description: reasons.map((code) => `\`${code}\`: ${meanings[code] ?? errorTable[code].when}`).join("; "),
      content: { "application/json": { schema: ref("Error") } },
    };
  }
  const described: unknown = {
    tags: [tag],
    summary,
    ...(description && { description }),
    parameters: parameters ?? [],
    ...(body && { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
    responses: { 200: { description: "OK", content }, ...refusals },
  };
  return described as DocumentDecoration;
}

export const json = (schema: Schema) => ({ "application/json": schema });
