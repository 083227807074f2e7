import { VaultError } from '../../errors.ts'
import { parseProcessor } from '../processors/parse-processor.ts'
import { atRunTime } from '../release/failure.ts'
import { type CredentialOptions, type CredentialRules, parseRules } from './credential-rules.ts'

/** Names of rules that this version knows. */
const known: ReadonlySet<string> = new Set([
  'origins',
  'processor',
  'methods',
  'pathPrefix',
  'headers',
  'commands',
  'subjects',
  'leasable',
])

/**
 * Reads rules that a store kept beside a secret, as `CredentialRules.description` wrote them.
 *
 * @throws VaultError `ERR_VAULT_INTEGRITY` when they are not of the form, or there is one that this version does not
 *   know: a rule narrows, so none may be passed over.
 */
export function rulesOfText(text: string): CredentialOptions {
  const wrong = (): VaultError =>
    new VaultError('ERR_VAULT_INTEGRITY', 'the rules beside the secret are not of a form that this version reads')
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw wrong()
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw wrong()
  const fields = new Map<string, unknown>(Object.entries(parsed))
  // VLT-30
  for (const name of fields.keys()) if (!known.has(name)) throw wrong()
  const texts = (name: string): { readonly [name: string]: readonly string[] } => {
    const value = fields.get(name)
    if (value === undefined) return {}
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) throw wrong()
    return { [name]: value as readonly string[] }
  }
  const pathPrefix = fields.get('pathPrefix')
  const leasable = fields.get('leasable')
  if (pathPrefix !== undefined && typeof pathPrefix !== 'string') throw wrong()
  if (typeof leasable !== 'boolean') throw wrong()
  return {
    ...texts('origins'),
    ...texts('methods'),
    ...texts('headers'),
    ...texts('commands'),
    ...texts('subjects'),
    ...(fields.has('processor') && { processor: parseProcessor(fields.get('processor')) }),
    ...(pathPrefix !== undefined && { pathPrefix }),
    leasable,
  }
}

/**
 * Checks and completes rules that came from a store.
 *
 * @throws VaultError `ERR_VAULT_CONFIGURATION` when they are invalid.
 */
export function parseStoredRules(reference: string, rules: CredentialOptions): CredentialRules {
  return atRunTime(() => parseRules(reference, rules))
}
