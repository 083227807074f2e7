import type { CommandDefinition } from '../core/capability/definition.ts'
import { parseDid } from '../core/did/did.ts'
import type { IpldMap } from '../core/ipld/value.ts'
import { generateSigner } from '../core/principal/generate-signer.ts'
import { memoryDelegationStore } from '../core/proof/memory-delegation-store.ts'
import { ArgumentError } from '../errors.ts'
import { readOptions } from '../support/options.ts'
import { parsedDid } from '../support/parsed-did.ts'
import { secondsOf } from '../support/seconds-of.ts'
import { systemClock } from '../time.ts'
import type {
  Agent,
  AgentCallOptions,
  AgentCapability,
  AgentDecision,
  AgentRequest,
  AgentTask,
  CallResult,
  CapabilityOptions,
} from './agent.ts'
import { makeApprovedCall } from './approved-call.ts'
import { makeCall, routeOf } from './call.ts'
import { describeChain } from './capability.ts'
import { chainsTo } from './chains.ts'
import { type Core, createCore, type ReadOptions, signedOptions } from './core.ts'
import { openHoldings } from './holdings.ts'
import { withoutUndefined } from './loose-arguments.ts'
import { ceilingChecks, delegateTo, type Minter, passOn } from './mint.ts'
import {
  agentCallChecks,
  agentChecks,
  askChecks,
  capabilityChecks,
  type OpenAgentOptions,
  readDid,
  readService,
  requestChecks,
} from './options.ts'
import { printingCids } from './printing-cids.ts'
import { showingOnly } from './showing-only.ts'

export type { OpenAgentOptions } from './options.ts'

/**
 * Opens an agent: a signer, with the delegations that were given to it.
 *
 * @throws ArgumentError when an option is missing or invalid; errors of the store.
 *
 * @example
 * ```ts
 * import { openAgent } from 'procura/agent'
 *
 * const assistant = await openAgent({
 *   signer: agent,
 *   services: [{ audience: service.did, url: 'https://mail.example.com/call' }],
 * })
 * const reception = await assistant.receive(received)
 * if (reception.accepted) console.log(reception.capabilities.map(({ words }) => words))
 *
 * const result = await assistant.call(send, { to: 'bob@example.com' })
 * console.log(result.ok ? result.value : result.message)
 * ```
 */
export async function openAgent(options: OpenAgentOptions): Promise<Agent> {
  const given = readOptions('openAgent', options, agentChecks)
  if (given.store !== undefined && given.delegations !== undefined)
    throw new ArgumentError('openAgent: pass `store` or `delegations`, not both; `receive` adds delegations to a store')
  const { signer, clock = systemClock } = given
  const minter: Minter = {
    did: parsedDid(parseDid, 'signer.did', signer.did),
    signer,
    clock,
    held: await openHoldings(given.store ?? memoryDelegationStore(given.delegations)),
    ceilings: readOptions('`ceilings` of openAgent', given.ceilings ?? {}, ceilingChecks),
    onDelegation: given.onDelegation,
    ledger: given.ledger,
    bounds: given.bounds ?? {},
  }
  return agentOf(createCore(minter, { ...given, services: (given.services ?? []).map(readService) }))
}

function agentOf(core: Core): Agent {
  const { minter, options, permission, decide, refuseClosed } = core
  const agent: Agent = {
    did: minter.did,
    async can(command, args, options = {}) {
      const { subject, signal } = readOptions('can', options, askChecks)
      refuseClosed()
      const clean = args === undefined ? undefined : withoutUndefined(args)
      return permission({
        command: command as CommandDefinition,
        args: clean,
        subject: readDid('subject', subject),
        signal,
      })
    },
    async authorize(request) {
      const given = readOptions<AgentRequest>('authorize', request as AgentRequest, requestChecks)
      refuseClosed()
      const route = routeOf(
        given.command,
        { audience: readDid('audience', given.audience) },
        options.services,
        core.sender,
      )
      return printingCids(await decide(given, route.audience))
    },
    async call(command, args, options = {}) {
      return printingCids(await call(core, command as CommandDefinition, args, options as AgentCallOptions)) as never
    },
    async capabilities(options = {}) {
      const given = readOptions('capabilities', options, capabilityChecks)
      refuseClosed()
      return listCapabilities(minter, given)
    },
    receive: core.receive,
    async delegateTo(child, task) {
      refuseClosed()
      return delegateTo(child, task, minter)
    },
    async attenuateFor(task) {
      refuseClosed()
      return childFor(task, core)
    },
    async forget(delegations) {
      refuseClosed()
      const names = Array.from(delegations, (one) => String(Object(one).kind === 'delegation' ? Object(one).cid : one))
      await core.changes(() => minter.held.change([], names))
    },
    close: core.close,
  }
  return showingOnly(agent)
}

async function call(
  core: Core,
  command: string | CommandDefinition,
  args: object | undefined,
  options: AgentCallOptions,
): Promise<CallResult> {
  const given = readOptions('call', options, agentCallChecks)
  const { url, send, returns, receipts, approval, timeoutMs = 30_000, ...request } = given
  core.refuseClosed()
  const { services, resolver } = core.options
  const audience = readDid('audience', request.audience)
  const route = routeOf(command, { audience, url, send, receipts }, services, core.sender)
  if (route.send === undefined) {
    throw new ArgumentError(
      'the URL of the service is not known; pass `url` or `send`, or list the service in `services`',
    )
  }
  const { signal } = request
  const sending = { send: route.send, receipts: route.receipts, returns, resolver, timeoutMs, signal }
  if (approval === undefined) {
    const decide = (signal: AbortSignal): Promise<AgentDecision> =>
      core.decide({ ...request, command, args: args as IpldMap, signal }, route.audience)
    return makeCall({ ...sending, decide })
  }
  if (request.nonce !== undefined)
    throw new ArgumentError(
      'call: `nonce` and `approval` exclude each other, because an approved call is a task other than the refused one',
    )
  const [subject, clean] = [readDid('subject', request.subject), withoutUndefined(args ?? {})]
  return makeApprovedCall({
    ...sending,
    minter: core.minter,
    onError: core.options.onError,
    approval,
    signed: signedOptions(request),
    plan: (signal) => core.permission({ command, args: clean, subject, signal }),
    command,
    args: clean,
    subject,
    audience: route.audience,
  })
}

function listCapabilities(minter: Minter, { commands, subject }: CapabilityOptions): readonly AgentCapability[] {
  const { did, held, clock } = minter
  const chains = chainsTo(did, held, readDid('subject', subject), secondsOf(clock))
  const listed = chains.map((chain) => describeChain(chain, commands))
  return Object.freeze(commands === undefined ? listed : listed.filter((one) => one.commands.length > 0))
}

/** AGT-15: the child has a key of its own, a part of the authority, and the same ceilings. */
async function childFor(task: AgentTask, { minter, options, sender }: Core): Promise<Agent> {
  const signer = await generateSigner()
  const { delegations, proofs } = await passOn(signer.did, task, minter, 'attenuateFor')
  const held = await openHoldings(memoryDelegationStore([...proofs, ...delegations]))
  const { services, resolver, revocations, onError, audit, onRefusal } = options
  const own: ReadOptions = {
    signer,
    services,
    sender,
    ...(resolver !== undefined && { resolver }),
    ...(revocations !== undefined && { revocations }),
    ...(onError !== undefined && { onError }),
    ...(audit !== undefined && { audit }),
    ...(onRefusal !== undefined && { onRefusal }),
  }
  return agentOf(createCore({ ...minter, did: signer.did, signer, held }, own))
}
