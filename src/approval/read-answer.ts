import { createAuthorizer } from '../core/authorization/authorize.ts'
import { openContainer } from '../core/authorization/open-container.ts'
import { verifyDelegation } from '../core/authorization/verify-delegation.ts'
import { compilePolicy } from '../core/capability/policy/compile.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import type { DidResolver } from '../core/did/resolver.ts'
import { findProofs } from '../core/proof/find-proofs.ts'
import { memoryProofStore } from '../core/proof/memory-proof-store.ts'
import { ArgumentError, MalformedError } from '../errors.ts'
import { abortSignal, maybe, type OptionCheck, readOptions, withDefault, withMethod } from '../support/options.ts'
import { ownBytes } from '../support/own-bytes.ts'
import { type Clock, systemClock } from '../time.ts'
import type { ApprovalRequest } from './request.ts'
import { type RefusalArguments, refusalDefinition } from './tokens.ts'

/** Options of {@link readApprovalAnswer}. */
export interface ReadAnswerOptions {
  /** The request that was answered, as `requestApproval` returned it. */
  readonly request: ApprovalRequest
  /** Resolves the DID of the approver to keys. Default: `did:key` only. */
  readonly resolver?: DidResolver
  /** Default: the system clock. */
  readonly clock?: Clock
  /** Aborts resolution. */
  readonly signal?: AbortSignal | undefined
}

/** An answer to a request, verified: the signatures and times of a refusal, or of each delegation of an approval. */
export type ApprovalAnswer =
  | {
      readonly answer: 'approved'
      /** The approval. */
      readonly approval: Delegation
      /** The chain for the call, root first; the approval is its last delegation. */
      readonly proofs: readonly Delegation[]
    }
  | { readonly answer: 'refused'; readonly reason?: string }
  | { readonly answer: 'invalid'; readonly message: string }

/**
 * Reads the answer of an approver. Any bytes lead to an answer and not to an exception.
 *
 * @throws ArgumentError when an option is missing or invalid.
 *
 * @example
 * ```ts
 * import { invoke } from 'procura'
 * import { readApprovalAnswer } from 'procura/approval'
 *
 * const answer = await readApprovalAnswer(received, { request: asked })
 * if (answer.answer === 'approved') {
 *   const { service, command, args } = asked
 *   const call = await invoke({ issuer: agent, audience: service, command, args, proofs: answer.proofs })
 * }
 * ```
 */
export async function readApprovalAnswer(
  container: string | Uint8Array,
  options: ReadAnswerOptions,
): Promise<ApprovalAnswer> {
  const input = ownBytes(container)
  const given = readOptions('readApprovalAnswer', options, {
    request: requestCheck,
    resolver: maybe(withMethod('resolve')),
    clock: withDefault(withMethod('now'), systemClock),
    signal: abortSignal,
  })
  const { request, clock, resolver, signal } = given
  let tokens: Awaited<ReturnType<typeof openContainer>>
  try {
    tokens = await openContainer(input)
  } catch (error) {
    if (error instanceof MalformedError || error instanceof ArgumentError) return invalid(error.message)
    throw error
  }
  if (tokens.invocations.length > 0) return readRefusal(input, given)
  // APR-26
  const approval = tokens.delegations.find((delegation) => isApproval(delegation, request))
  if (approval === undefined) return invalid('the answer contains no approval of this request')
  const { agent: invoker, subject, command, args } = request
  const held = memoryProofStore()
  held.add(tokens.delegations)
  // Each delegation is visited once, and all of them are examined for it.
  const maxSteps = (tokens.delegations.length + 1) * tokens.delegations.length
  const proofs = await findProofs(held, { invoker, subject, command, args, clock, maxSteps })
  if (proofs?.at(-1) !== approval) return invalid('the delegations of the answer do not permit the call')
  const verdict = await verifyDelegation(proofs, {
    audience: invoker,
    clock,
    signal,
    ...(resolver !== undefined && { resolver }),
  })
  if (!verdict.verified) return invalid(verdict.denial.message)
  return Object.freeze({ answer: 'approved', approval, proofs })
}

/** Whether a delegation is by the approver and for the agent, of the requested command with the requested arguments. */
function isApproval(delegation: Delegation, request: ApprovalRequest): boolean {
  return (
    delegation.issuer === request.approver &&
    delegation.audience === request.agent &&
    delegation.subject === request.subject &&
    delegation.command === request.command &&
    compilePolicy(delegation.policy).evaluate(request.args) === undefined
  )
}

async function readRefusal(container: string | Uint8Array, options: ReadAnswerOptions): Promise<ApprovalAnswer> {
  const { request, signal, resolver, clock } = options
  const authorizer = createAuthorizer({
    audience: request.agent,
    subjects: [request.approver],
    commands: [refusalDefinition],
    revocations: { findRevocations: () => [] },
    replay: { claim: () => true },
    ...(resolver !== undefined && { resolver }),
    ...(clock !== undefined && { clock }),
  })
  const decision = await authorizer.authorize(container, { signal })
  if (!decision.allowed) return invalid(decision.denial.message)
  const args = decision.authorization.args as unknown as RefusalArguments
  // APR-25
  if (args.request !== String(request.cid)) return invalid('the refusal is for another request')
  return Object.freeze({ answer: 'refused', ...(args.reason !== undefined && { reason: args.reason }) })
}

function invalid(message: string): ApprovalAnswer {
  return Object.freeze({ answer: 'invalid', message })
}

const requestCheck: OptionCheck = (value) =>
  typeof Object(value).agent === 'string' && typeof Object(value).approver === 'string'
    ? undefined
    : 'must be a request, as `requestApproval` returns it'
