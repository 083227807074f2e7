import { describe, expect, it } from 'vitest'
import { openPersonal } from '../../src/audit/privacy/personal.ts'
import { memoryPersonalKeyStore } from '../../src/audit/privacy/personal-key-store.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { actor, clock } from '../support/actors.ts'
import { call, chainOf, service } from '../support/service.ts'

const [alice, bob] = [await actor('alice'), await actor('bob')]
const proofs = await chainOf(alice, bob)
const draft = defineCommand({ command: '/mail/draft', args: { to: email() } })
const people = new Map([
  ['ann@example.com', 'person-1'],
  ['ben@example.com', 'person-2'],
])

function setUp(personal: NonNullable<Parameters<typeof createGuard>[0]['commands'][number]>['personal']) {
  const [sink, keys] = [memoryAuditSink(), memoryPersonalKeyStore()]
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [{ ...draft, ...(personal !== undefined && { personal }) }],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    audit: { sink, personalKeys: keys },
    clock,
  })
  const send = async (to: string) =>
    guard.use(
      encodeContainer([await call({ issuer: bob, proofs, command: draft.command, args: { to } }), ...proofs]),
      () => 1,
    )
  const recorded = async () =>
    Promise.all(sink.records().flatMap(({ event }) => (event.kind === 'intent' ? [openPersonal(event, { keys })] : [])))
  return { keys, send, recorded, sink }
}

describe('personal arguments', () => {
  it('PRV-06 are erased for the person whom the command names, and the service goes on', async () => {
    const of = ({ args }: { readonly args: unknown }) => people.get((args as { to: string }).to)
    const { keys, send, recorded, sink } = setUp({ fields: ['to'], of })
    for (const to of ['ann@example.com', 'ben@example.com', 'none@example.com'])
      expect(await send(to)).toMatchObject({ allowed: true })
    expect(await recorded()).toEqual([{ to: 'ann@example.com' }, { to: 'ben@example.com' }, undefined])
    keys.destroy('person-1')
    expect(await send('ann@example.com')).toMatchObject({ allowed: true, recorded: true })
    expect(await send('ben@example.com')).toMatchObject({ allowed: true })
    expect(await recorded()).toEqual([
      undefined,
      { to: 'ben@example.com' },
      undefined,
      undefined,
      { to: 'ben@example.com' },
    ])
    for (const to of people.keys()) expect(sink.lines().join()).not.toContain(to)
  })

  it('PRV-06 of an owner whose key was destroyed do not stop its calls', async () => {
    const { keys, send, recorded } = setUp(['to'])
    expect(await send('ann@example.com')).toMatchObject({ allowed: true })
    keys.destroy(alice.did)
    expect(await send('ann@example.com')).toMatchObject({ allowed: true })
    expect(await recorded()).toEqual([undefined, undefined])
  })

  it('PRV-06 refuse a call where the person cannot be named', async () => {
    for (const of of [() => '', () => Promise.reject(new Error('no database'))] as const) {
      const { send } = setUp({ fields: ['to'], of })
      expect(await send('ann@example.com')).toMatchObject({ denial: { code: 'audit_unavailable' } })
    }
    for (const wrong of [{ fields: ['to'] }, { fields: ['two'], of: () => 'x' }, { fields: 'to', of: () => 'x' }])
      expect(() => setUp(wrong as never)).toThrow(/`personal`|`of`|`fields`/)
  })
})
