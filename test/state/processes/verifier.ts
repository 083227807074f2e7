/**
 * A process that verifies calls with shared stores, for tests that start several and end them.
 *
 * @module
 */

import process from 'node:process'
import { type Authorizer, createAuthorizer } from '../../../src/authorization/authorize.ts'
import { defineCommand } from '../../../src/capability/definition.ts'
import { parseDid } from '../../../src/did/did.ts'
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

/** A message of a process. */
export type VerifierAnswer =
  | { readonly kind: 'ready' }
  /** Some calls are verified, and others are under way. */
  | { readonly kind: 'progress'; readonly done: number }
  /** For each call, `allowed` or the code of the denial. */
  | { readonly kind: 'verified'; readonly answers: readonly string[] }
  | { readonly kind: 'revoked' }

/** Calls from one report of the progress to the next. */
const callsOfAReport = 50

async function verify(authorizer: Authorizer, { calls, atATime, again }: VerifyRequest): Promise<readonly string[]> {
  const answers: string[] = []
  let next = 0
  let done = 0
  const work = async (): Promise<void> => {
    for (let at = next++; at < calls.length; at = next++) {
      let answer = await ask(calls[at] as Uint8Array)
      while (again && answer.endsWith('_unknown')) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        answer = await ask(calls[at] as Uint8Array)
      }
      answers[at] = answer
      done += 1
      if (done % callsOfAReport === 0) tell({ kind: 'progress', done: callsOfAReport })
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
  commands: [defineCommand({ command: '/mail/send', args: {} })],
  ...stores,
})
process.on('message', async (request: VerifierRequest) => {
  if (request.kind === 'revoke') {
    await stores.revocations.add({ ids: [request.id], expiration: request.expiration })
    tell({ kind: 'revoked' })
  } else {
    tell({ kind: 'verified', answers: await verify(authorizer, request) })
  }
})
process.once('disconnect', () => process.exit())
tell({ kind: 'ready' })
