import { expect, it } from 'vitest'
import { rawSignature } from '../../src/signers/aws-kms/der-signature.ts'
import { integerBytes } from '../../src/signers/integer-bytes.ts'

const top = [0x80, ...new Uint8Array(31)]

it.each<readonly [kind: string, integer: readonly number[], digits: readonly number[] | undefined]>([
  ['one byte', [5], [5]],
  ['zero', [0], []],
  ['a zero before a high bit', [0, ...top], top],
  ['no byte', [], undefined],
  ['a negative integer', [0x80], undefined],
  ['a negative integer of 32 bytes', top, undefined],
  ['33 bytes', [1, ...top], undefined],
  ['33 bytes behind a zero', [0, 1, ...top], undefined],
])('integerBytes writes %s with 32 bytes, or refuses it', (_kind, integer, digits) => {
  const bytes = integerBytes(Uint8Array.from(integer))
  expect(bytes && [...bytes]).toEqual(digits && [...new Uint8Array(32 - digits.length), ...digits])
})

it('rawSignature refuses a signature in another form than DER', () => {
  const good = [0x30, 6, 2, 1, 5, 2, 1, 6]
  const read = (bytes: readonly number[]) => rawSignature(Uint8Array.from(bytes))
  expect(read(good)).toHaveLength(64)
  for (const [at, value] of [
    [0, 0x31],
    [1, 5],
    [1, 7],
    [2, 3],
    [3, 2],
    [5, 3],
    [6, 2],
    [6, 0],
  ] as const)
    expect(read(good.map((byte, index) => (index === at ? value : byte))), `${at}`).toBeUndefined()
  for (const bytes of [
    [...good, 0],
    [0x30, 7, ...good.slice(2), 0],
    good.slice(0, -1),
    [0x30, 3, 2, 1, 5],
    [0x30, 0],
    [],
  ])
    expect(read(bytes)).toBeUndefined()
})
