import { describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import type { AdmittedCall } from '../../src/guard/admission.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { actor } from '../support/actors.ts'
import { guardOptionsFor } from '../support/guard.ts'
import { call, chainOf } from '../support/service.ts'

const [alice, bob, carol, mallory] = [
  await actor('alice'),
  await actor('bob'),
  await actor('carol'),
  await actor('mallory'),
]
const proofs = await chainOf(alice, bob, carol)
const send = defineCommand({ command: '/mail/send', args: { to: text() } })

const sink = memoryAuditSink()
const guard = createGuard({ ...guardOptionsFor(alice, send), audit: { sink } })
const container = async (args: object = { to: 'ann' }, issuer = carol): Promise<string> =>
  encodeContainer([await call({ issuer, proofs, args: args as never }), ...proofs])

describe('GRD-21 `admit` of a guard', () => {
  it('sees the path of authority, and refuses a call that can be sent again', async () => {
    const sent = await container()
    const seen: AdmittedCall[] = []
    const admit = (one: AdmittedCall): boolean => seen.push(one) > 1
    const refused = await guard.use(sent, () => 'ran', { admit })
    expect(refused).toMatchObject({ allowed: false, denial: { code: 'overloaded', requirement: 'GRD-21' } })
    expect(await guard.use(sent, () => 'ran', { admit })).toMatchObject({ allowed: true, value: 'ran' })
    const facts = { command: '/mail/send', subject: alice.did, invoker: carol.did }
    expect(seen).toEqual([1, 2].map(() => ({ ...facts, principals: [alice.did, bob.did, carol.did] })))
    const [denied] = sink.records().map(({ event }) => event)
    expect(denied).toMatchObject({ kind: 'denied', code: 'overloaded', authenticated: true, invoker: carol.did })
  })

  it('is not asked about a call that is refused for another reason, or whose caller is not proved', async () => {
    const admit = (): boolean => {
      throw new Error('asked')
    }
    for (const [sent, options] of [
      [await container({ to: 7 }), {}],
      [await container({}, mallory), {}],
      [await container(), { args: { to: 'eve' } }],
    ] as const) {
      const result = await guard.use(sent, () => 'ran', { ...options, admit })
      expect(result).toMatchObject({ allowed: false })
      expect(result.allowed || result.denial.code).not.toBe('internal_error')
    }
  })

  it('admits by true alone, and refuses by an error', async () => {
    for (const answer of [1, 'yes', undefined, Promise.resolve(true)])
      expect(await guard.use(await container(), () => 'ran', { admit: () => answer as never })).toMatchObject({
        denial: { code: 'overloaded' },
      })
    const admit = (): boolean => {
      throw new Error('no')
    }
    expect(await guard.use(await container(), () => 'ran', { admit })).toMatchObject({
      denial: { code: 'internal_error' },
    })
    expect(await guard.dryRun(await container(), { admit: () => false })).toMatchObject({
      denial: { code: 'overloaded' },
    })
  })
})
