/** Whether the name of a variable, an option or a parameter suggests a secret. */
export function hasSecretName(name: string): boolean {
  // `maxTokens` is a number, and `KEYBOARD` and `AUTHOR` are words.
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .some((word) => secretWords.has(word) || /(?:key|token|secret|password|passwd)$/.test(word))
}

const secretWords: ReadonlySet<string> = new Set([
  ...['apikey', 'auth', 'authorization', 'bearer', 'bot', 'cookie', 'credential', 'credentials', 'creds', 'dsn', 'jwt'],
  ...['key', 'keys', 'pass', 'passphrase', 'passwd', 'password', 'pat', 'pin', 'private', 'pwd', 'salt', 'secret'],
  ...['secrets', 'session', 'sid', 'sig', 'signature', 'token', 'webhook'],
])
