/** Parts of messages that name functions and options of the library, and what they are on the command line. */
const parts: readonly (readonly [inCode: string, inWords: string])[] = [
  ['an earlier `expiration`, or a shorter `expiresIn`', 'an earlier --expires, or a shorter --expires-in'],
  ['send the string that `encodeContainer` returns', 'pass what `procura delegate` or `procura attenuate` wrote'],
  ['make it with createSignerFile or `procura key new`', 'make it with `procura key new`'],
  ['set `create: true`, or store the first credential with `procura vault put`', 'make it with `procura vault put`'],
]

/** A message of the library in the words of the command line. */
export function inOwnWords(message: string): string {
  return parts.reduce((text, [inCode, inWords]) => text.replaceAll(inCode, inWords), message)
}
