import { describe, expect, it } from 'vitest'
import type { A2aRequestContext, A2aRequestHandler, GuardedExecutor } from '../../src/agent/frameworks/a2a-context.ts'
import { type A2aSendRequest, messageArguments, messageDigest } from '../../src/agent/frameworks/a2a-message.ts'
import { guardedRequestHandler } from '../../src/agent/frameworks/a2a-server.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { boolean } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { eq } from '../../src/core/capability/policy/build.ts'
import { archiveToText, delegate, invoke, ucantoFormat } from '../../src/entries/ucanto.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { actor } from '../support/actors.ts'

const [owner, signer, service] = [await actor('owner'), await actor('agent'), await actor('service')]
const command = defineCommand({ command: '/agent/ask', args: { ...messageArguments(), urgent: boolean() } })

type Guarded = GuardedExecutor<A2aRequestContext, { publish(event: never): void }>

/** A server of A2A that reads tokens of 0.9.1, with one task of its caller. */
function serve() {
  const guard = createGuard({
    ...memoryStores(),
    ...{ audience: service.did, subjects: [owner.did], commands: [command], formats: [ucantoFormat()] },
    audit: { sink: memoryAuditSink() },
  })
  const ran: string[] = []
  const states: unknown[] = []
  const bus = { publish: ({ data }: { data: object }) => void states.push(Object(data).status?.state) }
  const execute = async ({ taskId }: A2aRequestContext) => void ran.push(taskId)
  const handler = guardedRequestHandler(
    guard,
    { execute, async cancelTask() {} },
    {
      command,
      argumentsOf: () => ({ urgent: true }),
      handler: (guarded: Guarded) =>
        ({
          async sendMessage(request: A2aSendRequest, context: A2aRequestContext['context']) {
            await guarded.execute({ request, taskId: 'task', contextId: 'c', context }, bus as never)
            return 'answer'
          },
          getTask: async () => ({ metadata: { 'xyz.ucan/caller': signer.did } }),
        }) as unknown as A2aRequestHandler,
    },
  )
  const send = async (request: A2aSendRequest, container: string): Promise<unknown> => {
    const answer = await handler.sendMessage(
      request as never,
      { state: new Map([['headers', { 'x-ucan-container': container }]]) } as never,
    )
    return Object(Object(answer).metadata)['xyz.ucan/container.denial']?.code ?? answer
  }
  return { send, ran, states }
}

const first: A2aSendRequest = { message: { messageId: 'm', parts: [], contextId: 'c' } }
const again: A2aSendRequest = { message: { messageId: 'm2', parts: [], contextId: 'c', taskId: 'task' } }
const policy = [eq('.urgent', false)]
const calm = await delegate({ issuer: owner, audience: signer.did, command, policy })
const approval = await delegate({ issuer: owner, audience: signer.did, command, policy: [eq('.urgent', true)] })

async function callFor(request: A2aSendRequest, proofs: readonly (typeof calm)[]): Promise<string> {
  const args = { message: await messageDigest(request), urgent: true }
  return archiveToText(await invoke({ issuer: signer, audience: service.did, command, args, proofs }))
}

describe('a message with a token of 0.9.1', () => {
  it('AGT-28 waits for an approval, and runs with one', async () => {
    const { send, ran, states } = serve()
    expect(await send(first, await callFor(first, [calm]))).toBe('answer')
    expect([ran, states]).toEqual([[], [1, 8]])
    expect(await send(again, await callFor(again, [calm, approval]))).toBe('answer')
    expect(ran).toEqual(['task'])
  })

  it('AGT-28 does not wait if its call is for another message', async () => {
    const { send, ran, states } = serve()
    expect(await send(again, await callFor(first, [calm]))).toBe('policy_unsatisfied')
    expect([ran, states]).toEqual([[], []])
  })
})
