import { type ArgumentObjection, checkArguments as findObjection } from '../../capability/check-arguments.ts'
import { isPromiseLike } from '../../support/promise.ts'
import type { UnsignedChain } from '../chain.ts'
import type { Denial } from '../denial.ts'
import { type Steps, wait } from '../machinery/steps.ts'
import type { Settings } from '../settings.ts'

const nextSteps: Readonly<Record<ArgumentObjection['reason'], string>> = Object.freeze({
  undeclared: ' by this command; sign a new invocation without it',
  missing: '; sign a new invocation with it',
  invalid: '',
  transformed: '; sign a new invocation with the value that the schema returns',
})

/**
 * The arguments are exactly those that the command declares, in canonical form. Checked before policies, because a policy
 * is only safe for arguments that have one spelling.
 */
export function* checkArguments(chain: UnsignedChain, settings: Pick<Settings, 'commands'>): Steps<Denial | undefined> {
  const { fields } = chain.invocation
  const definition = settings.commands?.get(fields.command)
  if (definition === undefined) return undefined
  const found = findObjection(definition, fields.args)
  const objection = isPromiseLike(found) ? yield* wait(found) : found
  if (objection === undefined) return undefined
  return {
    code: 'arguments_invalid',
    message: `the invocation of \`${fields.command}\`: ${objection.message}${nextSteps[objection.reason]}`,
    at: chain.links.length,
    requirement: objection.requirement,
    detail: { kind: 'argument', argument: objection.argument, problem: objection.reason },
  }
}
