// Owns the list of admin routes. A new one is a file of its own and one line here.

import { shown } from "@anyray/shared/admin/request";
import { AnyrayError } from "@anyray/shared/errors";
import { type AnyElysia, Elysia } from "elysia";
import { createAuditRoutes } from "./audit";
import { createCapsRoutes } from "./caps";
import { createContentRoutes } from "./content-shred";
import type { AdminDeps } from "./deps";
import { createDocsRoutes } from "./docs";
import { createEgressRoutes } from "./egress";
import { answerAdmin } from "./gate";
import { createHealthRoutes } from "./health";
import { createKillSwitchRoutes } from "./kill-switch";
import { createOptimizerRoutes } from "./optimizer";
import { createPricingRoutes } from "./pricing";
import { createPrivacyRoutes } from "./privacy";
import { createProviderRoutes } from "./providers";
import { createSpendRoutes } from "./spend";
import { createTraceRoutes } from "./traces";

/** Every route under /admin; whatever else is asked for there is a 404, and a 401 without the token. */
export function createAdminPlane(deps: AdminDeps) {
  const routes = (): AnyElysia[] => [
    createSpendRoutes(deps),
    createTraceRoutes(deps),
    createContentRoutes(deps),
    createCapsRoutes(deps),
    createPricingRoutes(deps),
    createProviderRoutes(deps),
    createPrivacyRoutes(deps),
    createAuditRoutes(deps),
    createHealthRoutes(deps),
    createEgressRoutes(deps),
    createKillSwitchRoutes(deps),
    createOptimizerRoutes(deps),
  ];
  const plane = new Elysia({ name: "admin" });
  for (const plugin of [...routes(), createDocsRoutes(deps, routes)]) plane.use(plugin);
  const refuse = ({ request, path }: { request: Request; path: string }) =>
    answerAdmin(deps, request, () => {
      throw new AnyrayError(
        "not_found",
        `There is no ${request.method} ${shown(path)} here. GET /admin/docs lists what there is.`,
      );
    });
  return plane.all("/admin", refuse, { parse: "none", detail: { hide: true } }).all("/admin/*", refuse, {
    parse: "none",
    detail: { hide: true },
  });
}
