import * as dagCbor from '@ipld/dag-cbor'
import { type API, CBOR, Delegation, delegate, invoke, Receipt } from '@ucanto/core'
import { RSA } from '@ucanto/principal'
import { describe, expect, it } from 'vitest'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { authorizeMany } from '../../src/core/authorization/authorize-many.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { ArgumentError } from '../../src/errors.ts'
import { archive } from '../../src/ucanto/archive.ts'
import { decode, decodeMessage } from '../../src/ucanto/decode.ts'
import { invoke as ownInvoke } from '../../src/ucanto/invoke.ts'
import { verifyRevocation } from '../../src/ucanto/verify-revocation.ts'
import { actor } from '../support/actors.ts'
import { refusalOf } from '../support/refusal.ts'
import { verdict } from '../support/service.ts'
import { archiveOf, ownOptions, ownVerdict, peer } from './peers.ts'
import { block, car, cborBlock, type Fields, fieldsOf, nameOf, type RawBlock, rawArchive } from './raw.ts'

const [alice, bob, service] = await Promise.all([peer('alice'), peer('bob'), peer('service')])
const capability = { can: 'mail/send', with: alice.did() } as const
const nonce = 'a nonce of enough bytes'
const call = await invoke({ issuer: alice, audience: service, capability, nonce }).delegate()
const token = call.root as unknown as RawBlock
const head = cborBlock({ 'ucan@0.9.1': token.cid })

const refusal = (bytes: string | Uint8Array): Promise<string> => refusalOf(() => decode(bytes))

/** The verdict about a call whose token has other fields. */
const withFields = (change: Fields): Promise<string> =>
  refusal(rawArchive([block(dagCbor.encode({ ...fieldsOf(call), ...change }))]))

describe('archives', () => {
  it('UCT-01 have limits, which are checked before anything is hashed', async () => {
    await expect(refusal(new Uint8Array(262_145))).resolves.toBe('UCT-01 too_large')
    const many = Array.from({ length: 65 }, (_, index) => cborBlock(index))
    await expect(refusal(rawArchive([...many, token]))).resolves.toBe('UCT-01 too_large')
    await expect(refusal(rawArchive([block(new Uint8Array(66_000)), token]))).resolves.toBe('UCT-01 too_large')
    await expect(refusal(Uint8Array.of(0xff, 0x7f, 0))).resolves.toBe('UCT-01 too_large')
  })

  it('UCT-02 are CAR files of version 1 with one root', async () => {
    const whole = car(head.cid, [head, token])
    await expect(refusal(whole)).resolves.toBe('accepted')
    await expect(refusal(whole.subarray(0, -1))).resolves.toBe('UCT-02')
    await expect(refusal(car(head.cid, [head, token], { version: 2 }))).resolves.toBe('UCT-02')
    await expect(refusal(car(head.cid, [head, token], { roots: [] }))).resolves.toBe('UCT-02')
    await expect(refusal(car(head.cid, [head, token], { roots: [head.cid, token.cid] }))).resolves.toBe('UCT-02')
    await expect(refusal(car(head.cid, [head, token], { more: 1 }))).resolves.toBe('UCT-02')
  })

  it('UCT-05 may contain blocks to which a named token links', async () => {
    const block = await CBOR.write({ what: 'a list of pieces' })
    const nested = await CBOR.write([1, 2, 3])
    const options = { issuer: alice, audience: service, nonce }
    const linking = { ...capability, nb: { pieces: { list: [nested.cid] } } }
    const sent = await invoke({ ...options, capability: linking as never, facts: [{ at: block.cid }] }).delegate()
    for (const attached of [block, nested]) sent.attach(attached as never)
    const bytes = await archiveOf(sent)
    await expect(ownVerdict(bytes)).resolves.toBe('allowed')
    const [read] = await decode(bytes)
    expect([...(read?.attached ?? [])].map(([name, content]) => [name, new Uint8Array(content)])).toEqual(
      expect.arrayContaining([
        [block.cid.toString(), new Uint8Array(block.bytes)],
        [nested.cid.toString(), new Uint8Array(nested.bytes)],
      ]),
    )
    expect(read?.attached.size).toBe(2)
    // They are included when the token is sent again.
    await expect(archive(read as never).then(decode)).resolves.toMatchObject([{ attached: read?.attached }])
    // The receipt of another call, with all its parts, as clients send it to conclude that.
    const ran = invoke({ ...options, capability })
    const receipt = await Receipt.issue({ issuer: service, ran: await ran.delegate(), result: { ok: {} } })
    const parts = [...receipt.iterateIPLDBlocks()]
    const conclude = { can: 'ucan/conclude', with: alice.did(), nb: { receipt: receipt.link() } }
    const facts = [{ ...parts.map(({ cid }) => cid) }]
    const concluding = await invoke({ ...options, capability: conclude as never, facts: facts as never }).delegate()
    for (const part of parts) concluding.attach(part as never)
    await expect(ownVerdict(await archiveOf(concluding))).resolves.toBe('allowed')
  })

  it('UCT-05 contain no attached block without a link, with another name, or for a proof only', async () => {
    const content = cborBlock({ what: 'a list of pieces' })
    const make = async (nb: object, extra: readonly RawBlock[]): Promise<string> => {
      const made = await invoke({
        issuer: alice,
        audience: service,
        capability: { ...capability, nb } as never,
        nonce,
      }).delegate()
      return ownVerdict(rawArchive([made.root as unknown as RawBlock], extra))
    }
    await expect(make({ list: content.cid }, [content])).resolves.toBe('allowed')
    await expect(make({ list: content.cid }, [])).resolves.toBe('allowed')
    await expect(make({ list: 'none' }, [content])).resolves.toBe('malformed at container UCT-05')
    await expect(make({ list: content.cid }, [content, content])).resolves.toBe('malformed at container UCT-05')
    const raw = { cid: nameOf(content.bytes, 0x55), bytes: content.bytes }
    await expect(make({ list: raw.cid }, [content])).resolves.toBe('malformed at container UCT-05')
    await expect(make({ list: raw.cid }, [raw])).resolves.toBe('unsupported at container UCT-03')
    const other = cborBlock({ what: 'something else' })
    await expect(make({ list: content.cid }, [{ cid: content.cid, bytes: other.bytes }])).resolves.toBe(
      'malformed at container UCT-04',
    )
    // A block to which only an attached block links is not attached itself.
    const outer = cborBlock({ inner: content.cid })
    await expect(make({ list: outer.cid }, [outer, content])).resolves.toBe('malformed at container UCT-05')
    const many = Array.from({ length: 64 }, (_, index) => cborBlock(index))
    await expect(make({ list: many.map(({ cid }) => cid) }, many)).resolves.toBe('too_large at container UCT-01')
    const proof = await delegate({
      issuer: alice,
      audience: bob,
      capabilities: [{ ...capability, nb: { list: content.cid } }] as never,
    })
    const onward = await invoke({
      issuer: bob,
      audience: service,
      capability: { ...capability, nb: { list: content.cid } } as never,
      proofs: [proof],
      nonce,
    }).delegate()
    const tokens = [proof, onward].map(({ root }) => root as unknown as RawBlock)
    await expect(ownVerdict(rawArchive(tokens, [content]))).resolves.toBe('allowed')
    const silent = await invoke({ issuer: bob, audience: service, capability, proofs: [proof], nonce }).delegate()
    const [first] = tokens as [RawBlock]
    await expect(ownVerdict(rawArchive([first, silent.root as unknown as RawBlock], [content]))).resolves.toBe(
      'malformed at container UCT-05',
    )
  })

  it('UCT-05 are written with attached blocks if the token links to them', async () => {
    const content = cborBlock({ what: 'a list of pieces' })
    const options = { issuer: await actor('alice'), audience: service.did(), command: '/mail/send' }
    const args = { list: content.cid } as never
    const sent = await ownInvoke({ ...options, args, attached: [content.bytes] })
    await expect(ownVerdict(sent)).resolves.toBe('allowed')
    const { ok } = await Delegation.extract(await archive(sent))
    expect([...(ok as API.Delegation).export()].map(({ cid }) => String(cid))).toContain(String(content.cid))
    await expect(ownInvoke({ ...options, attached: [content.bytes] })).rejects.toThrow(ArgumentError)
  })

  it('UCT-05 contain no block twice, and no block without a reference', async () => {
    await expect(refusal(rawArchive([token, token]))).resolves.toBe('UCT-05')
    await expect(refusal(rawArchive([cborBlock({ hello: 1 }), token]))).resolves.toBe('UCT-05')
    const other = await delegate({ issuer: bob, audience: alice, capabilities: [capability] })
    await expect(refusal(rawArchive([other.root as unknown as RawBlock, token]))).resolves.toBe('UCT-05')
  })

  it('UCT-07 have a root block that names an included token of this version', async () => {
    for (const value of [
      { 'ucan@0.9.0': token.cid },
      { 'ucan@0.9.1': 1 },
      { 'ucan@0.9.1': token.cid, more: 1 },
      [],
      1,
    ]) {
      const root = cborBlock(value)
      await expect.soft(refusal(car(root.cid, [root, token]))).resolves.toBe('UCT-07 unsupported')
    }
    await expect(refusal(car(head.cid, [token]))).resolves.toBe('UCT-07')
    await expect(refusal(car(head.cid, [head]))).resolves.toBe('UCT-07')
  })

  it('UCT-07 have a root block that is a map; any other value is refused', async () => {
    const roots = [
      'f6',
      'f5',
      '00',
      '60',
      '40',
      '80',
      'a0',
      `d82a582500${Buffer.from(token.cid.bytes).toString('hex')}`,
    ]
    for (const hex of roots) {
      const root = block(Uint8Array.from(Buffer.from(hex, 'hex')))
      for (const bytes of [car(root.cid, [root]), car(root.cid, [root, token])].map((all) => new Uint8Array(all))) {
        const text = `m${Buffer.from(bytes).toString('base64').replaceAll('=', '')}`
        const authorizer = createAuthorizer(ownOptions())
        const decisions = [
          await authorizer.authorize(bytes),
          authorizer.authorizeSync(text),
          ...(await authorizeMany(authorizer, [bytes, text])),
        ]
        expect.soft(decisions.map(verdict), hex).toEqual(Array(4).fill('unsupported at container UCT-07'))
        await expect.soft(refusal(bytes), hex).resolves.toBe('UCT-07 unsupported')
        await expect
          .soft(
            refusalOf(() => decodeMessage(text)),
            hex,
          )
          .resolves.toBe('UCT-60 unsupported')
        const revocation = { audience: service.did(), revocations: memoryRevocationStore(), find: () => undefined }
        await expect
          .soft(verifyRevocation(bytes, revocation), hex)
          .resolves.toMatchObject({ denial: { requirement: 'UCT-07' } })
      }
    }
  })

  it('UCT-08 UCT-09 may be messages with one invocation and nothing else', async () => {
    const message = (value: unknown): Uint8Array => {
      const root = cborBlock({ 'ucanto/message@7.0.0': value })
      return new Uint8Array(car(root.cid, [root, token]))
    }
    await expect(ownVerdict(message({ execute: [token.cid] }))).resolves.toBe('allowed')
    await expect(refusal(message({ execute: [token.cid], report: {} }))).resolves.toBe('UCT-08 unsupported')
    await expect(refusal(message({ delegate: [] }))).resolves.toBe('UCT-08 unsupported')
    await expect(ownVerdict(message({ execute: [token.cid, token.cid] }))).resolves.toBe(
      'invocation_ambiguous at container UCT-09',
    )
    const empty = cborBlock({ 'ucanto/message@7.0.0': { execute: [] } })
    await expect(ownVerdict(new Uint8Array(car(empty.cid, [empty])))).resolves.toBe(
      'invocation_missing at container UCT-09',
    )
  })

  it('UCT-06 are accepted as text in each of the forms that clients exchange', async () => {
    const bytes = await archiveOf(call)
    const base64 = Buffer.from(bytes).toString('base64')
    const base64url = Buffer.from(bytes).toString('base64url')
    const length = Uint8Array.of((bytes.length & 0x7f) | 0x80, bytes.length >> 7)
    const identity = Buffer.concat([Uint8Array.of(0x01, 0x82, 0x04, 0x00), length, bytes])
    const bare = (text: string): string => text.replaceAll('=', '')
    const forms = [
      base64,
      base64url,
      `m${bare(base64)}`,
      `u${base64url}`,
      `m${bare(identity.toString('base64'))}`,
      `u${identity.toString('base64url')}`,
    ]
    for (const form of forms) await expect.soft(ownVerdict(form), form.slice(0, 8)).resolves.toBe('allowed')
    await expect(refusal(`u${identity.subarray(0, -1).toString('base64url')}`)).resolves.toBe('UCT-06')
    await expect(refusal('hello')).resolves.toBe('UCT-06')
  })

  it.each([1, 2, 3])('UCT-06 have one text in each of these forms, with %i more bytes', async (extra) => {
    const noted = { ...capability, nb: { note: 'x'.repeat(extra) } } as never
    const bytes = await archiveOf(invoke({ issuer: alice, audience: service, capability: noted }))
    const base64 = Buffer.from(bytes).toString('base64')
    const base64url = Buffer.from(bytes).toString('base64url')
    const bare = base64.replaceAll('=', '')
    const good = [base64, `m${bare}`, `u${base64url}`, base64url]
    for (const form of good) await expect.soft(refusal(form)).resolves.toBe('accepted')
    const endings = ['=', '==', '===', ' ', '\n', '\u00a0', '\0', 'A']
    const others = [
      ...good.flatMap((form) => endings.map((ending) => form + ending)),
      `m${base64}`,
      bare,
      `m${base64url}`,
      `u${bare}`,
    ]
    for (const other of others.filter((text) => !good.includes(text))) {
      await expect.soft(refusal(other), `${other.slice(0, 2)}…${other.slice(-4)}`).resolves.not.toBe('accepted')
    }
  })
})

describe('tokens', () => {
  it('UCT-10 have exactly the fields of the format, each of its type', async () => {
    for (const change of [
      { x: 1 },
      { exp: 'soon' },
      { exp: 1.5 },
      { att: {} },
      { nnc: 1 },
      { nnc: 'n'.repeat(65) },
      { fct: [1] },
    ])
      await expect.soft(withFields(change), JSON.stringify(change)).resolves.toBe('UCT-10')
    await expect(refusal(rawArchive([cborBlock([])]))).resolves.toBe('UCT-10')
  })

  it('UCT-11 have this version', async () => {
    await expect(withFields({ v: '0.9.2' })).resolves.toBe('UCT-11 unsupported')
    await expect(withFields({ v: '0.9.1 ' })).resolves.toBe('UCT-11 unsupported')
  })

  it('UCT-15 name principals by key or as text', async () => {
    await expect(withFields({ iss: 'did:key:z6Mk' })).resolves.toBe('UCT-15')
    await expect(withFields({ iss: Uint8Array.of(0x9d, 0x1a, 0xff) })).resolves.toBe('UCT-15')
    await expect(withFields({ aud: new Uint8Array(200) })).resolves.toBe('UCT-15 too_large')
    const padded = Buffer.concat([fieldsOf(call).iss as Uint8Array, Uint8Array.of(0)])
    await expect(withFields({ aud: padded })).resolves.toBe('KEY-04')
    // The point of order one: anybody can sign for it.
    await expect(withFields({ iss: Uint8Array.of(0xed, 1, 1, ...new Uint8Array(31)) })).resolves.toBe('KEY-06')
  })

  it('UCT-17 with RSA keys are refused as unsupported', async () => {
    const rsa = await RSA.generate()
    const bytes = await archiveOf(
      invoke({ issuer: rsa, audience: service, capability: { can: 'mail/send', with: rsa.did() }, nonce }),
    )
    await expect(ownVerdict(bytes)).resolves.toBe('unsupported at container UCT-17')
  })

  it('UCT-18 UCT-19 have one signature of a supported algorithm', async () => {
    const { s } = fieldsOf(call) as { s: Uint8Array }
    await expect(withFields({ s: s.subarray(0, -1) })).resolves.toBe('UCT-18')
    await expect(withFields({ s: 'signature' })).resolves.toBe('UCT-18')
    // RS256, and the code 0xd000 with bytes, unlike the frame of an absent issuer.
    await expect(withFields({ s: Uint8Array.of(0x85, 0xa4, 0xc0, 0x06, 0) })).resolves.toBe('UCT-19 unsupported')
    await expect(withFields({ s: Uint8Array.of(0x80, 0xa0, 0x03, 1, 0) })).resolves.toBe('UCT-19 unsupported')
    await expect(
      withFields({ s: Buffer.concat([Uint8Array.of(0xed, 0xa1, 0x83, 0x00), s.subarray(3)]) }),
    ).resolves.toBe('ENC-03')
  })

  it('UCT-22 UCT-23 list well-formed capabilities', async () => {
    const att = (entry: unknown): Promise<string> => withFields({ att: [entry] })
    await expect(att({ can: 'mail', with: alice.did() })).resolves.toBe('UCT-22')
    await expect(att({ can: 1, with: alice.did() })).resolves.toBe('UCT-22')
    for (const entry of [
      1,
      { can: 'a/b', with: 'no uri' },
      { can: 'a/b' },
      { can: 'a/b', with: 'a:b', nb: [] },
      { can: 'a/b', with: 'a:b', more: 1 },
    ])
      await expect.soft(att(entry), JSON.stringify(entry)).resolves.toBe('UCT-23')
  })

  it('UCT-24 name proofs by CIDs of the form of tokens', async () => {
    await expect(withFields({ prf: ['bafy'] })).resolves.toBe('UCT-24 unsupported')
  })

  it('UCT-25 have a limited number of capabilities and proofs', async () => {
    const many = Array.from({ length: 65 }, () => ({ can: 'a/b', with: 'a:b' }))
    await expect(withFields({ att: many })).resolves.toBe('UCT-25 too_large')
    await expect(withFields({ prf: many.map(() => token.cid) })).resolves.toBe('UCT-25 too_large')
  })
})
