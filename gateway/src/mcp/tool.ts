// Owns what models are told of retrieval: the one tool's name, words and parameters.

export const toolName = "retrieve";

export const serverInstructions =
  'Long tool results may have parts left out, marked like [... 270 of 300 rows elided; retrieve("ctx_…")]. The tool `retrieve` gives the original back, whole or in part.';

const range = (unit: string) => ({
  type: "array",
  items: { type: "integer", minimum: 1 },
  minItems: 2,
  maxItems: 2,
  description: `First and last ${unit}, counted from 1, for example [120, 180].`,
});

const words = (description: string) => ({ type: "string", minLength: 1, maxLength: 1_000, description });

export const retrieveTool = {
  title: "Retrieve what was left out",
  description:
    'Gives back text that was left out of this conversation to save tokens. Where you see a marker like [... 270 of 300 rows elided; retrieve("ctx_ab12cd34ef56gh78")], pass its handle. Ask for the part you need (lines, rows, grep, jsonPath or symbol) rather than for all of it. Do not call it when what you see already answers the question.',
  inputSchema: {
    type: "object",
    properties: {
      handle: {
        type: "string",
        pattern: "^ctx_[a-z2-7]{16}$",
        description: 'The handle in the marker: "ctx_" and 16 letters or digits.',
      },
      lines: range("line"),
      rows: range("row of a list or table"),
      grep: words("Only lines that match this regular expression, or contain this text."),
      jsonPath: words('Only what this path leads to in a JSON document, for example "$.items[3].name".'),
      symbol: words("Only the function, class or section of this name in a source file."),
      maxChars: {
        type: "integer",
        minimum: 1,
        maximum: 200_000,
        description: "Longest answer in characters; 8000 unless told otherwise.",
      },
    },
    required: ["handle"],
    additionalProperties: false,
  },
  annotations: { readOnlyHint: true, idempotentHint: true, destructiveHint: false, openWorldHint: false },
} as const;
