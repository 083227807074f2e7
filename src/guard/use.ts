import type { Ledger } from '../audit/ledger/create-ledger.ts'
import { ArgumentError } from '../errors.ts'
import { ownBytes } from '../support/own-bytes.ts'
import { createAdmission } from './admission.ts'
import type { Handler } from './call.ts'
import { type GuardCallOptions, readCallOptions } from './call-options.ts'
import type { GuardContext } from './context.ts'
import { decide, withClaims } from './decide.ts'
import { type CallHold, holdOfCall } from './hold.ts'
import type { CheckedOptions } from './options.ts'
import { perform } from './perform.ts'
import { recordChain } from './record-chain.ts'
import { closed, type GuardRefusal, overloaded } from './refusals.ts'
import type { GuardResult } from './result.ts'

/** A container. With a ledger, which reads it after waits, bytes are in memory of their own. */
export type Input = string | Uint8Array

/** The way into a guard and out of it. */
export interface Entry {
  /** Admits a call, or returns its refusal: the guard is closed, or at its limit of concurrent calls. */
  refuse(): GuardRefusal | undefined
  /** Ends an admitted call. */
  leave(): void
  own(container: Input): Input
}

/** Makes the way into a guard. */
export function createEntry(context: GuardContext, { ledger, maxInFlight }: CheckedOptions): Entry {
  const { inFlight } = context
  return {
    refuse() {
      const entered = inFlight.enter()
      if (entered === 'closed') return closed(context)
      return entered === 'overloaded' ? overloaded(context, maxInFlight) : undefined
    },
    leave: inFlight.leave,
    own: (container) => (ledger === undefined ? container : ownBytes(container)),
  }
}

/** Makes `use` of a guard. After the decision, only steps are awaited that are not over when they return. */
export function createUse<Args>(context: GuardContext, entry: Entry, ledger: Pick<Ledger, 'used'> | undefined) {
  return async <T>(
    container: Input,
    handler: Handler<Args, T>,
    options?: GuardCallOptions,
  ): Promise<GuardResult<T>> => {
    const { signal, expected, claimed } = readCallOptions('use', options, context.commands)
    if (typeof handler !== 'function') {
      throw new ArgumentError('use: `handler` must be a function; to decide only, call `authorize`')
    }
    const refusal = entry.refuse()
    if (refusal !== undefined) return refusal
    let hold: CallHold | undefined
    try {
      const input = entry.own(container)
      const before = context.revocationAge()
      const { furtherCheck, commandOf } = createAdmission(context, expected)
      // Awaited in any case: no handler starts before `use` has returned.
      const decision = await decide(context, input, { signal, furtherCheck }, before, claimed)
      if (!decision.allowed) return decision
      const age = withClaims(context.revocationAge(before), claimed)
      const { authorization } = decision
      const command = commandOf(authorization.command)
      if (context.holdOf !== undefined) hold = await holdOfCall(context, authorization, command)
      const record = ledger && (() => recordChain(ledger, context.authorizer, input, authorization))
      return await perform(context, { authorization, command, handler, age, hold, record, signal })
    } finally {
      if (hold === undefined) entry.leave()
      else await hold.end().finally(entry.leave)
    }
  }
}
