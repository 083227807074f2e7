import type { CID } from 'multiformats/cid'
import type { Authorization } from '../core/authorization/authorization.ts'
import type { Command } from '../core/capability/command.ts'
import type { Did } from '../core/did/did.ts'
import type { IpldMap } from '../core/ipld/value.ts'
import type { Timestamp } from '../time.ts'
import type { RequestArguments } from './tokens.ts'

/** A request for the approval of one call. */
export interface ApprovalRequest {
  /** The CID of the request. An approval and a refusal name it. */
  readonly cid: CID
  /** The agent that requests the approval, and signed the request. */
  readonly agent: Did
  /** The approver to which the request is addressed. */
  readonly approver: Did
  /** The service to which the call is addressed. */
  readonly service: Did
  /** The owner of the requested authority. */
  readonly subject: Did
  /** The command of the call. */
  readonly command: Command
  /** The arguments of the call. */
  readonly args: IpldMap
  /** The reason that the agent gives. It is not verified, and may be meant to deceive. */
  readonly reason?: string
  /** Last second at which the request can be answered, and at which an approval can be used. */
  readonly expiration: Timestamp
}

/** A request that an approver received and verified. */
export interface ReceivedRequest extends ApprovalRequest {
  /** The evidence that the agent signed the request. It is valid for one answer. */
  readonly authorization: Authorization
}

/** The request that was signed, by the evidence of its signature. */
export function requestIn(authorization: Authorization): ReceivedRequest {
  const args = authorization.args as unknown as RequestArguments
  return Object.freeze({
    cid: authorization.invocation,
    agent: authorization.invoker,
    approver: authorization.audience,
    service: args.service,
    subject: args.subject,
    command: args.command as Command,
    args: args.arguments,
    ...(args.reason !== undefined && { reason: args.reason }),
    expiration: authorization.expiration as Timestamp,
    authorization,
  })
}
