import { isPromiseLike } from '../../../support/promise.ts'
import { checkArguments as findObjection } from '../../capability/check-arguments.ts'
import type { UnsignedChain } from '../chain.ts'
import { type Steps, wait } from '../machinery/steps.ts'
import type { Refusal } from '../refusal.ts'
import type { Settings } from '../settings.ts'

/**
 * The arguments are exactly those that the command declares, in canonical form. Checked before policies, because a
 * policy is only safe for arguments that have one spelling.
 */
export function* checkArguments(
  chain: UnsignedChain,
  settings: Pick<Settings, 'commands'>,
): Steps<Refusal | undefined> {
  const { fields } = chain.invocation
  const definition = settings.commands?.get(fields.command)
  if (definition === undefined) return undefined
  const found = findObjection(definition, fields.args)
  const objection = isPromiseLike(found) ? yield* wait(found) : found
  if (objection === undefined) return undefined
  const { argument, reason: problem, requirement, issue: reason } = objection
  return {
    code: 'arguments_invalid',
    at: chain.links.length,
    requirement,
    detail: { kind: 'argument', argument, problem },
    facts: { reason },
  }
}
