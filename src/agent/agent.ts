/**
 * The interface of an agent: a signer, and the delegations that were given to it.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import type { Denial } from '../core/authorization/denial.ts'
import type { ArgumentsOf, CommandDefinition } from '../core/capability/definition.ts'
import type { Policy } from '../core/capability/policy/statement.ts'
import type { StandardSchema } from '../core/capability/standard-schema.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import type { Did } from '../core/did/did.ts'
import type { Invocation } from '../core/invocation/invocation.ts'
import type { IpldMap } from '../core/ipld/value.ts'
import type { Receipt } from '../core/receipt/receipt.ts'
import type { never, Timestamp } from '../time.ts'
import type { CallApproval } from './call-approval.ts'
import type { Execution, SendCall, ServiceDenial } from './send-call.ts'

/**
 * Arguments of a call, as a model or a framework passes them: an argument with the value `undefined` counts as absent.
 * For a definition with types, the arguments have those types.
 */
export type LooseArguments<Args> = unknown extends Args
  ? { readonly [name: string]: unknown }
  : { readonly [Name in keyof Args]: Args[Name] | undefined }

/** A signer and its delegations. It shows only its DID: as JSON, in inspection and in its clones. */
export interface Agent {
  /** The DID of the agent. */
  readonly did: Did
  /**
   * Asks whether a held delegation permits a call, by the rules of a service and with their words. Nothing is signed
   * and nothing is sent. A service also looks up revocations, used calls and limits.
   *
   * @param args - the arguments. Without them, the question is whether the command can be called with some arguments.
   * @throws ArgumentError when the delegations of several subjects permit the call: pass `subject`.
   */
  can<Target extends string | CommandDefinition>(
    command: Target,
    args?: CallArguments<NoInfer<Target>>,
    options?: AskOptions,
  ): Promise<AgentAnswer>
  /** Finds the chain for a call, and signs the call. It is not sent. */
  authorize<Target extends string | CommandDefinition>(
    request: Omit<AgentRequest, 'args' | 'command'> & {
      readonly command: Target
      readonly args?: CallArguments<NoInfer<Target>>
    },
  ): Promise<AgentDecision>
  /**
   * Finds the chain for a call, signs the call, sends it, sends proofs again that the service lacks, and verifies the
   * receipt. A refusal is a result, by the agent itself or by the service.
   *
   * @throws errors of the connection, and the reason of an aborted signal. ArgumentError when no service is known for
   *   the call.
   */
  call<Target extends string | CommandDefinition, Value = unknown>(
    command: Target,
    args?: CallArguments<NoInfer<Target>>,
    options?: AgentCallOptions<Value>,
  ): Promise<CallResult<Value>>
  /** Lists the authority of the held delegations now, in words: for the choice of the tools that a model is offered. */
  capabilities(options?: CapabilityOptions): Promise<readonly AgentCapability[]>
  /**
   * Verifies delegations for this agent, stores them, and describes them. Nothing is stored if one is refused. White
   * space at the end of a string is ignored.
   */
  receive(container: string | Uint8Array, options?: { readonly signal?: AbortSignal | undefined }): Promise<Reception>
  /**
   * Delegates a part of the agent's authority. Nothing is signed that the held delegations or the ceilings do not
   * permit.
   *
   * @param child - the DID that receives it.
   * @throws AttenuationError that names the fault.
   */
  delegateTo(child: string, task: AgentTask): Promise<Handover>
  /**
   * Makes an agent for one task, in memory: with a key of its own, a part of this agent's authority, and its ceilings.
   * Its delegations are not renewed: when they end, make another one.
   *
   * @throws AttenuationError as `delegateTo`.
   */
  attenuateFor(task: AgentTask): Promise<Agent>
  /** Removes delegations from the store, by CID. */
  forget(delegations: Iterable<Delegation | CID | string>): Promise<void>
  /** Ends renewals. The agent then refuses every use. */
  close(): void
}

/**
 * The arguments of a call: those of a definition, any of a union of definitions, and unchecked for a command by name.
 */
export type CallArguments<Target extends string | CommandDefinition> = LooseArguments<
  Target extends CommandDefinition ? ArgumentsOf<Target> : unknown
>

/** Options of {@link Agent.can}. */
export interface AskOptions {
  /** The owner of the authority. Default: the only subject whose delegations permit the call. */
  readonly subject?: string
  /** Aborts the search. */
  readonly signal?: AbortSignal | undefined
}

/** Whether a call is permitted: the chain that proves it, or the reason of the refusal. */
export type AgentAnswer =
  | {
      readonly ok: true
      readonly subject: Did
      /** The chain, root first. */
      readonly proofs: readonly Delegation[]
      /** The last second in which the whole chain is valid. */
      readonly expiration: Timestamp | typeof never
    }
  | AgentRefusal

/** The agent's own refusal of a call. */
export interface AgentRefusal {
  readonly ok: false
  /**
   * The denial that a service would give for the closest chain. It has `approvable` if an approval could permit the
   * call.
   */
  readonly denial: Denial
  /** The chain that came closest, root first; absent when the agent holds none of the subject. */
  readonly closest?: readonly Delegation[]
}

/** A call to sign. */
export interface AgentRequest<Args = unknown> extends AskOptions {
  /** The command. */
  readonly command: string | CommandDefinition<Args>
  /** The arguments. Default: none. */
  readonly args?: LooseArguments<NoInfer<Args>>
  /** The DID of the service. Default: the service that is configured for the command, or the subject. */
  readonly audience?: string
  /** Seconds for which the call is valid. Default: a minute. */
  readonly expiresIn?: number
  /** Signed notes that carry no authority. */
  readonly meta?: IpldMap
  /** The receipt of the task that requested this call. */
  readonly cause?: CID
  /**
   * 1 to 64 bytes that name the task: a call that is repeated with the same nonce and the same arguments is the same
   * task. Services require 12 unless the command is `idempotent`. Default: random bytes, so each call is a task of its
   * own. With a nonce, `meta` contains random bytes under `attempt` too, by which the repetitions differ.
   */
  readonly nonce?: Uint8Array
}

/** A signed call, or the refusal. Its JSON and its inspection contain the CIDs of its tokens, and not the tokens. */
export type AgentDecision =
  | {
      readonly ok: true
      readonly invocation: Invocation
      /** The chain, root first. */
      readonly proofs: readonly Delegation[]
      /** The call with its proofs, as one string for a header, a JSON field or the metadata of MCP. */
      readonly container: string
    }
  | AgentRefusal

/** Options of {@link Agent.call}. */
export interface AgentCallOptions<Value = unknown> extends Omit<AgentRequest, 'command' | 'args'> {
  /** The URL of the service, for this call. Default: the URL of the configured service. */
  readonly url?: string | URL
  /** Sends the call. Default: HTTP. */
  readonly send?: SendCall
  /** The schema of the value. A value that does not match is the result `result_invalid`. Default: any value. */
  readonly returns?: StandardSchema<Value>
  /** See {@link AgentService.receipts}. */
  readonly receipts?: ReceiptUse
  /** How people approve the call if it is refused and an approval could permit it. Default: they are not asked. */
  readonly approval?: CallApproval
  /** Milliseconds for the whole call, without the time of the approvers. Default 30,000. */
  readonly timeoutMs?: number
}

/** Whether receipts are ignored, verified where the service sends one, or required. */
export type ReceiptUse = 'ignored' | 'verified' | 'required'

/** The result of a call. Its JSON and its inspection contain the CIDs of its tokens, and not the tokens. */
export type CallResult<Value = unknown> =
  | {
      readonly ok: true
      readonly value: Value
      readonly invocation: Invocation
      /** The verified receipt; absent when the service sent none. */
      readonly receipt?: Receipt
    }
  | {
      readonly ok: false
      /**
       * `not_permitted`: the agent holds no chain for the call, and sent nothing. `denied`: the service refused it.
       * `failed`: the answer is an error, or is not one of the service. `receipt_invalid`, `result_invalid`: it was
       * executed, and its receipt or its value is not acceptable.
       */
      readonly reason: 'not_permitted' | 'denied' | 'failed' | 'receipt_invalid' | 'result_invalid'
      /** One line for people and models, with up to 500 characters of a failed answer. It contains no token. */
      readonly message: string
      /** Whether the call was executed. */
      readonly executed: Execution
      /** The refusal: the agent's own, or the one that the service sent. */
      readonly denial?: Denial | ServiceDenial
      /** See {@link AgentRefusal.closest}. */
      readonly closest?: readonly Delegation[]
      /** The signed call; absent when none was signed. */
      readonly invocation?: Invocation
    }

/** Options of {@link Agent.capabilities}. */
export interface CapabilityOptions {
  /** Lists only the capabilities for some of these commands, and these commands with each. Default: all. */
  readonly commands?: readonly CommandDefinition[]
  /** Only those of this subject. Default: all. */
  readonly subject?: string
  /** Aborts the search. */
  readonly signal?: AbortSignal | undefined
}

/** The authority that one held delegation gives. */
export interface AgentCapability {
  readonly subject: Did
  readonly command: Delegation['command']
  /** The given definitions that the command covers; empty without `commands`. */
  readonly commands: readonly CommandDefinition[]
  /** The statements of the whole chain. */
  readonly policy: Policy
  /** The policy in words, a phrase for each statement. */
  readonly conditions: readonly string[]
  /** The capability in one line. */
  readonly words: string
  /** The last second in which the whole chain is valid. */
  readonly expiration: Timestamp | typeof never
  /** The chain, root first. */
  readonly proofs: readonly Delegation[]
}

/** The result of {@link Agent.receive}. */
export type Reception =
  | { readonly accepted: true; readonly capabilities: readonly AgentCapability[] }
  | { readonly accepted: false; readonly denial: Denial }

/** A part of an agent's authority, for a child. */
export interface AgentTask {
  /** The commands, each with further conditions if needed. */
  readonly commands: readonly (string | CommandDefinition | TaskCommand)[]
  /** The owner of the authority. Default: the only subject whose delegations cover the commands. */
  readonly subject?: string
  /** Seconds for which it is valid. Default: an hour, or the time of the proofs or of the ceiling if that is less. */
  readonly expiresIn?: number
  /** A name for the task, for the record. It is not signed. */
  readonly purpose?: string
  /** Aborts signing. */
  readonly signal?: AbortSignal | undefined
}

/** A command with conditions. */
export interface TaskCommand {
  readonly command: string | CommandDefinition
  /** Further conditions on its arguments. Those of the held delegations hold in any case. */
  readonly policy?: Policy
}

/** Delegations for a child. */
export interface Handover {
  /** The new delegations. */
  readonly delegations: readonly Delegation[]
  /** The delegations that they are based on. */
  readonly proofs: readonly Delegation[]
  /** The new delegations with their chains, for `receive` of the child. */
  readonly container: string
}

/** A service that an agent calls. */
export interface AgentService {
  /** The DID of the service. */
  readonly audience: string
  /** The URL for its calls. */
  readonly url?: string | URL
  /** The commands that it has, with all commands below them. Default: all commands. */
  readonly commands?: readonly (string | CommandDefinition)[]
  /** Sends its calls. Default: `url` by HTTP. */
  readonly send?: SendCall
  /** Default `verified`: a receipt that the service sends must be valid. */
  readonly receipts?: ReceiptUse
}

/** The most that an agent passes on. */
export interface AgentCeilings {
  /** Most delegations of a chain that the agent makes, its own included. Default 16. */
  readonly depth?: number
  /** Most seconds for which a delegation is valid. Default: as long as its proofs. */
  readonly lifetime?: number
  /** The commands that may be passed on, with all commands below them. Default: all that the agent holds. */
  readonly commands?: readonly (string | CommandDefinition)[]
}

/** A call that an agent refused by itself. Nothing was signed, and nothing was sent. */
export interface RefusalRecord {
  readonly command: Delegation['command']
  /** The arguments, as the program or a model passed them. They can contain personal data. */
  readonly args: IpldMap
  /** The reason. */
  readonly denial: Denial
  /** The time of the refusal, in seconds. */
  readonly time: Timestamp
}

/** The record of a delegation that an agent made. */
export interface DelegationRecord {
  /** The delegation. It contains no secret; the key of its audience is necessary to use it. */
  readonly delegation: Delegation
  /** CIDs of its proofs, root first. */
  readonly proofs: readonly string[]
  /** The capability in one line. */
  readonly words: string
  /** The name of the task. */
  readonly purpose?: string
  /** The time of the record. */
  readonly time: Timestamp
}
