import { VaultError } from '../../errors.ts'
import { flag, readOptions } from '../../support/options.ts'
import { parseProcessor } from '../processors/parse-processor.ts'
import { atRunTime } from '../release/failure.ts'
import { type CredentialOptions, type CredentialRules, parseRules, ruleChecks } from './credential-rules.ts'

/**
 * Reads rules that a store kept beside a secret, as `CredentialRules.description` wrote them.
 *
 * @throws VaultError `ERR_VAULT_INTEGRITY` when they are malformed, or contain a rule that this version does not know:
 *   a rule narrows the use, so none may be ignored. `ERR_VAULT_CONFIGURATION` when the processor is invalid.
 */
export function readStoredRules(text: string): CredentialOptions {
  const fields = fieldsOf(text)
  const { processor } = fields
  const options = processor === undefined ? fields : { ...fields, processor: parseProcessor(processor) }
  // VLT-30
  return { ...readOptions<CredentialOptions>('stored rules', options, { ...ruleChecks, leasable: flag }, malformed) }
}

/**
 * Reads stored rules, checks and completes them.
 *
 * @throws VaultError as {@link readStoredRules} does, and `ERR_VAULT_CONFIGURATION` when the rules are invalid.
 */
export function parseStoredRules(reference: string, text: string): CredentialRules {
  const options = readStoredRules(text)
  return atRunTime(() => parseRules(reference, options))
}

function fieldsOf(text: string): { readonly [name: string]: unknown } {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw malformed()
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw malformed()
  return parsed as { readonly [name: string]: unknown }
}

function malformed(): VaultError {
  return new VaultError(
    'ERR_VAULT_INTEGRITY',
    'the stored rules of the credential are malformed, or were written by a newer version',
  )
}
