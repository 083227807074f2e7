/** Whether the name of a variable, an option or a parameter suggests a secret. */
export function hasSecretName(name: string): boolean {
  const words = wordsOf(name)
  return words.some((word, at) => isKeyWord(word) || secretWords.has(word) || keyPairs.has(`${word} ${words[at + 1]}`))
}

/** Lower-case words without the numbers at their ends. `maxTokens` has two, and `KEYBOARD` and `AUTHOR` are words. */
function wordsOf(name: string): readonly string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => word.replace(/[0-9]{1,20}$/, ''))
    .filter((word) => word !== '')
}

function isKeyWord(word: string): boolean {
  if (/(?:donkey|hockey|hotkey|jockey|monkey|turkey|whiskey|bypass|compass|overpass|surpass|trespass)$/.test(word))
    return false
  return /(?:key|token|secret|password|passwd|pass)$/.test(word)
}

const secretWords: ReadonlySet<string> = new Set([
  ...['apikey', 'apikeys', 'auth', 'authorization', 'bearer', 'bot', 'cookie', 'cookies', 'credential', 'credentials'],
  ...['creds', 'dsn', 'jwt', 'key', 'keys', 'mnemonic', 'pass', 'passcode', 'passphrase', 'passwd', 'password'],
  ...['passwords', 'pat', 'pin', 'private', 'pwd', 'salt', 'secret', 'secrets', 'session', 'sessionid', 'sid', 'sig'],
  ...['signature', 'token', 'webhook'],
])

/** Pairs of words that name a key together. */
const keyPairs: ReadonlySet<string> = new Set([
  ...['access code', 'backup code', 'backup codes', 'client assertion', 'cookie d', 'device code', 'master seed'],
  ...['otp seed', 'recovery code', 'recovery codes', 'secret id', 'seed phrase', 'session id', 'totp seed'],
  ...['wallet seed', 'webhook uri', 'webhook url', 'webhook urls'],
])
