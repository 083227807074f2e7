// node only: reads process.env
import process from 'node:process'
import { either, type Form, flag, maybe, table, text } from '../check-options.ts'
import { quote, VaultError } from '../errors.ts'
import { systemClock } from '../time.ts'
import { checkConfiguration, checkEntries, vaultForms } from './configuration.ts'
import { createVault, type VaultOptions } from './create-vault.ts'
import type { CredentialRules } from './credential.ts'
import { memorySource } from './memory-source.ts'
import { Secret } from './secret.ts'
import type { Vault } from './vault.ts'

/** A credential of {@link envVault}. */
export interface EnvCredential extends CredentialRules {
  /** The environment variable that holds the secret, or one for each field of it. */
  readonly variable: string | Readonly<Record<string, string>>
}

/** Options of {@link envVault}. */
export interface EnvVaultOptions extends VaultOptions {
  /** By name. */
  readonly credentials: Readonly<Record<string, EnvCredential>>
  /** Default `process.env`. */
  readonly environment?: Record<string, string | undefined>
  /**
   * Whether the variables are deleted once they were read, so that neither child processes nor a dump of the
   * environment has them. Default true.
   */
  readonly clear?: boolean
}

/**
 * A vault over environment variables, which are read once, here.
 *
 * @throws {@link VaultError} `ERR_VAULT_CONFIGURATION` when one is missing or empty, before any is deleted.
 */
export function envVault(options: EnvVaultOptions): Vault {
  checkConfiguration('env vault', options, {
    ...vaultForms,
    credentials: table,
    environment: maybe(table),
    clear: maybe(flag),
  })
  checkEntries('env vault', options.credentials, { variable: either(text, names) })
  const environment = options.environment ?? process.env
  const secrets = new Map<string, Secret>()
  const read: string[] = []

  function value(variable: string, reference: string): string {
    const found = Object.hasOwn(environment, variable) ? environment[variable] : undefined
    if (found === undefined || found === '') {
      throw new VaultError(
        'ERR_VAULT_CONFIGURATION',
        `credential ${quote(reference)}: set the environment variable ${quote(variable)}`,
      )
    }
    read.push(variable)
    return found
  }

  for (const [reference, { variable }] of Object.entries(options.credentials)) {
    if (typeof variable === 'string') {
      secrets.set(reference, new Secret(value(variable, reference)))
    } else {
      const fields = Object.entries(variable).map(([field, name]) => [field, value(name, reference)])
      secrets.set(reference, Secret.ofFields(Object.fromEntries(fields)))
    }
  }
  const source = memorySource('env', secrets, options.clock ?? systemClock)
  const { replace: _, exclusively: __, ...readOnly } = source
  const vault = createVault({ ...options, source: readOnly, credentials: options.credentials })
  // SEC-08
  if (options.clear !== false) for (const variable of read) delete environment[variable]
  return vault
}

/** A name for each field. */
const names: Form = (value) => {
  const variables = table(value) === undefined ? Object.values(value as object) : []
  return variables.length > 0 && variables.every((name) => text(name) === undefined)
    ? undefined
    : 'must be an object of texts that are not empty'
}
