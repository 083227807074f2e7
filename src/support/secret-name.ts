/** Whether the name of a variable, an option or a parameter suggests a secret. */
export function hasSecretName(name: string): boolean {
  const words = wordsOf(name)
  return words.some((word, at) => isKeyWord(word) || secretWords.has(word) || keyPairs.has(`${word} ${words[at + 1]}`))
}

/**
 * Whether a variable or a field with this name contains a key. `KEY_PREFIX`, `TOKEN_URL` and `AUTH_DOMAIN` contain
 * settings, which occur elsewhere too.
 */
export function isKeyName(name: string): boolean {
  const words = wordsOf(name)
  const lastSetting = words.map((word) => settings.has(word)).lastIndexOf(true)
  const lastOther = words.map((word) => additions.has(word)).lastIndexOf(false)
  return words.some((word, at) => {
    const before = words[at - 1] ?? ''
    if (notKeys.has(`${before} ${word}`)) return false
    if (at === words.length - 2 && keyPairs.has(`${word} ${words[at + 1]}`)) return true
    if (isKeyWord(word) || keyWords.has(word)) return lastSetting <= at
    return secretWords.has(word) && lastOther <= at && (word !== 'sid' || before === '')
  })
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

/** Words for a key, whatever comes after them unless that is a setting. Of the others, such as `auth`, few do. */
const keyWords: ReadonlySet<string> = new Set([
  ...[
    'apikeys',
    'credential',
    'credentials',
    'creds',
    'keys',
    'cookies',
    'mnemonic',
    'passphrase',
    'passwords',
    'pwd',
    'secrets',
    'tokens',
  ],
])

/** The last words of the names of settings. */
const settings: ReadonlySet<string> = new Set([
  ...['address', 'addresses', 'arn', 'fingerprint'],
  ...['age', 'alg', 'algorithm', 'audience', 'bucket', 'column', 'command', 'count', 'description', 'dir', 'directory'],
  ...['domain', 'email', 'enabled', 'endpoint', 'expiration', 'expires', 'expiry', 'field', 'file', 'filename'],
  ...['folder', 'format', 'header', 'helper', 'host', 'hostname', 'id', 'ids', 'interval', 'issuer', 'label', 'length'],
  ...['limit', 'location', 'manager', 'max', 'method', 'min', 'mode', 'name', 'names', 'origin', 'path', 'paths'],
  ...[
    'pattern',
    'per',
    'policy',
    'port',
    'prefix',
    'provider',
    'realm',
    'reference',
    'regex',
    'region',
    'rotation',
    'rounds',
    'scheme',
  ],
  ...['scope', 'scopes', 'server', 'size', 'store', 'strategy', 'suffix', 'table', 'through', 'timeout', 'ttl', 'type'],
  ...['types', 'uri', 'uris', 'url', 'urls', 'usage', 'username', 'var', 'variable', 'vault'],
])

/** Words after `auth` and others that leave it the name of a key. */
const additions: ReadonlySet<string> = new Set([
  ...[
    'admin',
    'base',
    'basic',
    'code',
    'content',
    'current',
    'data',
    'default',
    'dev',
    'development',
    'header',
    'headers',
  ],
  ...['json', 'live', 'new', 'old', 'previous', 'primary', 'prod', 'production', 'raw', 'sandbox', 'secondary'],
  ...['staging', 'string', 'test', 'v', 'value'],
])

/** Pairs of words that name a key together. */
const keyPairs: ReadonlySet<string> = new Set([
  ...['access code', 'backup code', 'backup codes', 'client assertion', 'cookie d', 'device code', 'master seed'],
  ...['otp seed', 'recovery code', 'recovery codes', 'secret id', 'seed phrase', 'session id', 'totp seed'],
  ...['wallet seed', 'webhook uri', 'webhook url', 'webhook urls'],
])

/** Keys that are public, or that are the names of something. */
const notKeys: ReadonlySet<string> = new Set([
  ...[
    'cache',
    'foreign',
    'group',
    'issue',
    'map',
    'partition',
    'primary',
    'project',
    'public',
    'publishable',
    'sort',
  ].map((before) => `${before} key`),
  ...['public keys', 'email signature', 'mail signature'],
])
