// Owns GET /admin/docs: the admin plane's OpenAPI document and a page to read it. Everything the page needs
// comes from this process, nothing from outside; the generator is loaded when somebody looks.

import { AnyrayError } from "@anyray/shared/errors";
import { type AnyElysia, Elysia } from "elysia";
import { auditSchemas } from "./audit";
import { capsSchemas } from "./caps";
import type { AdminDeps } from "./deps";
import { egressSchemas } from "./egress";
import { answerAdmin } from "./gate";
import { healthSchemas } from "./health";
import { killSwitchSchemas } from "./kill-switch";
import { fields, orNull, type Schema, text } from "./openapi";
import { optimizerSchemas } from "./optimizer";
import { pricingSchemas } from "./pricing";
import { privacySchemas } from "./privacy";
import { providerSchemas } from "./providers";
import { spendSchemas } from "./spend";
import { traceSchemas } from "./trace-schemas";

/** @param routes makes the described plugins anew: the generator reads the routes of an app of its own */
export function createDocsRoutes(deps: AdminDeps, routes: () => AnyElysia[]) {
  let document: Promise<string> | undefined;
  const readDocument = async () => {
    document ??= makeDocument(routes());
    // A failure is not kept: the next request tries again.
    document.catch(() => {
      document = undefined;
    });
    return new Response(await document, { headers: { "content-type": "application/json" } });
  };
  const app = new Elysia({ name: "admin-docs" }).get(
    "/admin/docs",
    ({ request }) => answerAdmin(deps, request, () => page("text/html; charset=utf-8", html)),
    hidden,
  );
  app.get("/admin/docs/json", ({ request }) => answerAdmin(deps, request, readDocument), hidden);
  app.get(
    "/admin/docs/start.js",
    ({ request }) => answerAdmin(deps, request, () => page("text/javascript; charset=utf-8", startScript)),
    hidden,
  );
  for (const [file, type] of files) {
    app.get(`/admin/docs/${file}`, ({ request }) => answerAdmin(deps, request, () => openFile(file, type)), hidden);
  }
  return app;
}

const hidden = { detail: { hide: true } };

const files = [
  ["swagger-ui.css", "text/css; charset=utf-8"],
  ["swagger-ui-bundle.js", "text/javascript; charset=utf-8"],
] as const;

async function openFile(name: string, type: string): Promise<Response> {
  const file = Bun.file(Bun.resolveSync(`swagger-ui-dist/${name}`, import.meta.dir));
  if (!(await file.exists())) throw new AnyrayError("not_found", `This installation has no ${name}.`);
  return page(type, file);
}

/** No inline script and no other host: what the page cannot name, it cannot fetch. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function page(type: string, body: string | Blob): Response {
  return new Response(body, { headers: { "content-type": type, "content-security-policy": contentSecurityPolicy } });
}

const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Anyray admin API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/admin/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<noscript>The same as <a href="/admin/docs/json">OpenAPI JSON</a>.</noscript>
<script src="/admin/docs/swagger-ui-bundle.js"></script>
<script src="/admin/docs/start.js"></script>
</body>
</html>
`;

/** An absolute URL: fetch refuses a relative one on a page that was opened as http://user:password@host/. */
const startScript = `SwaggerUIBundle({
  url: location.origin + "/admin/docs/json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  requestSnippetsEnabled: false,
});
`;

async function makeDocument(routes: AnyElysia[]): Promise<string> {
  const { swagger } = await import("@elysiajs/swagger");
  const app = new Elysia();
  for (const plugin of routes) app.use(plugin);
  app.use(swagger({ path: "/docs", documentation, provider: "swagger-ui" }));
  const response = await app.handle(new Request("http://localhost/docs/json"));
  if (!response.ok) throw new Error(`the OpenAPI document could not be made: ${response.status}`);
  return response.text();
}

const errorSchema = fields({
  error: fields({ message: text, type: text, param: orNull(text), code: text }),
});

const documentation = {
  info: {
    title: "Anyray admin API",
    version: "1",
    description:
      "Spend, caps, prices, providers and the audit log of one Anyray gateway. Every route wants the admin token as `Authorization: Bearer`.",
  },
  servers: [{ url: "/" }],
  tags: ["Spend", "Traces", "Caps", "Prices", "Providers", "Operation"].map((name) => ({ name })),
  security: [{ adminToken: [] }],
  components: {
    securitySchemes: { adminToken: { type: "http" as const, scheme: "bearer" } },
    schemas: {
      Error: errorSchema,
      ...spendSchemas,
      ...traceSchemas,
      ...capsSchemas,
      ...pricingSchemas,
      ...providerSchemas,
      ...privacySchemas,
      ...auditSchemas,
      ...healthSchemas,
      ...egressSchemas,
      ...killSwitchSchemas,
      ...optimizerSchemas,
    } as Record<string, Schema>,
  },
};
