import * as fc from 'fast-check'
import { cidOf } from '../../../src/core/ipld/cid.ts'
import { parseCid } from '../../../src/core/ipld/parse-cid.ts'
import type { IpldValue } from '../../../src/core/ipld/value.ts'
import { anyText } from '../../support/any-text.ts'
import { hex } from './support.ts'

/** Well-formed text, often with characters that another encoding would write otherwise. */
const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  anyText({ maxLength: 6 }),
  fc.string({ minLength: 15, maxLength: 70 }),
  fc.constantFrom('constructor', 'toString', 'hasOwnProperty', '/', 'bytes', '', '\ufeff', 'a\u0000b', '😀'),
)

const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -300, max: 70_000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 53 - 1), max: 2 ** 53 - 1 }),
  fc.constantFrom(
    0,
    -0,
    23,
    24,
    -24,
    -25,
    255,
    256,
    65_535,
    65_536,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 53 - 1,
    1 - 2 ** 53,
    5e-324,
  ),
)

const link = fc.oneof(
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map(cidOf),
  fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((digest) => parseCid(new Uint8Array([1, 0x55, 0x12, 32, ...digest]))),
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((digest) => parseCid(new Uint8Array([0x12, 32, ...digest]))),
  fc.constant(parseCid(hex('01 55 00 03 616263'))),
)

/** Any value of the data model that can be written. */
export function anyValue(): fc.Arbitrary<IpldValue> {
  const { value } = fc.letrec<{ value: IpldValue; list: IpldValue; map: IpldValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.oneof(fc.constantFrom(null, true, false), number, text, fc.uint8Array({ maxLength: 40 }), link),
      tie('list'),
      tie('map'),
    ),
    list: fc.array(tie('value'), { maxLength: 6 }),
    map: fc
      .dictionary(
        text.filter((key) => key !== '__proto__'),
        tie('value'),
        { maxKeys: 6 },
      )
      .filter((map) => !(Object.hasOwn(map, '') && map['/'] === map['bytes'])),
  }))
  return value
}
