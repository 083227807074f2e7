import type { CommandDefinition } from '../core/capability/definition.ts'
import { encodeContainer } from '../core/container/container.ts'
import type { Did } from '../core/did/did.ts'
import { invoke } from '../core/invocation/invoke.ts'
import type { IpldMap } from '../core/ipld/value.ts'
import { ArgumentError, MalformedError } from '../errors.ts'
import { type CallSender, createCallSender } from '../http/call-sender.ts'
import { createMutex, type Mutex } from '../support/mutex.ts'
import { readOptions, refusePromise } from '../support/options.ts'
import { ownBytes } from '../support/own-bytes.ts'
import { quietly } from '../support/quietly.ts'
import { secondsOf } from '../support/seconds-of.ts'
import { never } from '../time.ts'
import type { Agent, AgentAnswer, AgentDecision, AgentRequest } from './agent.ts'
import type { KnownService } from './call.ts'
import { chainsTo, expirationOf, type HeldChain } from './chains.ts'
import { withoutUndefined } from './loose-arguments.ts'
import type { Minter } from './mint.ts'
import { type OpenAgentOptions, readDid, receiveChecks } from './options.ts'
import { recordingRefusals } from './own-refusals.ts'
import { findPermission, type Intended } from './permission.ts'
import { receive } from './receive.ts'
import { type Renewal, type RenewalOptions, startRenewal } from './renewal.ts'

/** The options of an agent, read. */
export type ReadOptions = Omit<OpenAgentOptions, 'services'> & { readonly services: readonly KnownService[] }

/** The parts that the methods of an agent share. */
export interface Core {
  readonly minter: Minter
  readonly options: ReadOptions
  readonly sender: CallSender
  /** Changes of the store, one after another. */
  readonly changes: Mutex
  readonly receive: Agent['receive']
  /** Finds the chain for a call, also in the store as it is now, and after a renewal. */
  permission(call: Intended): Promise<AgentAnswer>
  /** Finds the chain for a call, and signs the call. */
  decide(request: AgentRequest, audience: Did | undefined): Promise<AgentDecision>
  /** @throws ArgumentError when the agent is closed. */
  refuseClosed(): void
  close(): void
}

/** Makes the parts. */
export function createCore(minter: Minter, options: ReadOptions): Core {
  const { held, ledger } = minter
  const { store, resolver, revocations, sender = createCallSender() } = options
  const changes = createMutex()
  let isClosed = false

  function refuseClosed(): void {
    if (isClosed) throw new ArgumentError('this agent is closed; open a new one')
  }

  const take: Agent['receive'] = async (container, options = {}) => {
    refusePromise('container', container)
    const { signal } = readOptions('receive', options, receiveChecks)
    refuseClosed()
    const own = ownBytes(container)
    return changes(() => receive(own, minter, { resolver, revocations, ledger }, signal))
  }

  const renewal = renewalOf(minter, options, (container, refuse, signal) =>
    changes(() => receive(container, minter, { resolver, revocations, ledger, refuse }, signal)),
  )

  const find = (call: Intended): Promise<AgentAnswer> => namingArguments(findPermission(minter, call))

  const recordRefusal = recordingRefusals(minter, options)

  async function permission(call: Intended): Promise<AgentAnswer> {
    const answer = await search(call)
    if (!answer.ok) await recordRefusal?.(call, answer)
    return answer
  }

  async function search(call: Intended): Promise<AgentAnswer> {
    const first = await find(call)
    if (first.ok) {
      // A failure leaves the chain in use; it is reported to `onError`.
      void renewal?.renewDue()
      return first
    }
    // Another process may have changed the store.
    if (store !== undefined) await changes(() => held.refresh(call.signal))
    await renewal?.renewDue()
    return store === undefined && renewal === undefined ? first : find(call)
  }

  return {
    minter,
    options,
    sender,
    changes,
    receive: take,
    permission,
    async decide(request, audience) {
      const args = withoutUndefined(request.args ?? {})
      const nonce = ownBytes(request.nonce)
      const { command, signal } = request
      const answer = await permission({ command, args, subject: readDid('subject', request.subject), signal })
      return answer.ok
        ? namingArguments(sign(minter, { ...request, args, ...(nonce !== undefined && { nonce }) }, answer, audience))
        : answer
    },
    refuseClosed,
    close() {
      isClosed = true
      renewal?.close()
    },
  }
}

/** The error of arguments that are too large, by which an adapter knows the fault of a model. Nothing was sent. */
async function namingArguments<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    const message = (cause as Error)?.message
    const text = `\`args\` are too large for a token: ${message}; send less at a time`
    if (cause instanceof MalformedError && cause.kind === 'too_large' && cause.requirement.startsWith('CBR-'))
      throw new MalformedError(cause.requirement, text, { kind: cause.kind, cause })
    if (cause instanceof ArgumentError && message.startsWith('the invocation must have at most'))
      throw new ArgumentError(text, { cause })
    throw cause
  }
}

async function sign(
  { signer, clock, bounds }: Minter,
  { command, args, signal, ...request }: AgentRequest & { readonly args: IpldMap },
  { subject, proofs }: HeldChain,
  audience: Did | undefined,
): Promise<AgentDecision> {
  const invocation = await invoke({
    issuer: signer,
    subject,
    command: command as CommandDefinition<IpldMap>,
    args,
    proofs,
    clock,
    bounds,
    signal,
    ...(audience !== undefined && { audience }),
    ...signedOptions(request),
  } satisfies InvokeOptions)
  return Object.freeze({ ok: true, invocation, proofs, container: encodeContainer([invocation, ...proofs]) })
}

type InvokeOptions = Parameters<typeof invoke>[0]

/** The options of a request that its invocation contains. */
export function signedOptions({
  expiresIn,
  meta,
  cause,
  nonce,
}: Pick<AgentRequest, 'expiresIn' | 'meta' | 'cause' | 'nonce'>): Pick<
  InvokeOptions,
  'expiresIn' | 'meta' | 'cause' | 'nonce'
> {
  return {
    ...(expiresIn !== undefined && { expiresIn }),
    ...(meta !== undefined && { meta }),
    ...(cause !== undefined && { cause }),
    // AGT-38: two signatures within a second would be the same bytes, and the second one a copy.
    ...(nonce !== undefined && {
      nonce,
      meta: { ...meta, attempt: globalThis.crypto.getRandomValues(new Uint8Array(12)) },
    }),
  }
}

/** Seconds for which an expired chain is still renewed. */
const lateRenewal = 3_600

function renewalOf(minter: Minter, options: ReadOptions, receive: RenewalOptions['receive']): Renewal | undefined {
  const { renew, renewBefore = 60, renewTimeoutMs = 30_000, onError = () => undefined } = options
  if (renew === undefined) return undefined
  const { did, held, clock } = minter
  const isRecent = ({ proofs }: HeldChain): boolean => {
    const expiration = expirationOf(proofs)
    return expiration !== never && expiration >= secondsOf(clock) - lateRenewal
  }
  return startRenewal({
    renew,
    before: renewBefore,
    timeoutMs: renewTimeoutMs,
    clock,
    chains: () => {
      try {
        return chainsTo(did, held, undefined, undefined).filter(isRecent)
      } catch (error) {
        // Too many to be searched. The timer of the renewal has no caller who could take the error.
        quietly(() => onError(error))
        return []
      }
    },
    receive,
    onError,
  })
}
