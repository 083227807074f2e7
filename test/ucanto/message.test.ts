import { delegate as coreDelegate, invoke as coreInvoke, Message, Receipt } from '@ucanto/core'
import { CAR } from '@ucanto/transport'
import { describe, expect, it } from 'vitest'
import { parseDid } from '../../src/core/did/did.ts'
import { parseDidKey } from '../../src/core/did/did-key.ts'
import { archiveText, encodeMessage } from '../../src/ucanto/archive.ts'
import { type DecodeMessageOptions, decode, decodeMessage } from '../../src/ucanto/decode.ts'
import { refusalOf } from '../support/refusal.ts'
import { ownVerdict, peer } from './peers.ts'
import { car, cborBlock, type RawBlock } from './raw.ts'

const [alice, bob, service] = (await Promise.all(['alice', 'bob', 'service'].map(peer))) as [Peer, Peer, Peer]
type Peer = Awaited<ReturnType<typeof peer>>
const mail = { can: 'mail/send', with: alice.did() } as const
const nonce = 'a nonce of enough bytes'

const proof = await coreDelegate({ issuer: alice, audience: bob, capabilities: [mail] })
const invocation = coreInvoke({ issuer: bob, audience: service, capability: mail, proofs: [proof], nonce })
const ran = await invocation.delegate()
const fork = coreInvoke({
  issuer: service,
  audience: bob,
  capability: { can: 'mail/file', with: service.did() },
  nonce,
})
const options = { issuer: service, ran, result: { ok: { sent: true } }, fx: { fork: [await fork.delegate()] } }
const receipt = await Receipt.issue(options as never)

async function messageOf(parts: { invocations?: unknown; receipts?: unknown }): Promise<Uint8Array> {
  const { body } = await CAR.response.encode((await Message.build(parts as never)) as never)
  return new Uint8Array(body as Uint8Array)
}

/** A message whose root block is any value. */
function headed(head: unknown, blocks: readonly unknown[] = []): Uint8Array {
  const first = cborBlock(head)
  return new Uint8Array(car(first.cid, [first, ...(blocks as readonly RawBlock[])]))
}

const reporting = (report: object, blocks: readonly unknown[] = []): Uint8Array =>
  headed({ 'ucanto/message@7.0.0': { report } }, blocks)

const refusal = (message: Uint8Array | string, change?: DecodeMessageOptions): Promise<string> =>
  refusalOf(() => decodeMessage(message, change))

describe('agent messages', () => {
  it('UCT-60 are read with their receipts, whose signatures are verified', async () => {
    const bytes = await messageOf({ receipts: [receipt] })
    for (const form of [bytes, archiveText(bytes)]) {
      const { invocations, receipts, blocks } = await decodeMessage(form)
      expect(invocations).toEqual([])
      expect(receipts).toMatchObject([{ issuer: service.did(), outcome: { ok: { sent: true } } }])
      expect(String(receipts[0]?.ran)).toBe(String(ran.cid))
      expect(String(receipts[0]?.cid)).toBe(String(receipt.root.cid))
      // The effects are included.
      const [next] = (receipts[0]?.effects.fork ?? []) as readonly unknown[]
      expect(blocks.has(String(next))).toBe(true)
    }
  })

  it('UCT-60 may contain invocations and receipts; authorize accepts those without receipts', async () => {
    const bytes = await messageOf({ invocations: [invocation], receipts: [receipt] })
    const { invocations, receipts } = await decodeMessage(bytes)
    expect(invocations).toMatchObject([{ issuer: bob.did(), audience: service.did() }])
    expect([...(invocations[0]?.included.keys() ?? [])]).toEqual([String(proof.cid)])
    expect(receipts).toHaveLength(1)
    await expect(refusalOf(() => decode(bytes))).resolves.toBe('UCT-08 unsupported')
    await expect(ownVerdict(bytes)).resolves.toBe('unsupported at container UCT-08')
    const asking = await messageOf({ invocations: [invocation] })
    await expect(decodeMessage(asking)).resolves.toMatchObject({ receipts: [], invocations: [{ issuer: bob.did() }] })
    await expect(ownVerdict(asking)).resolves.toBe('allowed')
    const own = await encodeMessage((await decodeMessage(asking)).invocations)
    await expect(decodeMessage(own)).resolves.toMatchObject({ invocations: [{ issuer: bob.did() }] })
    await expect(decodeMessage(headed({ 'ucanto/message@7.0.0': {} }))).resolves.toMatchObject({ receipts: [] })
  })

  it('UCT-60 have this form, and contain no block to which no link leads', async () => {
    await expect(refusal(headed({ 'ucanto/message@6.0.0': {} }))).resolves.toBe('UCT-60 unsupported')
    await expect(refusal(headed([]))).resolves.toBe('UCT-60 unsupported')
    await expect(refusal(headed({ 'ucanto/message@7.0.0': { delegate: [] } }))).resolves.toBe('UCT-60')
    await expect(refusal(headed({ 'ucanto/message@7.0.0': { execute: {} } }))).resolves.toBe('UCT-60')
    await expect(refusal(headed({ 'ucanto/message@7.0.0': { report: [] } }))).resolves.toBe('UCT-60')
    await expect(refusal(reporting({ [String(ran.cid)]: 'receipt' }))).resolves.toBe('UCT-60')
    const upper = String(ran.cid).toUpperCase()
    await expect(refusal(reporting({ [upper]: receipt.root.cid }, [receipt.root]))).resolves.toMatch(/^(UCT-60|CID-0)/)
    await expect(refusal(reporting({}, [cborBlock(1)]))).resolves.toBe('UCT-60')
    await expect(refusal(headed({ 'ucanto/message@7.0.0': { execute: [ran.cid] } }))).resolves.toBe('UCT-07')
  })

  it('UCT-44 UCT-60 have receipts that their issuer signed, each for the invocation that the message names', async () => {
    const { root } = receipt
    const named = { [String(ran.cid)]: root.cid }
    await expect(refusal(reporting(named, [root]))).resolves.toBe('accepted')
    await expect(refusal(reporting(named))).resolves.toBe('UCT-44')
    await expect(refusal(reporting({ [String(proof.cid)]: root.cid }, [root]))).resolves.toBe('UCT-44')
    const { ocm } = root.data as { readonly ocm: object }
    const forged = cborBlock({ ocm, sig: await service.sign(new Uint8Array(3)) })
    await expect(refusal(reporting({ [String(ran.cid)]: forged.cid }, [forged]))).resolves.toBe('UCT-44')
    const wrong = { cid: root.cid, bytes: forged.bytes }
    await expect(refusal(reporting(named, [wrong]))).resolves.toBe('UCT-04')
  })

  it('UCT-60 can be signed by a DID other than did:key, if it can be resolved', async () => {
    const web = service.withDID('did:web:service.example')
    const issued = await Receipt.issue({ ...options, issuer: web } as never)
    const bytes = await messageOf({ receipts: [issued] })
    await expect(refusal(bytes)).resolves.toBe('UCT-44')
    const resolver = { resolve: () => ({ keys: [parseDidKey(parseDid(service.did()))] }) }
    await expect(decodeMessage(bytes, { resolver })).resolves.toMatchObject({ receipts: [{ issuer: web.did() }] })
  })
})
