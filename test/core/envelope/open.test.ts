import { encode } from '@ipld/dag-cbor'
import { describe, expect, it } from 'vitest'
import { defaultBounds } from '../../../src/bounds.ts'
import { openEnvelope } from '../../../src/core/envelope/open.ts'
import { varsigHeader } from '../../../src/core/envelope/varsig.ts'
import { actor } from '../../support/actors.ts'
import { delegationPayload, sealRaw } from '../../support/raw-token.ts'
import { refusalOf } from '../../support/refusal.ts'

const alice = await actor('alice')
const payload = delegationPayload(alice.did, alice.did)
const header = varsigHeader('Ed25519')
const signature = new Uint8Array(64)

const refusal = (bytes: Uint8Array): Promise<string> => refusalOf(() => openEnvelope(bytes))
const refusalOfRaw = async (token: Parameters<typeof sealRaw>[1]): Promise<string> =>
  refusal(await sealRaw(alice, token))

describe('openEnvelope', () => {
  it('returns what was signed as a view of the received bytes [attack 38]', async () => {
    const bytes = await sealRaw(alice, { payload })
    const envelope = openEnvelope(bytes)
    expect(envelope).toMatchObject({ algorithm: 'Ed25519', tag: { kind: 'delegation', version: '1.0.0' } })
    expect(envelope.signed.buffer).toBe(bytes.buffer)
    expect(envelope.signed).toEqual(encode({ h: header, 'ucan/dlg@1.0.0': payload }))
  })

  it('ENV-01 requires a list of two items, the first of them bytes', async () => {
    expect(await refusal(encode([signature]))).toBe('ENV-01')
    expect(await refusal(encode([signature, { h: header, 'ucan/dlg@1.0.0': payload }, 1]))).toBe('ENV-01')
    expect(await refusal(encode({ s: signature }))).toMatch(/^CBR-/)
    expect(await refusal(encode(['text', { h: header }]))).toMatch(/^CBR-/)
  })

  it('ENV-02 requires a signature of 64 bytes before it reads the rest [attack 51]', async () => {
    for (const length of [0, 1, 63, 65, 128]) {
      expect(await refusalOfRaw({ payload, signature: new Uint8Array(length) }), String(length)).toBe('ENV-02')
    }
  })

  it('ENV-03 requires the key h with bytes, and exactly one type tag beside it', async () => {
    expect(await refusal(encode([signature, { h: header }]))).toBe('ENV-03')
    expect(await refusal(encode([signature, { 'ucan/dlg@1.0.0': payload }]))).toBe('ENV-03')
    expect(await refusal(encode([signature, { h: 'text', 'ucan/dlg@1.0.0': payload }]))).toBe('ENV-03')
    expect(await refusal(encode([signature, [header, payload]]))).toBe('ENV-03')
    expect(await refusalOfRaw({ payload, beside: { x: 1 } })).toBe('ENV-03')
    expect(await refusalOfRaw({ payload, beside: { 'ucan/inv@1.0.0': payload } })).toBe('ENV-03')
  })

  it('ENV-04 compares the varsig header whole [attack 52]', async () => {
    for (const algorithm of ['Ed25519', 'ES256', 'ES256K'] as const) {
      const good = varsigHeader(algorithm)
      expect(await refusalOfRaw({ payload, header: good }), algorithm).toBe('accepted')
      for (const [index, byte] of good.entries()) {
        const bad = good.slice()
        bad[index] = byte ^ 1
        expect(await refusalOfRaw({ payload, header: bad }), `${algorithm} ${index}`).toBe('ENV-04 unsupported')
      }
      expect(await refusalOfRaw({ payload, header: good.subarray(0, -1) })).toBe('ENV-04 unsupported')
      expect(await refusalOfRaw({ payload, header: Uint8Array.of(...good, 0) })).toBe('ENV-04 unsupported')
    }
    expect(await refusalOfRaw({ payload, header: new Uint8Array(0) })).toBe('ENV-04 unsupported')
  })

  it('ENV-05 knows four type tags, to the letter [attack 26]', async () => {
    const unknown = [
      'ucan/dlg@1.0.1',
      'ucan/dlg@999.evil',
      'ucan/dlg',
      'UCAN/dlg@1.0.0',
      'ucan/dlg@1.0.0 ',
      'ucan/rev@1.0.0',
      'constructor',
    ]
    for (const tag of unknown) expect(await refusalOfRaw({ payload, tag }), tag).toBe('ENV-05 unsupported')
  })

  it('ENV-06 reads release candidates only when asked to', async () => {
    const bytes = await sealRaw(alice, { payload, tag: 'ucan/dlg@1.0.0-rc.1' })
    expect(await refusal(bytes)).toBe('ENV-06 unsupported')
    expect(openEnvelope(bytes, defaultBounds, ['1.0.0-rc.1']).tag.version).toBe('1.0.0-rc.1')
  })

  it('ENV-07 requires a map as payload', async () => {
    expect(await refusal(encode([signature, { h: header, 'ucan/dlg@1.0.0': [payload] }]))).toBe('ENV-07')
    expect(await refusal(encode([signature, { h: header, 'ucan/dlg@1.0.0': null }]))).toBe('ENV-07')
  })

  it('LIM-03 bounds a token before reading it', async () => {
    const bytes = await sealRaw(alice, { payload: { ...payload, meta: { note: 'x'.repeat(200) } } })
    const limits = { ...defaultBounds, tokenBytes: bytes.length - 1 }
    expect(await refusalOf(() => openEnvelope(bytes, limits))).toBe('LIM-03 too_large')
    expect(await refusalOf(() => openEnvelope(bytes, { ...limits, tokenBytes: bytes.length }))).toBe('accepted')
  })

  it('refuses anything after the envelope', async () => {
    const bytes = await sealRaw(alice, { payload })
    expect(await refusal(Uint8Array.of(...bytes, 0))).toMatch(/^CBR-/)
  })
})
