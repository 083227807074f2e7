import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { DeniedEvent } from '../../src/audit/event.ts'
import { toOcsf } from '../../src/audit/export/ocsf.ts'
import { memoryAuditSink } from '../../src/audit/memory.ts'
import { memoryReplayStore } from '../../src/authorization/replay-store.ts'
import { defineCommand } from '../../src/capability/definition.ts'
import { encodeContainer } from '../../src/container/container.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { memoryRevocationStore } from '../../src/revocation/memory.ts'
import { actor, clock } from '../support/actors.ts'
import { invocationPayload, sealRaw } from '../support/raw-token.ts'
import { call, chainOf, service } from '../support/service.ts'

const [alice, bob, mallory] = [await actor('alice'), await actor('bob'), await actor('mallory')]
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { to: z.string() } })

function setUp(audit: Partial<GuardOptions['audit']> = {}, change: Partial<GuardOptions> = {}) {
  const sink = memoryAuditSink()
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [send] as GuardOptions['commands'],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    audit: { sink, ...audit },
    clock,
    ...change,
  })
  return {
    guard,
    sink,
    denied: (): DeniedEvent[] => sink.records().flatMap(({ event }) => (event.kind === 'denied' ? [event] : [])),
  }
}

/** A call that is signed by Bob, and refused all the same. */
const refused = async (): Promise<string | Uint8Array> =>
  encodeContainer([await call({ issuer: bob, proofs, args: { to: 7 } }), ...proofs])

/** A call in Bob's name, over Alice's authority, by somebody who has no key of either. */
async function forged(): Promise<string | Uint8Array> {
  const payload = { ...invocationPayload(bob.did), sub: alice.did, aud: service.did, prf: proofs.map(({ cid }) => cid) }
  const bytes = await sealRaw(mallory, { tag: 'ucan/inv@1.0.0', payload })
  return encodeContainer([{ bytes }, ...proofs])
}

describe('a refused call', () => {
  it('AUD-24 is recorded as authenticated only when the invoker signed it [attack 81]', async () => {
    const { guard, sink, denied } = setUp()
    const codes: string[] = []
    for (const container of [await forged(), await refused(), 'nonsense']) {
      const result = await guard.use(container, () => 'ran')
      codes.push(result.allowed ? 'allowed' : result.denial.code)
    }
    expect(codes).toEqual(['signature_invalid', 'arguments_invalid', 'unsupported'])
    expect(denied().map(({ invoker, authenticated }) => [invoker, authenticated])).toEqual([
      [bob.did, false],
      [bob.did, true],
      [undefined, false],
    ])
    for (const event of denied()) expect(Object.keys(event)).not.toEqual(expect.arrayContaining(['args']))
    for (const event of denied()) expect(Object.keys(event)).not.toEqual(expect.arrayContaining(['principals']))
    const exported = sink
      .records()
      .map((record) => toOcsf(record, { product: { name: 'mail', vendorName: 'Example' } }))
    const naming = ({ actor: who, src_endpoint: from, ai_agent: agent, resources, delegation }: (typeof exported)[0]) =>
      JSON.stringify({ who, from, agent, resources, delegation })
    expect(exported.map((event) => naming(event).includes(bob.did))).toEqual([false, true, false])
    expect(exported.map((event) => naming(event).includes(alice.did))).toEqual([false, true, false])
    expect(exported[0]?.unmapped).toMatchObject({
      authenticated: false,
      claimed_invoker: bob.did,
      claimed_subject: alice.did,
      claimed_chain: proofs.map(({ cid }) => cid.toString()),
    })
  })
})
