import { describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../src/authorization/replay-store.ts'
import { text } from '../../src/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/capability/definition.ts'
import { encodeContainer } from '../../src/container/container.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { generateSigner } from '../../src/principal/generate-signer.ts'
import { memoryRevocationStore } from '../../src/revocation/memory-revocation-store.ts'
import { actor, clock } from '../support/actors.ts'
import { call, chainOf, service } from '../support/service.ts'

const [alice, bob] = [await actor('alice'), await actor('bob')]
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { to: text() } })
const genuine = async () =>
  encodeContainer([await call({ issuer: bob, proofs, command: send.command, args: { to: 7 } }), ...proofs])
async function stranger(args: { readonly to: string | number }): Promise<string> {
  const issuer = await generateSigner()
  return encodeContainer([await call({ issuer, subject: issuer.did, proofs: [], command: send.command, args })])
}

describe('refused calls where owners are known at run time', () => {
  function setUp(subjects: GuardOptions['subjects'], audience: GuardOptions['audience'] = service.did) {
    const sink = memoryAuditSink()
    const guard = createGuard({
      audience,
      subjects,
      commands: [send],
      revocations: memoryRevocationStore({ clock }),
      replay: memoryReplayStore({ clock }),
      audit: { sink },
      clock,
    })
    const refused = () =>
      sink.records().flatMap(({ event }) => (event.kind === 'denied' ? [[event.code, event.authenticated]] : []))
    return { guard, refused }
  }

  it('AUD-27 of strangers are unauthenticated, and take no room of owners', async () => {
    const { guard, refused } = setUp(async (did) => did === alice.did)
    for (let n = 0; n < 120; n++) await guard.use(await stranger({ to: 7 }), () => 1)
    await guard.use(await stranger({ to: 'bob' }), () => 1)
    for (let n = 0; n < 5; n++) await guard.use(await genuine(), () => 1)
    expect(refused().filter(([, authenticated]) => authenticated === true)).toHaveLength(5)
    expect(refused().length).toBeLessThan(120)
  })

  it('AUD-27 of a subject or an audience that is refused, or not found out, are unauthenticated', async () => {
    for (const [subjects, audience] of [
      [() => false, undefined],
      [() => Promise.reject(new Error('no database')), undefined],
      [() => true, () => false],
    ] as const) {
      const { guard, refused } = setUp(subjects, audience)
      await guard.use(await stranger({ to: 'bob' }), () => 1)
      await guard.use(await stranger({ to: 7 }), () => 1)
      expect(refused()[0]?.[1]).toBe(false)
      expect(refused()[1]?.[1]).toBe(audience !== undefined)
    }
  })
})
