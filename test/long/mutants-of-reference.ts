/**
 * Verifiers with one mistake each: the reference of `test/reference` with one rule changed. A vector must show each of
 * them by another verdict. Rules whose loss changes no verdict of such a call are not here: the length of a signature,
 * which its verification refuses as well; keys that set a prototype, which other bytes would be written for; the one
 * spelling of base58.
 *
 * @module
 */

/** A mistake in words, and its changes: the file, the text that is replaced, and the new one. */
export type Mutant = readonly [string, ...(readonly [string, string, string])[]]

/** The mistakes. */
export const mutants: readonly Mutant[] = [
  // Containers and tokens.
  ['takes one of several invocations', ['chain', '.length > 1) reasons.add', '.length > 9) reasons.add']],
  ['goes on without a proof', ['chain', "reasons.add('proof_missing')", 'void 0']],
  ['takes a chain of 17', ['chain', 'chain: 16', 'chain: 17']],
  ['takes a chain of 15 at most', ['chain', 'chain: 16', 'chain: 15']],
  [
    'takes a third key beside the payload',
    ['chain', 'signature.length !== 64 || keys.length !== 2 ||', 'signature.length !== 64 ||'],
    ['chain', 'kind === undefined || keys.length !== 2 ||', 'kind === undefined ||'],
  ],
  [
    'takes the release candidate',
    ['chain', "? ['1.0.0', '1.0.0-rc.1'] : ['1.0.0']", "? ['1.0.0', '1.0.0-rc.1'] : ['1.0.0', '1.0.0-rc.1']"],
  ],
  [
    'takes other versions of a tag',
    [
      'chain',
      "? ['1.0.0', '1.0.0-rc.1'] : ['1.0.0']",
      "? ['1.0.0'] : ['1.0.0', '1.0.1', '1.1.0', '2.0.0', '1.0', '1']",
    ],
  ],
  [
    'ignores the algorithm in the header',
    ['chain', "else if (headerAlgorithm(link.header) !== key.algorithm) yield 'signature_invalid'", ''],
  ],
  ['takes `aud` equal to `sub`', ['chain', 'if (strictForm && fields.aud === fields.sub) return false', '']],
  [
    'takes an empty `meta`',
    ['chain', 'if (strictForm && isMap(meta) && Object.keys(meta).length === 0) return false', ''],
  ],
  ['takes a `meta` that is no map', ['chain', 'if (meta !== undefined && !isMap(meta)) return false', '']],
  [
    'takes unknown fields',
    [
      'chain',
      'Object.keys(fields).every((key) => schema.required.includes(key) || schema.optional.includes(key))',
      'true',
    ],
  ],
  [
    'refuses a delegation for any subject',
    ['chain', '(fields.sub === null || isDid(fields.sub)) &&\n    isPolicy', 'isDid(fields.sub) &&\n    isPolicy'],
  ],
  ['takes arguments that are no map', ['chain', 'isMap(fields.args) &&', '']],
  ['takes any `cause`', ['chain', '(fields.cause === undefined || isTokenCid(fields.cause)) &&', '']],
  ['takes any `iat`', ['chain', '(fields.iat === undefined || isTime(fields.iat))', 'true']],
  [
    'takes a nonce that is text',
    [
      'chain',
      'fields.nonce instanceof Uint8Array &&',
      '(typeof fields.nonce === "string" || fields.nonce instanceof Uint8Array) &&',
    ],
  ],
  ['takes a long nonce', ['chain', 'fields.nonce.length <= limits.nonceBytes &&', '']],
  [
    'takes a time with a fraction',
    ['chain', 'return Number.isSafeInteger(value)\n', "return typeof value === 'number'\n"],
  ],
  ['takes any `nbf`', ['chain', '(fields.nbf === undefined || isTime(fields.nbf))', 'true']],
  [
    'refuses a token without an end',
    ['chain', '(fields.exp === null || isTime(fields.exp)) &&', 'isTime(fields.exp) &&'],
  ],
  [
    'takes commands with upper-case letters',
    ['chain', '[a-z0-9_-]+)+)$/.test(value)', '[A-Za-z0-9_-]+)+)$/.test(value)'],
  ],
  ['takes commands with a slash at the end', ['chain', '(\\/[a-z0-9_-]+)+)$/', '(\\/[a-z0-9_-]+)+\\/?)$/']],
  ['takes commands with empty segments', ['chain', '(\\/[a-z0-9_-]+)+)$/', '(\\/[a-z0-9_-]*)+)$/']],
  ['refuses the command of everything', ['chain', '/^(\\/|(\\/', '/^((\\/']],
  [
    'takes a `cause` that is a CID of another kind',
    ['chain', 'value.version === 1 && value.code === 0x71 && isSha256(value)', 'true'],
  ],
  [
    'takes a number that is written as a float for an integer field',
    ['cbor', 'const float = bytes[again.length] === 0xfb', 'const float = bytes[again.length] === 0xfb || false'],
    ['chain', 'return Number.isSafeInteger(value)\n', "return typeof value === 'number' && value % 1 >= 0\n"],
  ],

  // Bytes.
  [
    'takes bytes that are not canonical',
    [
      'cbor',
      'if (again.length !== bytes.length || again.some((byte, index) => byte !== bytes[index])) return undefined',
      '',
    ],
  ],
  [
    'takes integers beyond 2^53',
    ['cbor', 'if (Math.abs(part) > Number.MAX_SAFE_INTEGER) return false', ''],
    ['cbor', "typeof part === 'bigint' || part === undefined", 'part === undefined'],
  ],

  // Time.
  ['ignores `nbf`', ['chain', "yield 'not_yet_valid'", '{}']],
  ['ignores `exp`', ['chain', "yield 'expired'", '{}']],
  ['tolerates a second less at `nbf`', ['chain', 'question.now < nbf - skew', 'question.now <= nbf - skew']],
  ['tolerates a second more at `nbf`', ['chain', 'question.now < nbf - skew', 'question.now < nbf - skew - 1']],
  ['tolerates a second less at `exp`', ['chain', 'question.now > exp + skew', 'question.now >= exp + skew']],
  ['tolerates a second more at `exp`', ['chain', 'question.now > exp + skew', 'question.now > exp + skew + 1']],
  [
    'looks at the times of the invocation alone',
    ['chain', 'if (link === undefined) continue\n    const nbf', 'if (link !== invocation) continue\n    const nbf'],
  ],
  [
    'looks at the times of the delegations alone',
    ['chain', "yield 'expired'\n", "if (link !== invocation) yield 'expired'\n"],
  ],
  ['takes an invocation that lives long', ['chain', "yield 'lifetime_too_long'", '{}']],
  [
    'takes an invocation without an end',
    ['chain', 'if (exp === null || exp - question.now', 'if (exp !== null && exp - question.now'],
  ],
  ['takes an invocation that lives a second too long', ['chain', '> maxLifetime + skew', '> maxLifetime + skew + 1']],
  [
    'refuses an invocation that lives as long as is allowed',
    ['chain', '> maxLifetime + skew', '>= maxLifetime + skew'],
  ],
  ['takes a short nonce', ['chain', "yield 'nonce_too_short'", '{}']],
  ['takes a nonce of one byte less', ['chain', '(question.minNonce ?? 12)', '(question.minNonce ?? 12) - 1']],

  // The chain.
  ['ignores the audience', ['chain', "yield 'audience_mismatch'", '{}']],
  [
    'compares the audience with the subject alone',
    ['chain', '(fields.aud ?? fields.sub) !== question.audience', 'fields.sub !== question.audience'],
  ],
  ['acts for every subject', ['chain', "yield 'subject_not_accepted'", '{}']],
  ['has every command', ['chain', "yield 'command_unknown'", '{}']],
  [
    'takes a call by anybody without proofs',
    ['chain', "if (proofs.length === 0 && fields.iss !== fields.sub) yield 'root_not_subject'", ''],
  ],
  [
    'takes a root by anybody',
    ['chain', "if (root !== undefined && root.fields.sub !== root.fields.iss) yield 'root_not_subject'", ''],
  ],
  [
    'takes a root for any subject',
    ['chain', 'root.fields.sub !== root.fields.iss', 'root.fields.sub !== null && root.fields.sub !== root.fields.iss'],
  ],
  ['ignores to whom a delegation was given', ['chain', "yield 'principal_misaligned'", '{}']],
  [
    'ignores to whom the last delegation was given',
    [
      'chain',
      'next !== undefined && proof.fields.aud',
      'next !== undefined && next !== invocation && proof.fields.aud',
    ],
  ],
  [
    'ignores to whom all but the last delegation were given',
    ['chain', 'next !== undefined && proof.fields.aud', 'next === invocation && proof.fields.aud'],
  ],
  ['ignores commands of delegations', ['chain', "yield 'command_not_covered'", '{}']],
  [
    'compares the command of the call with that of the last delegation alone',
    ['chain', 'next !== undefined && !covers', 'next === invocation && !covers'],
  ],
  [
    'compares commands as texts',
    ['chain', 'return have.every((segment, index) => want[index] === segment)', 'return narrower.startsWith(wider)'],
  ],
  [
    'compares commands in the other direction',
    [
      'chain',
      'return have.every((segment, index) => want[index] === segment)',
      'return want.every((segment, index) => have[index] === segment)',
    ],
  ],
  [
    'takes a command for its own alone',
    ['chain', 'return have.every(', 'return have.length === want.length && have.every('],
  ],
  ['ignores the subject of a delegation', ['chain', "yield 'subject_misaligned'", '{}']],
  [
    'refuses a delegation for any subject within a chain',
    ['chain', 'proof.fields.sub !== null && proof.fields.sub !== fields.sub', 'proof.fields.sub !== fields.sub'],
  ],
  ['ignores policies', ['chain', "yield 'policy_unsatisfied'", '{}']],
  [
    'evaluates the policy of the last delegation alone',
    ['chain', 'if (evaluatePolicy(proof', 'if (proof === proofs.at(-1) && evaluatePolicy(proof'],
  ],
  [
    'evaluates the policy of the root alone',
    ['chain', 'if (evaluatePolicy(proof', 'if (index === 0 && evaluatePolicy(proof'],
  ],
  ['takes what is unresolved for yes', ['chain', 'fields.args) !== true)', 'fields.args) === false)']],

  // Revocation and replay.
  ['ignores revocations', ['chain', "if (names.includes(id) && mayRevoke) yield 'revoked'", '']],
  ['ignores revoked principals', ['chain', "if (links.some((link) => link?.fields.iss === id)) yield 'revoked'", '']],
  [
    'looks for the principal that invokes alone',
    ['chain', 'links.some((link) => link?.fields.iss === id)', 'invocation.fields.iss === id'],
  ],
  [
    'does not know the other signature of a revoked delegation',
    ['chain', '...(twin === undefined ? [] : [cidOf(twin)])', ''],
  ],
  [
    'takes a revocation by anybody',
    ['chain', 'const mayRevoke = revoker === undefined ||', 'const mayRevoke = true || revoker === undefined ||'],
  ],
  ['takes a revocation by the issuer alone', ['chain', 'proofs.slice(0, index + 1)', 'proofs.slice(index, index + 1)']],
  ['takes a revocation by issuers below', ['chain', 'proofs.slice(0, index + 1)', 'proofs.slice(0, index + 2)']],
  [
    'does not take a revocation by the owner',
    ['chain', 'proofs.slice(0, index + 1)', 'proofs.slice(Math.min(1, index), index + 1)'],
  ],
  ['ignores used calls', ['chain', "yield 'replayed'", '{}']],
  [
    'knows a used call by its signature',
    [
      'chain',
      "createHash('sha256').update(signedPart(invocation))",
      "createHash('sha256').update(invocation.slice(0, 70))",
    ],
  ],

  // Keys and signatures.
  ['ignores signatures', ['chain', "else if (!isSignedBy(key, link)) yield 'signature_invalid'", '']],
  [
    'verifies the invocation alone',
    ['chain', 'else if (!isSignedBy(key, link))', 'else if (link === invocation && !isSignedBy(key, link))'],
  ],
  [
    'verifies the delegations alone',
    ['chain', 'else if (!isSignedBy(key, link))', 'else if (link !== invocation && !isSignedBy(key, link))'],
  ],
  [
    'takes Ed25519 keys of small order',
    ['keys', "algorithm === 'Ed25519' ? isGoodEdwards(bytes) :", "algorithm === 'Ed25519' ? true :"],
    [
      'keys',
      'if (pointA.isSmallOrder() || pointR.isSmallOrder()) return false',
      'if (pointR.isSmallOrder()) return false',
    ],
  ],
  [
    'takes signatures with an R of small order',
    [
      'keys',
      'if (pointA.isSmallOrder() || pointR.isSmallOrder()) return false',
      'if (pointA.isSmallOrder()) return false',
    ],
  ],
  [
    'takes S that is not reduced',
    ['keys', 's >= groupOrder || yCoordinate(r)', 'yCoordinate(r)'],
    ['keys', 'Point.BASE.multiply(s, false)', 'Point.BASE.multiply(s % groupOrder, false)'],
  ],
  [
    'multiplies by the cofactor',
    ['keys', 'return left.equals(right)', 'return left.multiply(8n, false).equals(right.multiply(8n, false))'],
  ],
  ['takes only the low s of ECDSA', ['keys', 'lowS: false', 'lowS: true']],
  [
    'takes uncompressed keys',
    ['keys', 'bytes[0] === 2 || bytes[0] === 3', 'true'],
    ['keys', 'bytes.length !== length ||', ''],
  ],

  // Policies.
  [
    'takes unresolved under `not` for yes',
    [
      'policy',
      "return verdict === 'unresolved' ? 'unresolved' : !verdict",
      "return verdict === 'unresolved' ? true : !verdict",
    ],
  ],
  [
    'takes unresolved under `!=` for yes',
    [
      'policy',
      "if (found === unresolved) return 'unresolved'",
      "if (found === unresolved) return operator === '!=' ? true : 'unresolved'",
    ],
  ],
  ['takes an empty `or` for no', ['policy', 'return inner.length === 0 ? true : some', 'return some']],
  [
    'takes an unresolved part of `or` for no under `not`',
    ['policy', "return verdicts.includes('unresolved') ? 'unresolved' : false", 'return false'],
  ],
  [
    'takes an unresolved part of `and` for yes',
    ['policy', "return verdicts.includes('unresolved') ? 'unresolved' : true", 'return true'],
  ],
  ['takes `<` for `<=`', ['policy', 'found < (third', 'found <= (third']],
  ['takes `<=` for `<`', ['policy', 'found <= (third', 'found < (third']],
  ['takes `>` for `>=`', ['policy', 'found > (third', 'found >= (third']],
  ['takes `>=` for `>`', ['policy', 'found >= (third', 'found > (third']],
  ['compares texts with numbers', ['policy', "typeof found === 'number' && found < (third", 'found < (third']],
  [
    'takes a comparison with a text',
    ['policy', "isSelector(second) && typeof third === 'number'", 'isSelector(second)'],
    ['policy', "typeof found === 'number' && found >= (third", 'found >= (third'],
  ],
  [
    'takes statements with more parts',
    ['policy', "case '!=':\n      return value.length === 3 && isSelector", "case '!=':\n      return isSelector"],
  ],
  [
    'skips operators that it does not know',
    ['policy', 'default:\n      return false\n', 'default:\n      return true\n'],
    [
      'policy',
      'const [operator, second, third] = statement as [string, unknown, unknown]',
      'const [operator, second, third] = statement as [string, unknown, unknown]\n  if (!operators.includes(operator)) return true',
    ],
  ],
  [
    'takes `all` of no elements for no',
    [
      'policy',
      'every(elements.map((element) => evaluateStatement(third, element)))\n    }\n    default',
      'elements.length > 0 && every(elements.map((element) => evaluateStatement(third, element)))\n    }\n    default',
    ],
  ],
  [
    'takes `any` for `all`',
    ['policy', 'return elements === undefined ? false : some(', 'return elements === undefined ? false : every('],
  ],
  [
    'takes `all` for `any`',
    ['policy', 'return elements === undefined ? false : every(', 'return elements === undefined ? false : some('],
  ],
  [
    'takes `all` of what is no list for yes',
    ['policy', 'return elements === undefined ? false : every(', 'return elements === undefined ? true : every('],
  ],
  [
    'looks at bytes as at a list in `all` and `any`',
    [
      'policy',
      'function elementsOf(value: unknown): unknown[] | undefined {\n',
      'function elementsOf(value: unknown): unknown[] | undefined {\n  if (value instanceof Uint8Array) return [...value]\n',
    ],
  ],
  [
    'finds `[]` of bytes',
    ['policy', "case 'values':\n", "case 'values':\n      if (value instanceof Uint8Array) return [...value]\n"],
  ],
  [
    'does not find elements of maps in `all` and `any`',
    ['policy', 'return isMap(value) ? valuesOf(value) : undefined', 'return undefined'],
  ],
  [
    'matches `like` anywhere',
    [
      'policy',
      'return cell(tokens.length, text.length)',
      'return Array.from({ length: text.length + 1 }, (_, at) => at).some((at) => globMatchesFrom(tokens, text.slice(at)))',
    ],
    [
      'policy',
      'const wildcard: unique symbol',
      'function globMatchesFrom(tokens: readonly (string | typeof wildcard)[], text: string): boolean {\n  if (tokens.length === 0) return text === ""\n  if (tokens[0] === wildcard) return globMatchesFrom(tokens.slice(1), text) || (text !== "" && globMatchesFrom(tokens, text.slice(1)))\n  return text[0] === tokens[0] && globMatchesFrom(tokens.slice(1), text.slice(1))\n}\n\nconst wildcard: unique symbol',
    ],
  ],
  [
    'matches `like` at the beginning alone',
    ['policy', 'return cell(tokens.length, text.length)', 'return table[tokens.length]?.includes(true) === true'],
  ],
  [
    'does not know an escaped star',
    [
      'policy',
      "if (pattern[at] === '\\\\' && pattern[at + 1] === '*') {",
      "if (pattern[at] === '\\\\' && pattern[at + 1] === '+') {",
    ],
  ],
  [
    'lets a star of `like` match no line end',
    ['policy', '(j > 0 && cell(i, j - 1))\n', "(j > 0 && text[j - 1] !== '\\n' && cell(i, j - 1))\n"],
  ],
  [
    'lets a star of `like` match something alone',
    ['policy', 'row[j] = cell(i - 1, j) || (j', 'row[j] = (j > 0 && cell(i - 1, j - 1)) || (j'],
  ],
  [
    'ignores upper and lower case in `like`',
    [
      'policy',
      'tokens[i - 1] === text[j - 1]',
      'String(tokens[i - 1]?.toString()).toLowerCase() === text[j - 1]?.toLowerCase()',
    ],
  ],
  [
    'does not count from the end',
    ['policy', 'segment.index < 0 ? value.length + segment.index : segment.index', 'segment.index'],
  ],
  [
    'counts from the end beyond the beginning',
    [
      'policy',
      'position >= 0 && position < value.length ? value[position] : unresolved',
      'position < value.length ? value.at(position) : unresolved',
    ],
  ],
  ['finds null where a list ends', ['policy', 'value[position] : unresolved', 'value[position] : null']],
  [
    'finds null where a map has no such key',
    ['policy', 'value[segment.name] : unresolved', 'value[segment.name] : null'],
  ],
  [
    'finds what objects inherit',
    ['policy', 'isMap(value) && Object.hasOwn(value, segment.name) ?', 'isMap(value) && segment.name in value ?'],
  ],
  [
    'goes on behind an optional step',
    ['policy', 'else if (segment.optional) current = null', 'else if (segment.optional) return null'],
  ],
  [
    'ignores the question mark',
    ['policy', 'else if (segment.optional) current = null', 'else if (false) current = null'],
  ],
  ['takes every step for an optional one', ['policy', 'else return unresolved\n', 'else current = null\n']],
  ['leaves values of a map in the order of their names', ['policy', '    .sort(compareKeys)\n', '    .sort()\n']],
  [
    'takes a slice to its end and not before it',
    [
      'policy',
      'value.slice(segment.start, segment.end)',
      'value.slice(segment.start, segment.end === undefined ? undefined : segment.end + 1)',
    ],
  ],
  ['reads `[01]`', ['policy', '/^(0|-?[1-9][0-9]*)$/', '/^-?[0-9]+$/']],
  ['reads `[-0]`', ['policy', '/^(0|-?[1-9][0-9]*)$/', '/^(-?0|-?[1-9][0-9]*)$/']],
  [
    'takes a list with more elements for the same',
    ['policy', 'left.length === right.length &&\n      left.every((element', 'left.every((element'],
  ],
  ['takes a map with more keys for the same', ['policy', 'keys.length === Object.keys(right).length &&', '']],
  [
    'takes bytes and a list of their numbers for the same',
    [
      'policy',
      'export function sameValue(left: unknown, right: unknown): boolean {\n',
      'export function sameValue(left: unknown, right: unknown): boolean {\n  if (left instanceof Uint8Array && Array.isArray(right)) return sameValue([...left], right)\n',
    ],
  ],
  [
    'takes text and a number for the same',
    ['policy', 'return left === right\n}\n\n/**\n * `like`', 'return left == right\n}\n\n/**\n * `like`'],
  ],
  // Tokens and policies that look harmless, because nothing else is wrong.
  ['takes a text for a link', ['chain', 'fields.prf.every(isTokenCid) &&', '']],
  [
    'takes null for an absent audience',
    ['chain', '(fields.aud === undefined || isDid', '(fields.aud == null || isDid'],
  ],
  ['takes any audience in a delegation that is not used', ['chain', 'isDid(fields.aud) &&', '']],
  ['takes a colon at the end of a DID', ['chain', ".test(value) && !value.endsWith(':')", '.test(value)']],
  [
    'takes more than a list in `and`',
    ['policy', 'value.length === 2 && Array.isArray(second)', 'Array.isArray(second)'],
  ],
  [
    'takes more than a statement in `not`',
    ['policy', 'value.length === 2 && isStatement(second)', 'isStatement(second)'],
  ],
  ['compares text by `<`', ['policy', "typeof found === 'number' && found < (third", '(found as number) < (third']],
  ['compares text by `>`', ['policy', "typeof found === 'number' && found > (third", '(found as number) > (third']],
  ['compares text by `>=`', ['policy', "typeof found === 'number' && found >= (third", '(found as number) >= (third']],
  ['sorts values by their names', ['policy', '.sort(compareKeys)', '.sort()']],
  ['takes all bytes of one length for equal', ['policy', 'left.every((byte, index) => byte === right[index])', 'true']],
  ['takes all links for equal', ['policy', 'left.toString() === right.toString()', 'true']],
  ['takes one question mark alone', ['policy', "while (text[end] === '?') end", "if (text[end] === '?') end"]],
]
