import type { Ledger } from '../audit/ledger/create-ledger.ts'
import type { Pseudonymizer } from '../audit/privacy/pseudonym.ts'
import type { AuditSink } from '../audit/sink.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import { type Did, isDid } from '../core/did/did.ts'
import type { DidResolver } from '../core/did/resolver.ts'
import type { Signer } from '../core/principal/signer.ts'
import type { DelegationStore } from '../core/proof/delegation-store.ts'
import type { RevocationStore } from '../core/revocation/revocation-store.ts'
import { ArgumentError } from '../errors.ts'
import type { CallSender } from '../http/call-sender.ts'
import { isConfidential } from '../support/loopback.ts'
import {
  abortSignal,
  anything,
  arrayOf,
  callback,
  didString,
  integerFrom,
  maybe,
  milliseconds,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  oneOfStrings,
  readOptions,
  withMethod,
} from '../support/options.ts'
import type { Clock } from '../time.ts'
import type {
  AgentCallOptions,
  AgentCeilings,
  AgentRequest,
  AgentService,
  AskOptions,
  CapabilityOptions,
  DelegationRecord,
  RefusalRecord,
} from './agent.ts'
import type { KnownService } from './call.ts'
import { pathOf } from './command-path.ts'
import type { CallBounds } from './permission.ts'
import type { Renew } from './renewal.ts'
import { isDefinition } from './tools-by-name.ts'

/** Options of {@link openAgent}. */
export interface OpenAgentOptions {
  /** The key of the agent. One that lasts is in a file (`procura/signer/file`) or in a key store. */
  readonly signer: Signer
  /** The store of its delegations. Default: in memory. */
  readonly store?: DelegationStore
  /** Delegations that it begins with, in memory. They are not verified; `receive` verifies. Not beside `store`. */
  readonly delegations?: readonly Delegation[]
  /** The services that it calls. Default: none; a call then needs a `url` or `send`. */
  readonly services?: readonly AgentService[]
  /** The bounds of the services that it calls, as for `invoke`. Default: the default bounds. */
  readonly bounds?: CallBounds
  /** The most that it passes on. Default: the bounds of its own delegations, and chains of 16. */
  readonly ceilings?: AgentCeilings
  /**
   * Called with the record of every delegation that the agent makes, before the delegation is handed out. If it throws
   * or rejects, the delegation is not handed out.
   */
  readonly onDelegation?: (record: DelegationRecord) => unknown
  /**
   * Records every delegation that the agent makes, before it is handed out, and every one that it receives, before it
   * is stored. If the record fails, neither happens. Default: they are not recorded.
   */
  readonly ledger?: Pick<Ledger, 'issued' | 'used'>
  /**
   * Records each call that the agent refuses by itself, as an event `denied` without its arguments. A refusal waits for
   * its record; a record that fails is reported to `onError`. Default: they are not recorded.
   */
  readonly audit?: AgentAudit
  /** Called with each call that the agent refuses by itself, and with its arguments. Default: none. */
  readonly onRefusal?: (refusal: RefusalRecord) => unknown
  /** Fetches the successor of delegations that expire soon. Default: they are not renewed. */
  readonly renew?: Renew
  /** Seconds before the expiry at which `renew` is called. Default 60. */
  readonly renewBefore?: number
  /** Milliseconds for one renewal. Default 30,000. */
  readonly renewTimeoutMs?: number
  /** Resolves the DIDs of issuers and services to keys. Default: `did:key` only. */
  readonly resolver?: DidResolver
  /** Revocations that `receive` looks up. Default: none. */
  readonly revocations?: RevocationStore
  /** Sends calls over HTTP. Default: `createCallSender()`. */
  readonly sender?: CallSender
  /** Default: the host's clock. */
  readonly clock?: Clock
  /**
   * Called with the error of a renewal, which is tried again, with an error of `ask` of `approval`, with the fault of
   * an invalid answer of an approver, and with the error of `audit` or `onRefusal`. Default: they are ignored.
   */
  readonly onError?: (error: unknown) => void
}

/** How the refusals of an agent are recorded. */
export interface AgentAudit {
  /** Takes the events, for example `openJsonlAuditSink`, whose log `procura log` reads. */
  readonly sink: AuditSink
  /** Replaces DIDs by pseudonyms. Default: DIDs are recorded. */
  readonly pseudonymize?: Pseudonymizer
}

/** The checks of {@link OpenAgentOptions}. */
export const agentChecks: OptionChecks<OpenAgentOptions> = Object.freeze({
  signer: withMethod('sign'),
  store: maybe(withMethod('change')),
  delegations: maybe(arrayOf((one) => (Object(one).kind === 'delegation' ? undefined : 'must be a delegation'))),
  services: maybe(arrayOf(objectValue)),
  bounds: maybe(objectValue),
  ceilings: maybe(objectValue),
  onDelegation: maybe(callback),
  ledger: maybe(withMethod('issued')),
  audit: maybe(objectValue),
  onRefusal: maybe(callback),
  renew: maybe(callback),
  renewBefore: maybe(integerFrom(1)),
  renewTimeoutMs: maybe(milliseconds),
  resolver: maybe(withMethod('resolve')),
  revocations: maybe(withMethod('findRevocations')),
  sender: maybe(withMethod('send')),
  clock: maybe(withMethod('now')),
  onError: maybe(callback),
})

/** The checks of {@link AskOptions}. */
export const askChecks: OptionChecks<AskOptions> = Object.freeze({
  subject: maybe(didString),
  signal: abortSignal,
})

/** The checks of {@link AgentRequest}. */
export const requestChecks: OptionChecks<AgentRequest> = Object.freeze({
  ...askChecks,
  command: anything,
  args: maybe(objectValue),
  audience: maybe(didString),
  expiresIn: maybe(integerFrom(1)),
  meta: maybe(objectValue),
  cause: anything,
  nonce: maybe((value) =>
    value instanceof Uint8Array && value.length >= 1 && value.length <= 64
      ? undefined
      : 'must be a Uint8Array of 1 to 64 bytes',
  ),
})

const { command: _command, args: _args, ...callRequestChecks } = requestChecks

const receiptUse: OptionCheck = oneOfStrings('ignored', 'verified', 'required')

/** The checks of {@link AgentCallOptions}. */
export const agentCallChecks: OptionChecks<AgentCallOptions> = Object.freeze({
  ...callRequestChecks,
  url: maybe(urlValue),
  send: maybe(callback),
  returns: maybe((value) =>
    typeof Object(Object(value)['~standard']).validate === 'function' ? undefined : 'must be a Standard Schema',
  ),
  receipts: maybe(receiptUse),
  approval: maybe(objectValue),
  timeoutMs: maybe(milliseconds),
})

/** The checks of {@link CapabilityOptions}. */
export const capabilityChecks: OptionChecks<CapabilityOptions> = Object.freeze({
  ...askChecks,
  commands: maybe(arrayOf(definitionCheck)),
})

/** The checks of the options of `receive`. */
export const receiveChecks: OptionChecks<{ readonly signal?: AbortSignal | undefined }> = Object.freeze({
  signal: abortSignal,
})

const serviceChecks: OptionChecks<AgentService> = Object.freeze({
  audience: didString,
  url: maybe(urlValue),
  commands: maybe(arrayOf(anything)),
  send: maybe(callback),
  receipts: maybe(receiptUse),
})

/** Reads a service of the options. */
export function readService(service: AgentService): KnownService {
  const { audience, commands = [], ...given } = readOptions('an item of `services`', service, serviceChecks)
  if (given.url !== undefined && given.send !== undefined)
    throw new ArgumentError('an item of `services` must have `url` or `send`, not both')
  return Object.freeze({
    ...given,
    audience: didIn('audience', audience),
    commands: commands.map((one) => pathOf(one)),
  })
}

/** Reads a DID that may be missing. */
export function readDid(name: 'audience' | 'subject', did: string | undefined): Did | undefined {
  return did === undefined ? undefined : didIn(name, did)
}

/** @throws ArgumentError that names the option, and not its value, which may be a misplaced key. */
function didIn(name: string, did: string): Did {
  if (isDid(did)) return did
  throw new ArgumentError(`\`${name}\` must be a DID, such as did:web:example.com`)
}

function urlValue(value: unknown): string | undefined {
  const isUrl = (typeof value === 'string' || value instanceof URL) && URL.canParse(value)
  // `localhost:3000` is a URL with the scheme `localhost:`.
  if (!isUrl || !/^https?:$/.test(new URL(value).protocol)) return 'must be an http: or https: URL'
  return isConfidential(new URL(value)) ? undefined : 'is not encrypted; use https: (plain http: is for loopback only)'
}

function definitionCheck(value: unknown): string | undefined {
  return isDefinition(value) ? undefined : 'must be made with defineCommand'
}
