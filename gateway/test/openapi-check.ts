// Owns checking a value against a schema of an OpenAPI 3.0 document, for tests. Refuses a keyword it does not
// know, so that nothing passes unchecked.

import { expect } from "bun:test";
import type { Json } from "./admin-world";

export interface OpenApi {
  openapi: string;
  paths: Record<string, Partial<Record<"get" | "put" | "delete", Operation>>>;
  components: { schemas: Record<string, Schema> };
}

export interface Operation {
  summary: string;
  operationId: string;
  parameters: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content: Record<string, { schema: Schema }> }>;
}

interface Schema {
  nullable?: boolean;
  format?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  [keyword: string]: Json;
}

const ignored = new Set([
  "description",
  "writeOnly",
  "default",
  "required",
  "additionalProperties",
  "nullable",
  "format",
]);
const formats: Record<string, RegExp> = {
  "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  uri: /^https?:\/\/./,
};

type Check = (limit: Json, value: Json, doc: OpenApi, place: string, schema: Schema) => void;

const checks: Record<string, Check> = {
  $ref: (name: string, value, doc, place) => {
    const schema = doc.components.schemas[name.replace("#/components/schemas/", "")];
    checkSchema(doc, schema ?? { unknown: name }, value, place);
  },
  type: (type: string, value, _, place) => {
    const actual = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
    const shown = type === "integer" && Number.isInteger(value) ? "integer" : actual;
    expect([place, shown]).toEqual([place, type]);
  },
  enum: (values: unknown[], value, _, place) => expect([place, values.includes(value)]).toEqual([place, true]),
  pattern: (pattern: string, value, _, place) =>
    expect([place, new RegExp(pattern).test(value)]).toEqual([place, true]),
  minimum: (least: number, value, _, place) => expect([place, value >= least]).toEqual([place, true]),
  maximum: (most: number, value, _, place) => expect([place, value <= most]).toEqual([place, true]),
  minLength: (least: number, value, _, place) => expect([place, value.length >= least]).toEqual([place, true]),
  maxLength: (most: number, value, _, place) => expect([place, value.length <= most]).toEqual([place, true]),
  minItems: (least: number, value, _, place) => expect([place, value.length >= least]).toEqual([place, true]),
  maxItems: (most: number, value, _, place) => expect([place, value.length <= most]).toEqual([place, true]),
  items: (schema: Schema, value: unknown[], doc, place) => {
    for (const [at, item] of value.entries()) checkSchema(doc, schema, item, `${place}[${at}]`);
  },
  allOf: (schemas: Schema[], value, doc, place) => {
    for (const schema of schemas) checkSchema(doc, schema, value, place);
  },
  anyOf: (schemas: Schema[], value, doc, place) => {
    const fits = schemas.some((schema) => {
      try {
        checkSchema(doc, schema, value, place);
        return true;
      } catch {
        return false;
      }
    });
    expect([place, fits]).toEqual([place, true]);
  },
  properties: (properties: Record<string, Schema>, value, doc, place, { required = [], additionalProperties }) => {
    for (const name of required as string[]) expect([place, name, name in value]).toEqual([place, name, true]);
    for (const [name, item] of Object.entries(value)) {
      const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
      expect([place, name, schema !== undefined || additionalProperties !== false]).toEqual([place, name, true]);
      if (schema) checkSchema(doc, schema, item, `${place}.${name}`);
    }
  },
};

/** Throws, naming the place, when the value is not what the schema says. */
export function checkSchema(doc: OpenApi, schema: Schema, value: unknown, place: string): void {
  if (value === null && schema.nullable) return;
  for (const [keyword, limit] of Object.entries(schema)) {
    const check = checks[keyword];
    if (check) check(limit, value, doc, place, schema);
    else if (!ignored.has(keyword)) throw new Error(`${place}: this checker does not know ${keyword}`);
  }
  const format = formats[schema.format ?? ""];
  if (format && typeof value === "string") expect(value).toMatch(format);
  if (typeof schema.additionalProperties === "object" && !schema.properties) {
    for (const [name, item] of Object.entries(value as object)) {
      checkSchema(doc, schema.additionalProperties, item, `${place}.${name}`);
    }
  }
}
