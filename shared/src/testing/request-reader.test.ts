import { expect, test } from "bun:test";
import { splits } from "./cassettes";
import { type HttpRequest, RequestReader } from "./request-reader";

/** Feeds pieces to a reader that answers each request at once. */
function read(pieces: Iterable<Uint8Array>) {
  const requests: HttpRequest[] = [];
  const faults: number[] = [];
  const reader: RequestReader = new RequestReader({
    onHead: () => {},
    onRequest: (request) => {
      requests.push(request);
      queueMicrotask(() => reader.resume());
    },
    onFault: (status) => faults.push(status),
  });
  for (const piece of pieces) reader.push(Buffer.from(piece));
  return { requests, faults };
}

const bytesOf = (text: string) => Buffer.from(text, "utf8");

const chunked = bytesOf(
  "POST /v1/chat/completions?a=1&b HTTP/1.1\r\nHost: x\r\nX-Twice: 1\r\nx-twice:  2 \r\nTransfer-Encoding: chunked\r\n\r\n" +
    "5;ext=1\r\nhello\r\nB\r\n wörld, ok\r\n0\r\nTrailer: t\r\n\r\n",
);

test("a request is the same however its bytes are cut", () => {
  for (const pieces of splits(chunked, 20)) {
    const { requests, faults } = read(pieces);
    expect(faults).toEqual([]);
    expect(requests).toHaveLength(1);
    const [request] = requests as [HttpRequest];
    expect(Buffer.from(request.body).toString()).toBe("hello wörld, ok");
    expect(request).toMatchObject({
      method: "POST",
      path: "/v1/chat/completions",
      query: "a=1&b",
      target: "/v1/chat/completions?a=1&b",
      lastOnConnection: false,
      headers: [
        ["Host", "x"],
        ["X-Twice", "1"],
        ["x-twice", "2"],
        ["Transfer-Encoding", "chunked"],
      ],
    });
  }
});

test("requests behind one another are reported one by one, the next only after the answer", async () => {
  const get = bytesOf("GET /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nokGET /c HTTP/1.0\r\n\r\n");
  const { requests } = read([get]);
  expect(requests.map(({ path }) => path)).toEqual(["/a"]);
  await Bun.sleep(0);
  expect(requests.map(({ path, lastOnConnection }) => [path, lastOnConnection])).toEqual([
    ["/a", false],
    ["/b", false],
    ["/c", true],
  ]);
  expect(Buffer.from(requests[1]!.body).toString()).toBe("ok");
});

test("what is no request ends the connection with a status", () => {
  for (const [text, status] of [
    ["nonsense\r\n\r\n", 400],
    ["GET / HTTP/2\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nno colon\r\n\r\n", 400],
    ["POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400],
    ["POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400],
    ["POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", 413],
    [`GET / HTTP/1.1\r\nA: ${"a".repeat(300_000)}`, 431],
  ] as const) {
    const { requests, faults } = read([bytesOf(text)]);
    expect([text.slice(0, 60), requests.length, faults]).toEqual([text.slice(0, 60), 0, [status]]);
  }
});

test("the path is kept as it was written", () => {
  const { requests } = read([bytesOf("GET /v1/a/../b/%2e%2e//c?x=/.. HTTP/1.1\r\nHost: x\r\n\r\n")]);
  expect(requests[0]!.path).toBe("/v1/a/../b/%2e%2e//c");
});
