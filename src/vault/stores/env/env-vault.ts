// node only: reads process.env
import process from 'node:process'
import { VaultError } from '../../../errors.ts'
import {
  either,
  flag,
  nonEmptyString,
  type OptionCheck,
  objectValue,
  readOptions,
  withDefault,
} from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { readCredentials, type VaultOptions, vaultChecks } from '../../configuration.ts'
import { createVault } from '../../create-vault.ts'
import type { CredentialOptions } from '../../rules/credential-rules.ts'
import { Secret } from '../../secret.ts'
import type { Vault } from '../../vault.ts'
import { memorySource } from '../memory/memory-source.ts'

/** A credential of {@link envVault}. */
export interface EnvCredential extends CredentialOptions {
  /** The environment variable with the secret, or one variable for each field of the secret. */
  readonly variable: string | Readonly<Record<string, string>>
}

/** Options of {@link envVault}. */
export interface EnvVaultOptions extends VaultOptions {
  /** The credentials by name. */
  readonly credentials: Readonly<Record<string, EnvCredential>>
  /** Default `process.env`. */
  readonly environment?: Record<string, string | undefined>
  /**
   * Whether the variables are deleted after they were read, so that later child processes do not have them. The system
   * keeps the original environment (`/proc/PID/environ`, `ps eww`), which the same user can read; use the file vault
   * where that matters. Default true.
   */
  readonly clear?: boolean
}

/**
 * Makes a vault over environment variables. They are read once, by this function.
 *
 * @throws VaultError `ERR_VAULT_CONFIGURATION` when a variable is missing, empty or cannot be deleted, before any is
 *   deleted; ArgumentError when an option is invalid.
 *
 * @example
 * ```ts
 * import { envVault } from 'procura/vault/env'
 * import { bearer } from 'procura/vault/processors'
 *
 * const vault = envVault({
 *   credentials: {
 *     mail: { variable: 'MAIL_API_KEY', origins: ['https://api.example.com'], processor: bearer() },
 *   },
 * })
 * ```
 */
export function envVault(options: EnvVaultOptions): Vault {
  const { environment, clear, credentials, ...settings } = readOptions('envVault', options, {
    ...vaultChecks,
    credentials: objectValue,
    environment: withDefault(objectValue, process.env),
    clear: withDefault(flag, true),
  })
  const variableChecks = { variable: either(nonEmptyString, names) }
  const { places, rules } = readCredentials<Place>('envVault', credentials, () => variableChecks)
  const secrets = new Map<string, Secret>()
  const read: string[] = []

  function value(variable: string, option: string, reference: string): string {
    const found = Object.hasOwn(environment, variable) ? environment[variable] : undefined
    if (found === undefined || found === '') {
      throw new VaultError(
        'ERR_VAULT_CONFIGURATION',
        `credential ${quote(reference)}: set the environment variable ${named(variable, option)}`,
      )
    }
    if (clear && Object.getOwnPropertyDescriptor(environment, variable)?.configurable === false) {
      throw new VaultError(
        'ERR_VAULT_CONFIGURATION',
        `credential ${quote(reference)}: \`environment\` is frozen, so its variables cannot be deleted; pass \`clear: false\``,
      )
    }
    read.push(variable)
    return found
  }

  for (const [reference, { variable }] of Object.entries(places)) {
    if (typeof variable === 'string') {
      secrets.set(reference, new Secret(value(variable, 'variable', reference)))
    } else {
      const fields = Object.entries(variable).map(([field, name]) => [
        field,
        value(name, `variable.${field}`, reference),
      ])
      secrets.set(reference, Secret.ofFields(Object.fromEntries(fields)))
    }
  }
  const { replace: _, exclusively: __, ...readOnly } = memorySource('env', secrets, settings.clock)
  const vault = createVault({ ...settings, source: readOnly, credentials: rules })
  // SEC-08
  if (clear) for (const variable of read) delete environment[variable]
  return vault
}

type Place = Pick<EnvCredential, 'variable'>

/** Names a variable, if the name is written like one: otherwise it may be the secret itself. */
function named(variable: string, option: string): string {
  const isName = variable.length <= 64 && /^(?:[A-Z]{1,12}|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)$/.test(variable)
  return isName
    ? quote(variable)
    : `that \`${option}\` names (its name is not shown, because it is not written like API_KEY)`
}

/** An object with a variable for each field. */
const names: OptionCheck = (value) => {
  const variables = objectValue(value) === undefined ? Object.values(value as object) : []
  return variables.length > 0 && variables.every((name) => nonEmptyString(name) === undefined)
    ? undefined
    : 'must be an object of non-empty strings'
}
