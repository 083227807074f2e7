import { secretKind } from '../../support/secret-kind.ts'
import { UsageError } from '../usage-error.ts'

/**
 * Refuses a command line with a word that looks like a key or a token. Every process of the machine can read the words
 * of a command line, and shells keep them in a history. The word is not shown. CLI-02
 *
 * @param words - of the command line.
 * @throws UsageError with the position of the word.
 */
export function refuseSecrets(words: readonly string[]): void {
  for (const [at, word] of words.entries()) {
    // The hash of a record has the form of a key in hexadecimal.
    const isHash = word.startsWith('--hash=') || words[at - 1] === '--hash'
    // An option can have its value in the same word. A path without its slash would look like a key.
    const parts = [
      word,
      ...(word.startsWith('-') ? [word.slice(1), word.slice(2)] : []),
      ...(word.startsWith('--') ? [word.slice(word.indexOf('=') + 1)] : []),
    ]
    const kind = parts.map((part) => secretKind(part, isHash)).find((found) => found !== undefined)
    if (kind === undefined) continue
    throw new UsageError(
      `word ${at + 1} of the command line looks like ${kind}; other processes and the history of the shell can see it: send it to standard input or name a file, and replace it if it was secret`,
    )
  }
}
