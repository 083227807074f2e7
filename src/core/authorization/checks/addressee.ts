import { audienceOf, type Chain } from '../chain.ts'
import type { Refusal } from '../refusal.ts'
import type { Settings } from '../settings.ts'

/**
 * The call is for this service: addressed to it, about a subject and a command that it serves, and not one that could
 * be made twice by accident.
 */
export function checkAddressee(chain: Chain, settings: Settings): Refusal | undefined {
  const { fields } = chain.invocation
  const at = chain.links.length
  const audience = audienceOf(fields)
  const { audiences } = settings
  if (audiences?.includes(audience) === false) {
    return {
      code: 'audience_mismatch',
      at,
      requirement: 'SVC-01',
      detail: { kind: 'principal', expected: audiences, found: audience },
    }
  }
  if (settings.subjects !== undefined && !settings.subjects.has(fields.subject)) {
    return {
      code: 'subject_not_accepted',
      at,
      requirement: 'SVC-02',
      // Strangers do not learn for whom else it acts.
      detail: { kind: 'principal', expected: [], found: fields.subject },
    }
  }
  const definition = settings.commands?.get(fields.command)
  if (settings.commands !== undefined && definition === undefined) {
    return {
      code: 'command_unknown',
      at,
      requirement: 'SVC-03',
      detail: { kind: 'command', found: fields.command },
    }
  }
  const minimum = definition?.idempotent === true ? 0 : settings.minimumNonceBytes
  if (fields.nonce.length >= minimum) return undefined
  return {
    code: 'nonce_too_short',
    at,
    requirement: 'RPL-02',
  }
}
