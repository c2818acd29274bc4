// Owns the words that keep a change in a diff from being folded into another like it: where such a change differs by
// a single name, the difference may be the point. A table.

/** In small letters: beginnings of words, also of those inside a name. What holds another sign is looked for as it is. */
export const riskWords: readonly string[] = [
  // who may do what
  ..."auth login logout signin permission privilege role admin sudo root owner allow deny forbid".split(" "),
  ..."access grant revoke policy cors csrf jwt oauth saml impersonat session".split(" "),
  // secrets and ciphers
  ..."secret password passwd credential token apikey api_key crypt encrypt decrypt cipher hmac sign".split(" "),
  ..."verify verif certificate tls ssl nonce salt".split(" "),
  // what runs what it is given
  ..."exec eval spawn subprocess shell system( query( sql deserializ pickle unsafe innerhtml".split(" "),
  // checks that are passed over
  ..."disable skip ignore bypass suppress nosec noqa nolint ts-ignore xfail insecure".split(" "),
  // what cannot be undone
  ..."delete drop truncate rm rmdir unlink destroy purge overwrite force migrat".split(" "),
];
