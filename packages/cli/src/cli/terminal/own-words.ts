/** Parts of messages that name functions and options of the library, and what they are on the command line. */
const parts: readonly (readonly [inCode: string, inWords: string])[] = [
  ['use newer proofs, or a shorter lifetime', 'choose an earlier --expires, or a shorter --expires-in'],
  ['send the string that `encodeContainer` returns', 'pass what `procura delegate` or `procura attenuate` wrote'],
  ['make it with createSignerFile or `procura key new`', 'make it with `procura key new FILE`'],
  [
    'make one with createKeyFile or `procura vault new-key`',
    'pass the key that the file was encrypted with, or make one for a new file with `procura vault new-key --key-file FILE`',
  ],
  [
    'set `create: true`, or store the first credential with `procura vault put`',
    '`procura vault put --help` shows how to make it',
  ],
  ['the key file (`keyFile`)', 'the key file'],
  ['`passphrase` must have', 'the passphrase must have'],
  ['pass `keyFile` or `bytes`', 'pass its key file (--key-file)'],
  ['pass `passphrase`', 'leave out the key file, and pass its passphrase (in the environment, or at the terminal)'],
  ['it is not encrypted; open it without `key`', 'it is not encrypted; leave out the key file'],
  [
    'is not a directory; name the directory of the log',
    'is not a directory; name the directory of the log, or pass --sqlite for one in SQLite',
  ],
  ['with another `secret`', 'with another secret; pass that one in --secret-file, or in PROCURA_STORE_SECRET'],
  ['or change `listen`', 'or pass another --listen'],
  ['a hash of `hashes`', 'a hash'],
  ['`api`: the gateway refuses', 'the gateway refuses'],
  ['`api` must begin', 'the name of the API must begin'],
  ['header: `name`', '--header'],
  ['headers: `name`', '--header'],
  ['query: `name`', '--query'],
  // The value that follows is the one that the reader has typed.
  ['`directory` `', '`'],
  ['`path` `', '`'],
]

/** The name of a function of the library. */
const functionName = /^[a-z]+[A-Z][A-Za-z]*: /

/** Options of the library, and the options of verbs that are passed on as these. */
const flagOf: ReadonlyMap<string, string> = new Map([
  ['address', 'address'],
  ['commands', 'command'],
  ['command', 'command'],
  ['headers', 'allow-header'],
  ['listen', 'listen'],
  ['methods', 'method'],
  ['origins', 'origin'],
  ['pathPrefix', 'path-prefix'],
  ['prefix', 'prefix'],
  ['server', 'server'],
  ['servers', 'server'],
  ['subject', 'subject'],
  ['subjects', 'subject'],
])

/**
 * A message of the library in the words of the command line. CLI-21
 *
 * @param options - the options of the verb that failed.
 */
export function inOwnWords(message: string, options: readonly { readonly name: string }[] = []): string {
  const text = parts
    .reduce((before, [inCode, inWords]) => before.replaceAll(inCode, inWords), message)
    .replace(functionName, '')
  // The members of a file of configuration have the names of options. Its position is in the message.
  if (/\.json:\d{1,9}:\d{1,9}: /.test(text)) return text
  return text.replace(
    /`([A-Za-z]{1,20})(?:\[\d{1,4}\])?` (must|is|has|contains) /g,
    (whole, name: string, verb: string) => {
      const flag = flagOf.get(name)
      return flag !== undefined && options.some((option) => option.name === flag) ? `--${flag} ${verb} ` : whole
    },
  )
}
