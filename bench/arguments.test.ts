import { describe, expect, test } from "bun:test";
import { readArguments } from "./arguments";

describe("the command line", () => {
  const known = ["one", "two"];

  test("is read", () => {
    expect(readArguments([], known)).toEqual({
      names: [],
      isFull: false,
      isCheck: false,
      isList: false,
      isHelp: false,
      mustUpdateReadme: false,
      rounds: null,
      roundMs: null,
      soakMinutes: 30,
      json: null,
    });
    const given = ["two", "one", "two", "--full", "--check", "--json", "-", "--rounds", "3", "--soak", "1"];
    expect(readArguments(given, known)).toMatchObject({
      names: ["two", "one"],
      isFull: true,
      isCheck: true,
      json: "-",
      rounds: 3,
      soakMinutes: 1,
    });
  });

  test.each([
    [["three"], "No such scenario: three. There are: one, two"],
    [["--rounds", "0"], "--rounds takes a whole number from 1 to 100"],
    [["--rounds", "1e1"], "--rounds takes"],
    [["--round-ms", "10"], "--round-ms takes"],
    [["--fast"], "--fast"],
  ])("%p is refused", (args, message) => {
    expect(() => readArguments(args as string[], known)).toThrow(message as string);
  });
});
