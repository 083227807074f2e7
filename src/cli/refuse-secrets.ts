import { UsageError } from './usage-error.ts'

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
    const parts = [
      word,
      word.slice(1),
      word.slice(2),
      ...(word.startsWith('--') ? [word.slice(word.indexOf('=') + 1)] : []),
    ]
    const kind = parts.map((part) => secretKind(part, isHash)).find((found) => found !== undefined)
    if (kind === undefined) continue
    throw new UsageError(
      `word ${at + 1} of the command line looks like ${kind}; other processes and the history of the shell can see it: send it to standard input or name a file, and replace it if it was secret`,
    )
  }
}

/** The kind of a word that looks like a key or a token; undefined for other words. */
export function secretKind(word: string, isHash: boolean): string | undefined {
  if (word.includes('-----BEGIN')) return 'a key in PEM'
  if (/"d"\s{0,9}:/.test(word) && word.includes('"kty"')) return 'a private key as JWK'
  if (/^(?:0x)?[0-9a-fA-F]{64}$/.test(word) && !isHash) return 'a key in hexadecimal'
  // 32 bytes; 64 bytes, a key with its public key; PKCS #8, which begins with the tag of a sequence.
  if (/^(?:[A-Za-z0-9+/_-]{43}=?|[A-Za-z0-9+/_-]{86}(?:==)?|M[A-Za-z0-9+/_-]{62,}={0,2})$/.test(word) && isMixed(word))
    return 'a key in base64'
  // Also within a policy or a URL.
  const pieces = word.split(/[\s"'=&,;:/]+/)
  if (knownKeys.some((form) => form.test(word) || pieces.some((piece) => form.test(piece)))) return 'an API key'
  if (/^(?:[Bb]earer )?[A-Za-z0-9+/_=.-]{120,}$/.test(word) && isMixed(word)) return 'a token'
  return undefined
}

/** 32 random bytes have capitals, small letters and nearly always digits. A path with slashes rarely has all three. */
function isMixed(word: string): boolean {
  const isPath = (/^\.{0,2}\//.test(word) && !word.endsWith('=')) || (word.includes('/') && !/[0-9]/.test(word))
  return /[A-Z]/.test(word) && /[a-z]/.test(word) && !isPath
}

/** The beginnings of API keys that their issuers document for scanners. */
const knownKeys: readonly RegExp[] = [
  /^sk-[A-Za-z0-9_-]{20,}$/,
  /^[rs]k_(?:live|test)_[A-Za-z0-9]{16,}$/,
  /^gh[opsur]_[A-Za-z0-9]{30,}$/,
  /^github_pat_[A-Za-z0-9_]{30,}$/,
  /^AKIA[A-Z0-9]{16}$/,
  /^xox[abeprs]-[A-Za-z0-9-]{20,}$/,
  /^AIza[A-Za-z0-9_-]{35}$/,
  /^eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}/,
]
