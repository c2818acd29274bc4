// A crowd of callers as a process of its own: `bun test` runs at most 256 calls at once whatever it is told.
// Usage: crowd.ts hold|hang-up URL COUNT. Prints one line when the crowd has done its part, and leaves on SIGTERM.

const [, , part, url = "", count = "0"] = process.argv;

const call = (fields: object, fake: string, signal: AbortSignal | null): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-fake": fake },
    body: JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "Hello" }], ...fields }),
    ...(signal ? { signal } : {}),
  });

if (part === "hold") {
  const open = await Promise.all(
    Array.from({ length: Number(count) }, async () => {
      const response = await call({ stream: true }, "silent-after=1", null);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      await reader.read();
      return { status: response.status, reader };
    }),
  );
  console.log(`${open.filter(({ status }) => status === 200).length} open`);
  // Kept to the end: a stream that nobody refers to may be collected, and with it its connection.
  await new Promise((resolve) => process.on("SIGTERM", resolve));
  await Promise.all(open.map(({ reader }) => reader.cancel()));
} else {
  const patience = () => AbortSignal.timeout(10 + Math.random() * 40);
  for (let left = Number(count); left > 0; left -= 500) {
    await Promise.allSettled(Array.from({ length: Math.min(500, left) }, () => call({}, "hang", patience())));
  }
  console.log(`${count} gone`);
}
process.exit(0);
