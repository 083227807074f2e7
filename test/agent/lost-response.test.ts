import { createServer } from 'node:http'
import { describe, expect, it } from 'vitest'
import { openAgent } from '../../src/agent/open-agent.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { maxSum } from '../../src/core/capability/policy/build.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { ArgumentError } from '../../src/errors.ts'
import { nodeHandler } from '../../src/http/adapters/node.ts'
import { on } from '../../src/service/on.ts'
import { createService } from '../../src/service/service.ts'
import { actor } from '../support/actors.ts'
import { listenInTest } from '../support/listen-in-test.ts'

const owner = await actor('owner')
const signer = await actor('agent')
const self = await actor('service')
const amount = { amount: '6.00' }

async function setUp(idempotent: boolean) {
  const pay = defineCommand({ command: '/pay', args: { amount: text() }, idempotent })
  const done = new Map<string, number>()
  const tasks: string[] = []
  const sink = memoryAuditSink()
  const service = createService({
    audience: self.did,
    subjects: [owner.did],
    handlers: [
      on(pay, ({ args, task }) => {
        tasks.push(task)
        if (!done.has(task)) done.set(task, Number(args.amount))
        return { paid: done.get(task) }
      }),
    ],
    audit: { sink },
    receipts: self,
    ...memoryStores(),
  })
  const handle = nodeHandler(service)
  const lose = { next: 0 }
  const server = createServer((request, response) => {
    if (lose.next-- > 0) response.end = () => response.destroy()
    void handle(request, response)
  })
  const url = `http://127.0.0.1:${await listenInTest(server)}/`
  const grant = await delegate({
    issuer: owner,
    audience: signer.did,
    command: pay,
    policy: [maxSum('.amount', '10.00')],
  })
  const agent = await openAgent({
    signer,
    delegations: [grant],
    services: [{ audience: self.did, url, receipts: 'required' }],
  })
  return { pay, agent, lose, done, tasks, sink }
}

describe('AGT-38 a call whose response was lost', () => {
  it('is repeated with its nonce: the handler knows it, it counts once, and each attempt is on record', async () => {
    const { pay, agent, lose, done, tasks, sink } = await setUp(true)
    lose.next = 2
    const nonce = crypto.getRandomValues(new Uint8Array(16))
    const attempts: unknown[] = []
    for (let attempt = 1; attempt <= 3; attempt++)
      attempts.push(await agent.call(pay, amount, { nonce }).catch((error: Error) => error.message))
    expect(attempts).toEqual([
      expect.stringMatching(/may have been executed/),
      expect.stringMatching(/may have been executed/),
      expect.objectContaining({ ok: true, value: { paid: 6 } }),
    ])
    expect([done.size, tasks.length, new Set(tasks).size]).toEqual([1, 3, 1])
    const intents = sink.records().flatMap(({ event }) => (event.kind === 'intent' ? [event.task] : []))
    expect(intents).toEqual(tasks)

    // Another nonce is another payment, for which the limit has not enough left.
    expect(await agent.call(pay, amount)).toMatchObject({ ok: false, denial: { code: 'limit_exhausted' } })
    // Another amount is another task.
    expect(await agent.call(pay, { amount: '3.00' }, { nonce })).toMatchObject({ ok: true, value: { paid: 3 } })
    expect(done.size).toBe(2)
  })

  it('counts again if its command is not idempotent, and is known by its task all the same', async () => {
    const { pay, agent, tasks } = await setUp(false)
    const nonce = new Uint8Array(12).fill(1)
    expect(await agent.call(pay, amount, { nonce })).toMatchObject({ ok: true })
    expect(await agent.call(pay, amount, { nonce })).toMatchObject({ denial: { code: 'limit_exhausted' } })
    expect(await agent.call(pay, { amount: '1.00' }, { nonce: nonce.subarray(0, 11) })).toMatchObject({
      denial: { code: 'nonce_too_short' },
    })
    expect(tasks.length).toBe(1)
  })

  it('keeps the notes of the caller, and a nonce whose memory is used again', async () => {
    const { pay, agent } = await setUp(true)
    const nonce = new Uint8Array(12).fill(7)
    const signing = agent.authorize({ command: pay, args: amount, nonce, meta: { trace: 'a' } })
    nonce.fill(0)
    const signed = await signing
    expect(signed).toMatchObject({ ok: true, invocation: { nonce: new Uint8Array(12).fill(7), meta: { trace: 'a' } } })
    for (const wrong of [new Uint8Array(), new Uint8Array(65), 'nonce'])
      await expect(agent.call(pay, amount, { nonce: wrong as never })).rejects.toThrow(ArgumentError)
  })
})
