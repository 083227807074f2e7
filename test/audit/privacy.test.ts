import { createHash, createHmac } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { deniedEvent, intentEvent } from '../../src/audit/events/describe-call.ts'
import type { IntentEvent } from '../../src/audit/events/event.ts'
import { discloseArguments } from '../../src/audit/privacy/disclose-arguments.ts'
import { argumentSalt, hashArguments } from '../../src/audit/privacy/hash-arguments.ts'
import { importSecretKey } from '../../src/audit/privacy/hmac.ts'
import { openPersonal, sealPersonal } from '../../src/audit/privacy/personal.ts'
import { memoryPersonalKeyStore } from '../../src/audit/privacy/personal-key-store.ts'
import { createPseudonymizer, pseudonymizeEvent } from '../../src/audit/privacy/pseudonym.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import type { AuthorizationFacts } from '../../src/core/authorization/authorization.ts'
import type { Denial } from '../../src/core/authorization/denial.ts'
import { parseCommand } from '../../src/core/capability/command.ts'
import { parseDid } from '../../src/core/did/did.ts'
import { encodeCbor } from '../../src/core/ipld/encode.ts'
import { ArgumentError, AuditError } from '../../src/errors.ts'
import { agent, alice, denied, id, intent, service } from './events.ts'

const key = new Uint8Array(32).fill(7)
const cid = CID.parse('bafyreih5fz46t2uxcyj6xa2v2cpmrobcgwvd5u3gjxohhcjjcvqgzuytda')
const authorization: AuthorizationFacts = {
  subject: parseDid(alice),
  invoker: parseDid(agent),
  audience: parseDid(service),
  principals: [parseDid(alice), parseDid(agent)],
  command: parseCommand('/mail/send'),
  args: { to: 'ann@example.com', subject: 'canary-4711', amount: 7, meta: { domain: 'example.com' } },
  proofs: [cid],
  invocation: cid,
  task: cid,
  expiration: 2_000_000_000,
}

describe('the hash of arguments', () => {
  it('PRV-01 is salted for each record', async () => {
    const args = { to: 'ann@example.com' }
    const salts = [await argumentSalt(key, id(1)), await argumentSalt(key, id(2))]
    const expected = createHmac('sha256', key)
      .update(`procura/audit-arguments@1\0${id(1)}`)
      .digest('hex')
    expect(Buffer.from(salts[0] as Uint8Array).toString('hex')).toBe(expected)
    const hashes = await Promise.all(salts.map((salt) => hashArguments({ args, salt })))
    expect(hashes[0]).not.toBe(hashes[1])
    const bytes = Buffer.concat([salts[0] as Uint8Array, encodeCbor(args)])
    expect(hashes[0]).toBe(`sha-256:${createHash('sha256').update(bytes).digest('hex')}`)
    expect(hashes[0]).not.toBe(`sha-256:${createHash('sha256').update(encodeCbor(args)).digest('hex')}`)
    const imported = await importSecretKey(key)
    expect(await argumentSalt(imported, id(1))).toEqual(salts[0])
  })

  it('PRV-01 PRV-03 is refused with a key that is too short, or of another use', async () => {
    for (const length of [0, 31])
      await expect(importSecretKey(new Uint8Array(length)), `${length}`).rejects.toThrow(/32 bytes or more/)
    await expect(importSecretKey('k'.repeat(32) as never)).rejects.toThrow(ArgumentError)
    const hmac = { name: 'HMAC', hash: 'SHA-256' }
    const reading = await crypto.subtle.importKey('raw', key, hmac, false, ['verify'])
    const other = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt'])
    for (const wrong of [reading, other, { algorithm: hmac }, null, 'k'.repeat(32), new Uint8Array(31)]) {
      await expect(argumentSalt(wrong as never, id(1))).rejects.toThrow(/or a CryptoKey for HMAC|of 32 bytes or more/)
      await expect(async () => createPseudonymizer({ key: wrong as never, epoch: '1' })).rejects.toThrow(ArgumentError)
    }
    const signing = await crypto.subtle.importKey('raw', key, hmac, false, ['sign'])
    expect(await argumentSalt(signing, id(1))).toEqual(await argumentSalt(key, id(1)))
  })

  it('PRV-01 requires a salt and a key of sufficient length', async () => {
    await expect(hashArguments({ args: {}, salt: new Uint8Array(15) })).rejects.toThrow(ArgumentError)
    await expect(argumentSalt(new Uint8Array(31), id(1))).rejects.toThrow(ArgumentError)
  })
})

describe('disclosed arguments', () => {
  it('PRV-02 are the listed ones, and no others', () => {
    const args = {
      to: 'ann',
      secret: 'x',
      meta: { domain: 'a', other: 'b' },
      list: [{ a: 1 }],
      bytes: new Uint8Array(2),
      cid,
    }
    expect({ ...discloseArguments(args, ['to', 'meta.domain']) }).toEqual({ to: 'ann', 'meta.domain': 'a' })
    const absent = [
      '',
      'no',
      'to.length',
      'meta.no',
      'list.0',
      'bytes.length',
      'cid.code',
      '__proto__',
      'constructor',
      'meta.toString',
    ]
    expect(Object.keys(discloseArguments(args, absent))).toEqual([])
  })
})

describe('a pseudonym', () => {
  it('PRV-03 is the same within a period, and differs in the next', async () => {
    const november = createPseudonymizer({ key, epoch: '2026-11' })
    const december = createPseudonymizer({ key, epoch: '2026-12' })
    const expected = createHmac('sha256', key)
      .update(`procura/audit-pseudonym@1\0${'2026-11'}\0${alice}`)
      .digest('base64url')
    expect(await november(alice)).toBe(`pseudonym:2026-11:${expected}`)
    expect(await november(alice)).toBe(
      await createPseudonymizer({ key: await importSecretKey(key), epoch: '2026-11' })(alice),
    )
    expect(new Set([await november(alice), await november(agent), await december(alice)]).size).toBe(3)
    for (const epoch of ['', 'a:b', 'a b', 'x'.repeat(33)]) {
      expect(() => createPseudonymizer({ key, epoch })).toThrow(ArgumentError)
    }
    expect(() => createPseudonymizer({ key: new Uint8Array(8), epoch: 'a' })).toThrow(ArgumentError)
  })

  it('PRV-03 replaces every DID of an event', async () => {
    const pseudonymize = createPseudonymizer({ key, epoch: '1' })
    const events = [
      intent(1),
      denied(2, { subject: alice, principals: [alice, agent], audience: service }),
      {
        kind: 'issued',
        id: id(3),
        time: 1,
        delegation: 'bafy',
        issuer: alice,
        audience: agent,
        subject: alice,
        command: '/a',
        expiration: 1,
      },
      { kind: 'revoked', id: id(4), time: 1, revoked: agent, issuer: alice },
      { kind: 'revoked', id: id(5), time: 1, revoked: 'bafy' },
      intent(6, { approvers: [alice, agent] }),
    ] as const
    for (const event of events) {
      const changed = await pseudonymizeEvent(event, pseudonymize)
      expect(JSON.stringify(changed)).not.toContain('did:')
      expect(changed.id).toBe(event.id)
    }
    expect(await pseudonymizeEvent(events[4], pseudonymize)).toEqual(events[4])
  })
})

describe('an event from a log', () => {
  it('PRV-03 PRV-04 is refused with an ArgumentError or AuditError when it is malformed', async () => {
    const odd = { toString: 1, valueOf: 1 } as never
    const pseudonymize = createPseudonymizer({ key, epoch: '2026-11' })
    await expect(pseudonymizeEvent(intent(1, { principals: [alice, odd] }), pseudonymize)).rejects.toThrow(
      ArgumentError,
    )
    const keys = memoryPersonalKeyStore()
    const personal = await sealPersonal({ to: 'ann@example.com' }, id(1), { key: 'ann', keys })
    await expect(openPersonal({ ...intent(1), id: odd, personal }, { keys })).rejects.toThrow(AuditError)
  })
})

describe('personal fields', () => {
  it('PRV-04 can be read with their key, and not after its destruction; the log remains valid', async () => {
    const keys = memoryPersonalKeyStore()
    const sink = memoryAuditSink()
    for (const number of [1, 2, 3]) {
      const name = `person ${number % 2}`
      const fields = { to: `canary-${number}@example.com`, size: number }
      const personal = await sealPersonal(fields, id(number), { key: name, keys })
      await sink.append(intent(number, { personal }), {})
    }
    const read = (at: number): Promise<unknown> =>
      openPersonal((sink.records()[at] as { event: IntentEvent }).event, { keys })
    expect({ ...((await read(0)) as object) }).toEqual({ to: 'canary-1@example.com', size: 1 })
    const before = await verifyAuditLog(sink.lines())
    keys.destroy('person 1')
    expect(await read(0)).toBeUndefined()
    expect(await read(2)).toBeUndefined()
    expect(await read(1)).toMatchObject({ to: 'canary-2@example.com' })
    expect(await verifyAuditLog(sink.lines())).toEqual(before)
    expect(before).toMatchObject({ valid: true, records: 3 })
    expect(sink.lines().join()).not.toContain('canary')
    await expect(sealPersonal({}, id(9), { key: 'person 1', keys })).rejects.toMatchObject({
      code: 'ERR_AUDIT_ERASED',
    })
  })

  it('PRV-04 cannot be moved to another event, changed, or exceed their length', async () => {
    const keys = memoryPersonalKeyStore()
    const personal = await sealPersonal({ to: 'ann' }, id(1), { key: 'ann', keys })
    expect(await openPersonal(intent(1, { personal }), { keys })).toMatchObject({ to: 'ann' })
    expect(await openPersonal(intent(1), { keys })).toBeUndefined()
    await keys.obtain('bob', {})
    const wrong = [
      intent(2, { personal }),
      intent(1, { personal: { ...personal, key: 'bob' } }),
      intent(1, { personal: { ...personal, iv: 'AAAAAAAAAAAAAAAA' } }),
      intent(1, { personal: { ...personal, data: `${personal.data.slice(0, -2)}AA` } }),
      intent(1, { personal: { ...personal, data: '' } }),
      intent(1, { personal: { ...personal, data: '***' } }),
    ]
    for (const event of wrong) await expect(openPersonal(event, { keys })).rejects.toThrow(AuditError)
    for (const part of [{ iv: 5 }, { data: undefined }, { data: 5 }, { key: null }]) {
      const event = intent(1, { personal: { ...personal, ...part } as never })
      await expect(openPersonal(event, { keys })).rejects.toThrow(AuditError)
    }
    await expect(openPersonal(intent(1, { personal: null as never }), { keys })).rejects.toThrow(AuditError)
    await expect(sealPersonal({ to: 'x'.repeat(5000) }, id(1), { key: 'ann', keys })).rejects.toThrow(AuditError)
    const longest = await sealPersonal({ to: 'x'.repeat(4080) }, id(3), { key: 'ann', keys })
    const sink = memoryAuditSink()
    await sink.append(intent(3, { personal: longest }), {})
    expect(await openPersonal((sink.records()[0] as { event: IntentEvent }).event, { keys })).toMatchObject({
      to: 'x'.repeat(4080),
    })
  })
})

describe('the event of a call', () => {
  it('PRV-05 contains neither an argument nor a hash by default', async () => {
    const event = await intentEvent({ authorization, time: 5 })
    expect(event).toEqual({
      kind: 'intent',
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      time: 5,
      invocation: cid.toString(),
      task: cid.toString(),
      chain: [cid.toString()],
      principals: [alice, agent],
      subject: alice,
      invoker: agent,
      audience: service,
      command: '/mail/send',
    })
  })

  it('PRV-05 contains the configured facts', async () => {
    const disclose = new Map([['/mail/send', ['amount', 'meta.domain']]])
    const pseudonymize = createPseudonymizer({ key, epoch: '1' })
    const privacy = { argumentsKey: key, disclose, pseudonymize }
    const event = await intentEvent({ authorization, time: 5, privacy, vault: 'smtp', trace: '00-ab', mode: 'shadow' })
    const salt = await argumentSalt(key, event.id)
    expect(event).toMatchObject({
      argsHash: await hashArguments({ args: authorization.args, salt }),
      args: { amount: 7, 'meta.domain': 'example.com' },
      vault: 'smtp',
      trace: '00-ab',
      mode: 'shadow',
      subject: await pseudonymize(alice),
    })
    const sink = memoryAuditSink()
    await sink.append(event, {})
    expect(sink.lines().join()).not.toMatch(/canary|ann@|did:/)
  })

  it('PRV-05 for a refused call contains neither the values of the policy nor the message [attack 77]', async () => {
    const denial: Denial = {
      code: 'policy_unsatisfied',
      message: 'canary-message',
      requirement: 'POL-01',
      at: 1,
      detail: {
        kind: 'policy',
        objection: {
          statement: 2,
          path: [0, 1],
          operator: 'like',
          selector: '.to',
          reason: 'false',
          expected: 'canary-expected',
          found: 'canary-found',
        },
      },
    }
    const event = await deniedEvent({
      denial,
      time: 5,
      call: { invoker: agent, command: '/mail/send' },
      intent: id(1),
      durationMs: 2,
      mode: 'enforce',
    })
    expect(event).toMatchObject({
      kind: 'denied',
      code: 'policy_unsatisfied',
      requirement: 'POL-01',
      at: 1,
      policy: { statement: 2, path: [0, 1], operator: 'like', selector: '.to' },
      invoker: agent,
    })
    expect(JSON.stringify(event)).not.toContain('canary')
    const bare = await deniedEvent({
      denial: { code: 'malformed', message: 'x', requirement: 'CBR-01' },
      time: 5,
      privacy: { pseudonymize: createPseudonymizer({ key, epoch: '1' }) },
    })
    expect(Object.keys(bare).sort()).toEqual(['authenticated', 'code', 'id', 'kind', 'requirement', 'time'])
  })
})
