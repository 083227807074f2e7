import { createAuthorizer } from '../core/authorization/authorize.ts'
import type { Denial } from '../core/authorization/denial.ts'
import type { ReplayStore } from '../core/authorization/replay-store.ts'
import { anySubject } from '../core/capability/subject.ts'
import type { DidResolver } from '../core/did/resolver.ts'
import type { RevocationStore } from '../core/revocation/revocation-store.ts'
import {
  abortSignal,
  arrayOf,
  callback,
  didString,
  maybe,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { type Clock, systemClock } from '../time.ts'
import { type ReceivedRequest, requestIn } from './request.ts'
import { maxRequestLifetime, requestDefinition } from './tokens.ts'

/** Options of {@link readApprovalRequest}. */
export interface ReadRequestOptions {
  /** The DID of the approver. A request to another approver is refused. */
  readonly approver: string
  /** The DIDs of the agents whose requests are read. Default: any agent. */
  readonly agents?: readonly string[]
  /** Resolves DIDs of agents to keys. Default: `did:key` only. */
  readonly resolver?: DidResolver
  /** Refuses the requests of revoked agents. Default: no agent is revoked. */
  readonly revocations?: RevocationStore
  /** Refuses a request that was read before. Default: a request can be read until it expires. */
  readonly replay?: ReplayStore
  /** Default: the system clock. */
  readonly clock?: Clock
  /** Receives the error of a store or resolver that failed; the request is refused then. */
  readonly onError?: (error: unknown) => void
  /** Aborts look-ups. */
  readonly signal?: AbortSignal | undefined
}

/** The answer of {@link readApprovalRequest}. */
export type RequestReading =
  | { readonly valid: true; readonly request: ReceivedRequest }
  | { readonly valid: false; readonly denial: Denial }

/**
 * Reads and verifies a request for an approval: its form, that it is addressed to this approver, its expiry, and the
 * signature of the agent. Show it with `describeApprovalRequest`, and answer with `approve` or `refuse`. Any bytes lead
 * to an answer and not to an exception.
 *
 * @throws ArgumentError when an option is missing or invalid.
 *
 * @example
 * ```ts
 * import { approve, describeApprovalRequest, readApprovalRequest } from 'procura/approval'
 *
 * const reading = await readApprovalRequest(received, { approver: owner.did })
 * if (reading.valid) {
 *   for (const line of describeApprovalRequest(reading.request).lines) console.log(line)
 *   const { container } = await approve(reading.request, { issuer: owner })
 * }
 * ```
 */
export async function readApprovalRequest(
  container: string | Uint8Array,
  options: ReadRequestOptions,
): Promise<RequestReading> {
  const given = readOptions('readApprovalRequest', options, {
    approver: didString,
    agents: maybe(arrayOf(didString)),
    resolver: maybe(withMethod('resolve')),
    revocations: withDefault(withMethod('findRevocations'), nothingRevoked),
    replay: withDefault(withMethod('claim'), nothingReplayed),
    clock: withDefault(withMethod('now'), systemClock),
    onError: maybe(callback),
    signal: abortSignal,
  })
  const { approver, agents, signal, ...others } = given
  const authorizer = createAuthorizer({
    ...others,
    audience: approver,
    // A request proves nothing but who made it, so every agent may make one.
    subjects: agents ?? anySubject,
    commands: [requestDefinition],
    // APR-05
    maxInvocationLifetime: maxRequestLifetime,
  })
  const decision = await authorizer.authorize(container, { signal })
  if (!decision.allowed) return Object.freeze({ valid: false, denial: decision.denial })
  const { authorization } = decision
  // APR-06
  if (authorization.invoker !== authorization.subject) return notItsOwn
  return Object.freeze({ valid: true, request: requestIn(authorization) })
}

const nothingRevoked: RevocationStore = Object.freeze({ findRevocations: () => [] })
const nothingReplayed: ReplayStore = Object.freeze({ claim: () => true })

const notItsOwn: RequestReading = Object.freeze({
  valid: false,
  denial: Object.freeze({
    code: 'subject_not_accepted',
    message: 'the request is made with the authority of another principal; an agent requests approvals for itself',
    requirement: 'APR-06',
  }),
})
