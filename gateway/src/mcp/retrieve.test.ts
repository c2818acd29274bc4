import { afterAll, describe, expect, test } from "bun:test";
import { outboundToThisMachine } from "@anyray/shared/testing/outbound";
import { createRetrieve, type RetrieveSettings } from "./retrieve";

const handle = "ctx_ab22cd34ef56gh77";
const identity = { user: "ada", team: "platform" };
const outbound = outboundToThisMachine();
const stops: (() => unknown)[] = [];
afterAll(() => Promise.all(stops.map((stop) => stop())));

function open(
  answer: (body: unknown, request: Request) => Response | Promise<Response>,
  more: Partial<RetrieveSettings> = {},
) {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => answer(await request.json(), request),
  });
  stops.push(() => server.stop(true));
  return createRetrieve({ outbound, url: server.url.href, token: "the-token", ...more });
}

const never = new AbortController().signal;

describe("asking for what was elided", () => {
  test("passes on what is wanted, for whom, and the token; gives the text and which part it is", async () => {
    const seen: unknown[] = [];
    const retrieve = open((body, request) => {
      seen.push(new URL(request.url).pathname, request.headers.get("authorization"), body);
      return Response.json({ handle, content: "line 3\n", lines: [3, 3], of: 90 });
    });
    const found = await retrieve({ handle, lines: [3, 3], maxChars: 50 }, identity, never);
    expect(found).toEqual({ content: "line 3\n", facts: { lines: [3, 3], of: 90 }, fault: null });
    const body = { handle, lines: [3, 3], maxChars: 50, metadata: identity };
    expect(seen).toEqual(["/v1/retrieve", "Bearer the-token", body]);
  });

  test("a caller without a name is asked for as nobody, never as everybody", async () => {
    const bodies: unknown[] = [];
    const retrieve = open((body) => {
      bodies.push(body);
      return Response.json({ content: "" });
    });
    await retrieve({ handle, metadata: { user: "eve" } }, { user: null, team: null }, never);
    expect(bodies).toEqual([{ handle, metadata: { user: null, team: null } }]);
  });

  test("tells a model what to do about each fault, and nothing of what a server said but a refusal's words", async () => {
    const secret = "SECRET-CANARY";
    const faultOf = async (response: () => Response) =>
      ((await open(response)({ handle }, identity, never)) as { fault: string }).fault;
    expect(await faultOf(() => Response.json({ error: { message: secret } }, { status: 404 }))).toStartWith(
      "Nothing is",
    );
    for (const response of [
      () => Response.json({ error: { message: secret } }, { status: 500 }),
      () => Response.json({ error: { message: secret } }, { status: 401 }),
      () => new Response(secret),
      () => Response.json({ content: 7, other: secret }),
      () => Response.json([secret]),
      () => new Response(null, { status: 204 }),
      () => Response.json({ content: "x".repeat(5 * 1_048_576) }),
      () => Response.redirect("http://127.0.0.1:9/"),
    ]) {
      expect(await faultOf(response)).toStartWith("What was left out cannot be retrieved right now");
    }
    const refused = () => Response.json({ error: { message: "grep is no regular expression" } }, { status: 400 });
    expect(await faultOf(refused)).toBe("This cannot be retrieved: grep is no regular expression");
    expect(await faultOf(() => new Response(secret, { status: 400 }))).not.toContain(secret);
  });

  test("gives up on a server that is gone or silent, and when the model's side has left", async () => {
    const gone = createRetrieve({ outbound, url: "http://127.0.0.1:9", token: "t" });
    expect((await gone({ handle }, identity, never)).fault).toContain("right now");
    const silent = open(() => new Promise<Response>(() => {}), { timeoutMs: 50 });
    expect((await silent({ handle }, identity, never)).fault).toContain("right now");
    const patient = open(() => new Promise<Response>(() => {}));
    const control = new AbortController();
    setTimeout(() => control.abort(), 20);
    expect((await patient({ handle }, identity, control.signal)).fault).toContain("right now");
  });

  test("a few at a time; the rest is told to come again", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const retrieve = open(
      async () => {
        await held;
        return Response.json({ content: "here" });
      },
      { atOnceMax: 2 },
    );
    const running = [retrieve({ handle }, identity, never), retrieve({ handle }, identity, never)];
    expect((await retrieve({ handle }, identity, never)).fault).toStartWith("Too many");
    release();
    expect(await Promise.all(running)).toEqual([
      { content: "here", facts: {}, fault: null },
      { content: "here", facts: {}, fault: null },
    ]);
    expect((await retrieve({ handle }, identity, never)).fault).toBeNull();
  });
});
