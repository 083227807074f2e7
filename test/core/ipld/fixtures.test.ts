import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as dagCbor from '@ipld/dag-cbor'
import { describe, expect, it } from 'vitest'
import { decodeCbor } from '../../../src/core/ipld/decode.ts'
import { encodeCbor } from '../../../src/core/ipld/encode.ts'
import { ipldEquals } from '../../../src/core/ipld/equal.ts'
import type { IpldValue } from '../../../src/core/ipld/value.ts'
import { hex, refusalOf } from './support.ts'

const folder = fileURLToPath(new URL('../../fixtures/ipld/ipld-codec-fixtures/', import.meta.url))

const blocks = readdirSync(`${folder}fixtures`).flatMap((name) =>
  readdirSync(`${folder}fixtures/${name}`).map((file) => ({
    name,
    bytes: new Uint8Array(readFileSync(`${folder}fixtures/${name}/${file}`)),
  })),
)

const negative = JSON.parse(
  readFileSync(`${folder}negative-fixtures/dag-cbor/decode/duplicate-keys.json`, 'utf8'),
) as readonly { readonly name: string; readonly hex: string }[]

/** Beyond 2^53 - 1, which UCAN forbids. */
const tooLarge = new Set([
  'int--11959030306112471732',
  'int--9007199254740992',
  'int--9007199254740993',
  'int--9223372036854775808',
  'int-11959030306112471731',
  'int-18446744073709551615',
  'int-9223372036854775807',
])

/** Longer than a token may be. */
const limits = { items: 100_000, bytes: 262_144 }

describe('the codec fixtures of IPLD', () => {
  it('are 128 blocks', () => {
    expect(blocks).toHaveLength(128)
    expect(blocks.filter(({ name }) => tooLarge.has(name))).toHaveLength(7)
  })

  it.each(blocks.filter(({ name }) => !tooLarge.has(name)))(
    '$name is read, and written again byte for byte',
    ({ name, bytes }) => {
      const value = decodeCbor(bytes, limits)
      expect(ipldEquals(value, dagCbor.decode(bytes) as IpldValue)).toBe(true)
      if (name === 'array-65536') return
      expect(encodeCbor(value)).toEqual(bytes)
    },
  )

  it.each(blocks.filter(({ name }) => tooLarge.has(name)))('CBR-15 refuses $name [attack 32]', ({ bytes }) => {
    expect(refusalOf(() => decodeCbor(bytes)).requirement).toBe('CBR-15')
  })

  it.each(negative)('CBR-05 refuses $name [attack 29]', (fixture) => {
    expect(refusalOf(() => decodeCbor(hex(fixture.hex))).requirement).toBe('CBR-05')
  })
})
