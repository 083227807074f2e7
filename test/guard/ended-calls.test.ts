import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { memoryAuditSink } from '../../src/audit/memory.ts'
import { memoryReplayStore } from '../../src/authorization/replay-store.ts'
import { defineCommand } from '../../src/capability/definition.ts'
import { encodeContainer } from '../../src/container/container.ts'
import type { GuardedCall } from '../../src/guard/call.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { memoryRevocationStore } from '../../src/revocation/memory.ts'
import { memoryVault } from '../../src/vault/memory.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { actor, clock } from '../support/actors.ts'
import { call, chainOf, service } from '../support/service.ts'
import { serve, type TestServer } from '../vault/support.ts'

const secret = 'canary-c2d9e0417ab3'
const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { to: z.string() } })
let upstream: TestServer

beforeAll(async () => {
  upstream = await serve((_received, response) => {
    response.write('first')
    setTimeout(() => response.write('second'), 5)
  })
})
afterAll(() => upstream.close())

function setUp(change: Partial<GuardOptions> = {}) {
  const sink = memoryAuditSink()
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [{ ...send, credential: 'mail' }] as GuardOptions['commands'],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    vault: memoryVault({ mail: { secret, origins: [upstream.origin], processor: bearer() } }, { clock }),
    audit: { sink },
    clock,
    ...change,
  })
  const kinds = (): string[] =>
    sink.records().map(({ event }) => ('status' in event ? `${event.kind} ${event.status}` : event.kind))
  return { guard, sink, kinds }
}

const container = async (): Promise<string> =>
  encodeContainer([await call({ issuer: bob, proofs, args: { to: 'ann@example.com' } }), ...proofs])

/** Works on each part of the answer, and for longer than the call lasts. */
const streaming =
  (atFirst: () => void = () => undefined) =>
  async ({ fetch, signal }: GuardedCall): Promise<void> => {
    const { body } = await fetch(`${upstream.origin}/stream`)
    for await (const _part of body ?? []) {
      // by then the next part has come, and the one after it is waited for
      await wait(10)
      atFirst()
      while (!signal.aborted) await wait(1)
      await wait(10)
    }
  }

describe('a call that ends while its handler works on a part of the answer', () => {
  const left = new Error('the agent went away')

  it('GRD-10 because the agent went away, leaves nothing unhandled', async () => {
    const { guard, kinds } = setUp()
    const agent = new AbortController()
    const handler = streaming(() => agent.abort(left))
    await expect(guard.use(await container(), handler, { signal: agent.signal })).rejects.toBe(left)
    await wait(30)
    expect(kinds()).toEqual(['intent', 'released', 'outcome unknown'])
  })

  it('GRD-10 because the handler took too long, leaves nothing unhandled', async () => {
    const { guard, kinds } = setUp({ deadlines: { handlerMs: 100 } })
    await expect(guard.use(await container(), streaming())).rejects.toThrow('it took too long')
    await wait(30)
    expect(kinds().at(-1)).toBe('outcome unknown')
  })

  it('GRD-10 because the guard closes, leaves nothing unhandled', async () => {
    const { guard, kinds } = setUp({ deadlines: { closeMs: 1 } })
    let closed: Promise<void> | undefined
    const handler = streaming(() => {
      closed ??= guard.close()
    })
    await expect(guard.use(await container(), handler)).rejects.toThrow('the guard is closing')
    await closed
    await wait(30)
    expect(kinds()).toEqual(['intent', 'released', 'outcome unknown'])
  })
})
