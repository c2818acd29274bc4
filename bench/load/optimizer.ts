// Owns the optimizer of the bench: a process that answers every question with the request as it came, so that what is
// measured is the asking. Says on its first line that it is there.

const port = Number(Bun.argv[2]);
/** Below this nothing is asked; "never" = nothing ever is. */
const bytesMin = Bun.argv[3] === "never" ? null : Number(Bun.argv[3]);

const eligibility = { revision: "bench", bodyBytesMin: { "/v1/chat/completions": bytesMin } };
const mark = Buffer.from(',"request":');
const facts = Buffer.from(
  '{"protocolVersion":1,"optimizationId":"bench","decisions":[],"estimatedTokensSaved":0,"request":',
);

Bun.serve({
  hostname: "127.0.0.1",
  port,
  async fetch(request) {
    if (request.url.endsWith("/v1/eligibility")) return Response.json(eligibility);
    if (!request.url.endsWith("/v1/optimize")) return new Response("{}", { status: 202 });
    const body = Buffer.from(await request.arrayBuffer());
    return new Response(Buffer.concat([facts, body.subarray(body.indexOf(mark) + mark.length)]), {
      headers: { "content-type": "application/json" },
    });
  },
});
