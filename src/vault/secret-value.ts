import { readOptions } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { secretValue } from './configuration.ts'
import { Secret } from './secret.ts'

/** A secret as a program has it: text, bytes, named fields, or wrapped already. */
export type SecretValue = string | Uint8Array | Secret | Readonly<Record<string, string>>

/**
 * Wraps a secret; one that is wrapped already is copied.
 *
 * @throws ArgumentError when it is empty, or not one of these.
 */
export function toSecret(value: SecretValue, reference: string): Secret {
  readOptions(`credential ${quote(reference)}`, { secret: value }, { secret: secretValue })
  if (Secret.is(value)) return value.copy()
  return typeof value === 'string' || value instanceof Uint8Array ? new Secret(value) : Secret.ofFields(value)
}
