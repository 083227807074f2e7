/**
 * The form of a case of UCAN 0.9.1: the form of all vectors, at a service that reads this format.
 *
 * @module
 */

import type { Container } from '../container.ts'
import { type Context, contextOf, type Vector } from '../vector.ts'
import { alice, bob, expiration, service } from './tokens.ts'

/** The parts of a case. */
export interface UcantoCase {
  readonly container: Container | Promise<Container>
  readonly context?: Partial<Context>
}

/** A call that is in order. */
export interface GoodCase extends UcantoCase {
  /** Whose authority is used. Default: alice's. */
  readonly subject?: string
  /** The invoker. Default: bob. */
  readonly invoker?: string
  /** Default `/mail/send`. */
  readonly command?: string
}

/** A call that is not in order. */
export interface BadCase extends UcantoCase {
  /** The token at fault. */
  readonly at?: number
}

/** The context of most cases, with changes: it contains everything that is not a default of the library. */
export function ucantoContext(change: Partial<Context> = {}): Context {
  const options = { clockTolerance: 0, ...change.options }
  return { ...contextOf({ audience: service.did(), subjects: 'any', formats: ['0.9.1'], ...change }), options }
}

/** A case that is allowed, and the requirement that it shows. */
export async function allowed(name: string, requirement: string, good: GoodCase): Promise<Vector> {
  const { container, context, subject = alice.did(), invoker = bob.did(), command = '/mail/send' } = good
  return {
    name: `allowed: ${name}`,
    requirement,
    container: await container,
    context: ucantoContext(context),
    expected: { allowed: true, subject, invoker, command, expiration },
  }
}

/** Cases that break one rule, by their names. */
export function refused(
  fault: string,
  requirement: string,
  code: string,
  cases: Readonly<Record<string, BadCase>>,
): Promise<readonly Vector[]> {
  return Promise.all(
    Object.entries(cases).map(
      async ([name, { container, at, context }]): Promise<Vector> => ({
        name: `${fault}: ${name}`,
        fault,
        requirement,
        container: await container,
        context: ucantoContext(context),
        expected: { allowed: false, code, ...(at === undefined ? {} : { at }) },
      }),
    ),
  )
}
