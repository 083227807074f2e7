/**
 * Values that the examples in doc comments use without making them. Only types: nothing here runs.
 *
 * @module
 */

import type { Authorizer, CommandDefinition, Delegation, Denial, Invocation, Signer } from 'procura'
import type { ApprovalRequest, SentRequest } from 'procura/approval'
import type { AuditSink } from 'procura/audit'
import type { PostgresPool } from 'procura/audit/postgres'
import type { sqliteAuditSink } from 'procura/audit/sqlite'
import type { Guard } from 'procura/guard'
import type { guardTools, relayTools, withInvocation } from 'procura/mcp'
import type { Meter } from 'procura/operations'
import type { ProofStore } from 'procura/proof'
import type { SecurityEventReceiver } from 'procura/revocation/security-events'
import type { Service } from 'procura/service'
import type { RevocationRegistry } from 'procura/store/memory'
import type { PostgresStoreClient } from 'procura/store/postgres'
import type { RedisStoreClient, redisRevocationWatch } from 'procura/store/redis'
import type { delegationStoreCases, limitStoreCases, replayStoreCases, revocationJournalCases } from 'procura/testing'
import type { SecretSource, Vault } from 'procura/vault'

/** Principals. */
export declare const owner: Signer
export declare const planner: Signer
export declare const agent: Signer
export declare const mailer: Signer
export declare const service: Signer

/** The publisher of a feed, the access token of its reader, and the parts of a status list. */
export declare const authority: Signer
export declare const readerToken: string
export declare const privateKey: unknown
export declare const publicKey: unknown
export declare const agents: ReadonlyMap<number, readonly string[]>

/** The receiver of security events, and the agents of a user whom an identity provider names. */
export declare const receiver: SecurityEventReceiver
export declare const agentsOf: (subject: Readonly<Record<string, unknown>> | undefined) => readonly string[]

/** A meter of OpenTelemetry. */
export declare const meter: Meter

/** Tokens. */
export declare const grant: Delegation
export declare const call: Invocation
export declare const received: string
export declare const receipt: Uint8Array
export declare const value: string
export declare const containers: readonly string[]

/** A command and a service that has it. */
export declare const send: CommandDefinition<{ readonly to: string }>
export declare const authorizer: Authorizer
export declare const guard: Guard<{ readonly to: string }>
export declare const mailService: Service
export declare const mcpServer: Parameters<typeof guardTools>[0]
export declare const transport: Parameters<typeof withInvocation>[0]
export declare const fromAgent: Parameters<typeof relayTools>[0]['client']
export declare const toServer: Parameters<typeof relayTools>[0]['client']
export declare const vault: Vault
export declare const sink: AuditSink
export declare const pool: PostgresPool
export declare const database: Parameters<typeof sqliteAuditSink>[0]['database']
export declare const secret: Uint8Array
export declare const redis: RedisStoreClient
export declare const redisSubscriber: Parameters<typeof redisRevocationWatch>[0]['subscriber']
export declare const postgres: PostgresStoreClient
export declare const openDelegationStore: Parameters<typeof delegationStoreCases>[0]
export declare const openLimitStore: Parameters<typeof limitStoreCases>[0]
export declare const openRevocationStore: Parameters<typeof revocationJournalCases>[0]
export declare const denial: Denial
export declare const asked: ApprovalRequest
export declare const sent: SentRequest
export declare const decision: unknown
export declare const id: string
export declare const response: Response
export declare const sendToOwner: (container: string) => Promise<string | undefined>
export declare const openReplayStore: Parameters<typeof replayStoreCases>[0]
export declare const source: SecretSource
export declare const held: ProofStore
export declare const revocations: RevocationRegistry
export declare const request: Request
