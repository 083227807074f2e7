// node only: makes requests
/**
 * A guard with two commands, and calls of it, for the tests of guards before handlers.
 *
 * @module
 */

import type { Agent } from '../../../src/agent/agent.ts'
import { openAgent } from '../../../src/agent/open-agent.ts'
import type { AuditEvent } from '../../../src/audit/events/event.ts'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../../src/core/authorization/memory-stores.ts'
import { email } from '../../../src/core/capability/argument-types/email.ts'
import { type CommandDefinition, defineCommand } from '../../../src/core/capability/definition.ts'
import { like } from '../../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import { invoke } from '../../../src/core/invocation/invoke.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { createGuard, type Guard } from '../../../src/guard/guard.ts'
import { requestArguments } from '../../../src/http/binding/request-arguments.ts'
import { actor } from '../../support/actors.ts'

export const owner: Signer = await actor('owner')
export const self: Signer = await actor('service')
export const send: CommandDefinition<{ readonly to: string }> = defineCommand({
  command: '/mail/send',
  args: { to: email() },
})
export const other: CommandDefinition = defineCommand({ command: '/mail/list', args: {} })
export const bound: CommandDefinition<{ readonly path: string }> = defineCommand({
  command: '/http/request',
  args: requestArguments(),
})
const signer = await actor('agent')
const grants = [
  await delegate({
    issuer: owner,
    audience: signer.did,
    command: send.command,
    policy: [like('.to', '*@example.com')],
  }),
  await delegate({ issuer: owner, audience: signer.did, command: bound.command }),
]
export const agent: Agent = await openAgent({ signer, delegations: grants })
export const bob: { readonly to: string } = { to: 'bob@example.com' }

/** A guard, with the kinds of the events that it recorded, and its outcomes. */
export interface RecordedGuard {
  readonly guard: Guard
  outcomes(): readonly unknown[]
  kinds(): readonly string[]
}

export function newGuard(more: object = {}): RecordedGuard {
  const sink = memoryAuditSink()
  const guard = createGuard({
    audience: self.did,
    subjects: [owner.did],
    commands: [send, other, bound],
    audit: { sink },
    ...memoryStores(),
    ...more,
  })
  const outcomes = (): readonly unknown[] =>
    sink.records().flatMap(({ event }: { event: AuditEvent }) => (event.kind === 'outcome' ? [event] : []))
  return { guard, outcomes, kinds: () => sink.records().map(({ event }: { event: AuditEvent }) => event.kind) }
}

/** The container of a call. */
export async function container(command: CommandDefinition = send, args: object = bob): Promise<string> {
  const signed = await agent.authorize({ command, args: args as never, audience: self.did })
  if (signed.ok) return signed.container
  // The service refuses it as well, and the agent would not send it.
  const invocation = await invoke({
    issuer: signer,
    audience: self.did,
    subject: owner.did,
    command: command.command,
    args: args as never,
    proofs: [grants[0] as never],
  })
  return encodeContainer([invocation, grants[0] as never])
}

/** A response, read. */
export interface Asked {
  readonly status: number
  readonly mark: string | null
  readonly cache: string | null
  readonly body: string
}

/** Sends a POST with a container in the header. */
export async function ask(
  port: number,
  sent: string | undefined,
  init: RequestInit = {},
  path = '/mail',
): Promise<Asked> {
  const headers = { ...init.headers, ...(sent !== undefined && { 'x-ucan-container': sent }) }
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', ...init, headers })
  return {
    status: response.status,
    mark: response.headers.get('procura-answer'),
    cache: response.headers.get('cache-control'),
    body: await response.text(),
  }
}
