/** The kind of a word that looks like a key or a token; undefined for other words. */
export function secretKind(word: string, isHash: boolean): string | undefined {
  if (word.includes('-----BEGIN')) return 'a key in PEM'
  if (/"d"\s{0,9}:/.test(word) && word.includes('"kty"')) return 'a private key as JWK'
  if (/^(?:0x)?[0-9a-fA-F]{64}$/.test(word) && !isHash) return 'a key in hexadecimal'
  // 32 bytes; 64 bytes, a key with its public key; PKCS #8, which begins with the tag of a sequence.
  if (/^(?:[A-Za-z0-9+/_-]{43}=?|[A-Za-z0-9+/_-]{86}(?:==)?|M[A-Za-z0-9+/_-]{62,}={0,2})$/.test(word) && isMixed(word))
    return 'a key in base64'
  if (hasKnownKey(word)) return 'an API key'
  if (/^(?:[Bb]earer )?[A-Za-z0-9+/_=.-]{120,}$/.test(word) && isMixed(word)) return 'a token'
  return undefined
}

/** Whether a text, such as a policy or a URL, contains an API key. */
function hasKnownKey(text: string): boolean {
  return text.split(/[\s"'=&,;:/@]+/).some((piece) => knownKeys.some((form) => form.test(piece)))
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
  /^(?:AKIA|ASIA)[A-Z0-9]{16}$/,
  /^xox[abeprs]-[A-Za-z0-9-]{20,}$/,
  /^xapp-[A-Za-z0-9-]{30,}$/,
  /^AIza[A-Za-z0-9_-]{35}$/,
  /^GOCSPX-[A-Za-z0-9_-]{28}$/,
  /^ya29\.[A-Za-z0-9_-]{30,}$/,
  /^glpat-[A-Za-z0-9_.-]{20,}$/,
  /^(?:npm|hf|ntn|gsk|lin_api|sbp)_[A-Za-z0-9]{30,}$/,
  /^figd_[A-Za-z0-9_-]{40,}$/,
  /^(?:pypi-|ATATT3)[A-Za-z0-9_-]{50,}$/,
  /^dop_v1_[0-9a-f]{64}$/,
  /^dapi[0-9a-f]{32}$/,
  /^shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}$/,
  /^SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}$/,
  /^pat[A-Za-z0-9]{14}\.[0-9a-f]{64}$/,
  /^whsec_[A-Za-z0-9+/=]{32,}$/,
  /^eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}/,
]
