import { createRedactor, Secret } from 'procura/vault'

/** Shorter secrets are parts of other values by chance. One is found where it is the whole value. */
const leastLength = 6

/** The parts of the gateway that an environment is compared with. */
export interface KeptSecrets {
  /** By the names of their credentials. */
  readonly secrets: ReadonlyMap<string, string>
  /** The variables that servers of the gateway get from the vault, with the name of a server. */
  readonly names: ReadonlyMap<string, string>
  /** Variables of these names that stay if their values have no secret. CLI-51 */
  readonly keep: readonly string[]
  /** The value that a variable gets whose whole value is the secret of a credential. Undefined: it is removed. */
  keyFor(credential: string): string | undefined
}

/** An environment for a program that may know no secret. */
export interface AgentEnvironment {
  readonly env: Readonly<Record<string, string>>
  /** A line about each variable that is missing or has another value, without any value. */
  readonly changes: readonly string[]
}

/**
 * The environment without the secrets of the vault. A variable is found by its value, also where the secret is encoded
 * or a part of it, and by the name under which a server had it. CLI-50
 */
export function agentEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  { secrets, names, keep, keyFor }: KeptSecrets,
): AgentEnvironment {
  const left: Record<string, string> = {}
  const changes: string[] = []
  const finders = [...secrets].map(([credential, value]) => finderOf(credential, value))
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue
    const found = finders.map((finder) => finder(value)).filter((one) => one !== undefined)
    const whole = found.find(({ isWhole }) => isWhole) ?? found[0]
    const key = whole?.isWhole === true ? keyFor(whole.credential) : undefined
    if (key !== undefined) {
      left[name] = key
      changes.push(`${name} has the key of this run in the place of the secret ${whole?.credential}`)
    } else if (whole !== undefined) {
      changes.push(`${name} is removed: it ${whole.isWhole ? 'is' : 'contains'} the secret ${whole.credential}`)
    } else if (names.has(name) && !keep.includes(name)) {
      changes.push(
        `${name} is removed: the server ${names.get(name)} has a secret of this name, with another value; --keep ${name} leaves it`,
      )
    } else left[name] = value
  }
  return { env: left, changes }
}

interface Found {
  readonly credential: string
  readonly isWhole: boolean
}

/** Searches a value for a secret, its fields, and the token of a header, in the encodings that a vault knows. */
function finderOf(credential: string, text: string): (value: string) => Found | undefined {
  const secret = new Secret(text)
  const fields = secret.fieldNames().map((name) => secret.revealField(name))
  const redactor = createRedactor([secret], { minBytes: leastLength })
  secret.dispose()
  const [, token] = /^[A-Za-z]{1,20} +(\S+)$/.exec(text) ?? []
  const wholes = new Set([text, ...fields, ...(token === undefined ? [] : [token])].map((one) => one.trim()))
  return (value) => {
    const isWhole = value.trim() !== '' && wholes.has(value.trim())
    return isWhole || isChanged(value) ? { credential, isWhole } : undefined
  }

  function isChanged(value: string): boolean {
    const bytes = new TextEncoder().encode(value)
    return Buffer.compare(Buffer.concat([redactor.push(bytes), redactor.end()]), bytes) !== 0
  }
}
