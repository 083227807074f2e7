import { VaultError } from '../../errors.ts'
import { canonicalJson } from '../../support/canonical-json.ts'
import { quote } from '../../support/quote.ts'
import type { Processor } from '../processor.ts'
import { atRunTime } from '../release/failure.ts'
import { basic } from './basic.ts'
import { bearer } from './bearer.ts'
import { clientCredentials } from './client-credentials.ts'
import { header } from './header.ts'
import { headers } from './headers.ts'
import { hmac } from './hmac.ts'
import { query } from './query.ts'
import { refreshToken } from './refresh-token.ts'
import { sigV4 } from './sigv4.ts'

/** Makes a processor of the parameters in its description. It checks their names and types like those in a program. */
type MakeProcessor = (parameters: never) => Processor

const processorsByType: ReadonlyMap<unknown, MakeProcessor> = new Map<unknown, MakeProcessor>([
  ['basic', basic],
  ['bearer', bearer],
  ['client-credentials', clientCredentials],
  ['header', header],
  ['headers', headers],
  ['hmac', hmac],
  ['query', query],
  ['refresh-token', refreshToken],
  ['sigv4', sigV4],
])

/**
 * Makes the processor of a description that was stored beside a secret.
 *
 * @throws VaultError `ERR_VAULT_CONFIGURATION` when the type is unknown, a parameter is missing or invalid, or there is
 *   a parameter that this version does not know: it may narrow the use.
 */
export function parseProcessor(description: unknown): Processor {
  const { type, ...parameters } = Object(description) as { readonly [name: string]: unknown }
  const make = processorsByType.get(type)
  if (make === undefined) throw invalid(`its \`type\` is unknown; this version knows ${knownTypes()}`)
  const processor = atRunTime(() => make(parameters as never))
  // A description lists all parameters, also those with a default. A difference is a parameter that is not known.
  if (canonicalJson(processor.description) !== canonicalJson(description)) {
    throw invalid('this version does not know all of its parameters')
  }
  return processor
}

function knownTypes(): string {
  return [...processorsByType.keys()].map((type) => quote(String(type))).join(', ')
}

function invalid(what: string): VaultError {
  return new VaultError('ERR_VAULT_CONFIGURATION', `the stored description of a processor is invalid: ${what}`)
}
