/**
 * A process that verifies calls with shared stores, for tests that start several and end them.
 *
 * @module
 */

import process from 'node:process'
import { type Authorizer, createAuthorizer } from '../../../src/core/authorization/authorize.ts'
import { text } from '../../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { parseDid } from '../../../src/core/did/did.ts'
import { openStores, type StoresPlace } from './place.ts'

/** The parameter of a process. */
export interface VerifierOptions {
  readonly place: StoresPlace
  readonly audience: string
  readonly subject: string
}

/** Calls to be verified. */
export interface VerifyRequest {
  readonly kind: 'verify'
  readonly calls: readonly Uint8Array[]
  /** Calls under way at a time. */
  readonly atATime: number
  /** Whether a call is sent again until the stores have answered. */
  readonly again: boolean
}

/** A request to a process. */
export type VerifierRequest =
  | VerifyRequest
  | { readonly kind: 'revoke'; readonly id: string; readonly expiration: number }
  /** Asks what remains of the limits in a container. */
  | { readonly kind: 'remaining'; readonly container: string }
  /** Reserves one use of a limit, which is never committed. */
  | { readonly kind: 'reserve'; readonly key: string; readonly deadline: number }

/** A message of a process. */
export type VerifierAnswer =
  | { readonly kind: 'ready' }
  /** The answer to the call at a place, while others are under way. */
  | { readonly kind: 'answer'; readonly at: number; readonly answer: string }
  /** For each call, `allowed` or the code of the denial. */
  | { readonly kind: 'verified'; readonly answers: readonly string[] }
  | { readonly kind: 'revoked' }
  | { readonly kind: 'remains'; readonly remaining: readonly (number | string)[] }
  | { readonly kind: 'reserved'; readonly reserved: boolean }

async function verify(authorizer: Authorizer, { calls, atATime, again }: VerifyRequest): Promise<readonly string[]> {
  const answers: string[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let at = next++; at < calls.length; at = next++) {
      let answer = await ask(calls[at] as Uint8Array)
      while (again && answer.endsWith('_unknown')) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        answer = await ask(calls[at] as Uint8Array)
      }
      answers[at] = answer
      tell({ kind: 'answer', at, answer })
    }
  }
  const ask = async (call: Uint8Array): Promise<string> => {
    const decision = await authorizer.authorize(call)
    return decision.allowed ? 'allowed' : decision.denial.code
  }
  await Promise.all(Array.from({ length: atATime }, work))
  return answers
}

function tell(answer: VerifierAnswer): void {
  process.send?.(answer)
}

const { place, audience, subject } = JSON.parse(process.argv[2] ?? '') as VerifierOptions
const stores = await openStores(place)
const authorizer = createAuthorizer({
  audience: parseDid(audience),
  subjects: [parseDid(subject)],
  commands: [
    defineCommand({ command: '/mail/send', args: {} }),
    defineCommand({ command: '/pay', args: { amount: text() } }),
  ],
  ...stores,
  ...('clockTolerance' in place && place.clockTolerance && { clockTolerance: place.clockTolerance }),
})
process.on('message', async (request: VerifierRequest) => {
  if (request.kind === 'revoke') {
    await stores.revocations.add({ ids: [request.id], expiration: request.expiration })
    tell({ kind: 'revoked' })
  } else if (request.kind === 'remaining') {
    const limits = await authorizer.remaining(request.container)
    tell({ kind: 'remains', remaining: limits.map(({ remaining }) => remaining) })
  } else if (request.kind === 'reserve') {
    const { key, deadline } = request
    const entries = [{ key, kind: 'total', maximum: 1, amount: 1, expiration: deadline + 600 }] as const
    const { limitStore } = stores
    const { reserved } = await limitStore.reserve(
      { reservation: `${process.pid}`, entries, deadline, commit: false },
      {},
    )
    tell({ kind: 'reserved', reserved })
  } else {
    tell({ kind: 'verified', answers: await verify(authorizer, request) })
  }
})
process.once('disconnect', () => process.exit())
tell({ kind: 'ready' })
