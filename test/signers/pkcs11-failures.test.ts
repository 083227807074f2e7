import { describe, expect, it } from 'vitest'
import { isLostSession, isRefusedPin, moduleError } from '../../src/signers/pkcs11/failures.ts'
import { keyOfPoint } from '../../src/signers/pkcs11/point.ts'

const failed = (result?: number) => ({ fault: 'result', ...(result !== undefined && { result }) }) as const
const lost = [0x30, 0x32, 0x60, 0x82, 0x90, 0x91, 0xb0, 0xb3, 0xe0, 0xe1, 0x101, 0x190]

describe('the results of a PKCS#11 module', () => {
  it('lead to a new session where it can help, and to no other', () => {
    const all = Array.from({ length: 0x200 }, (_, result) => result)
    expect(all.filter((result) => isLostSession(failed(result)))).toEqual(lost)
    expect(isLostSession(failed())).toBe(false)
    expect(isLostSession({ fault: 'no-key' })).toBe(false)
  })

  it('SIG-22 refuse the PIN when they are about the PIN', () => {
    const all = Array.from({ length: 0x200 }, (_, result) => result)
    expect(all.filter((result) => isRefusedPin(failed(result)))).toEqual([0xa0, 0xa1, 0xa2, 0xa3, 0xa4])
    expect(isRefusedPin(failed())).toBe(false)
    expect(moduleError(failed(0xa4)).message).toBe(
      'the token refused the PIN (result 0xa4); make a new signer with the right PIN',
    )
    expect(moduleError(failed()).message).toContain('failed (unknown error)')
  })
})

describe('the point of a key', () => {
  const hex = (text: string): Uint8Array => Buffer.from(text, 'hex')
  const ed = ['130c656477617264733235353139', '06032b6570', '06092b06010401da470f01']
  const base = '5866666666666666666666666666666666666666666666666666666666666666'
  // The base point of P-256.
  const point =
    '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5'
  const p256 = '06082a8648ce3d030107'

  it('is read with the headers that modules write', () => {
    for (const params of ed)
      for (const header of ['', '0420', '032100']) expect(keyOfPoint(hex(params), hex(header + base))).toBeDefined()
    for (const header of ['', '0441', '034200']) expect(keyOfPoint(hex(p256), hex(header + point))).toBeDefined()
  })

  it.each([
    ['another curve', '06052b81040022', point],
    ['no curve', '', point],
    ['another tag', p256, `0541${point}`],
    ['another length', p256, `0440${point}`],
    ['another tag for bits', p256, `024200${point}`],
    ['another length of bits', p256, `034100${point}`],
    ['unused bits', p256, `034201${point}`],
    ['a longer header', p256, `04814100${point}`],
    ['a missing byte', p256, point.slice(0, -2)],
    ['the hybrid form', p256, `07${point.slice(2)}`],
    ['a point beside the curve', p256, `${point.slice(0, -2)}f6`],
    ['a point of the other curve', '06032b6570', point],
    ['a key of small order', '06032b6570', `01${'00'.repeat(31)}`],
  ])('is refused with %s', (_kind, params, bytes) => {
    expect(keyOfPoint(hex(params), hex(bytes))).toBeUndefined()
  })
})
