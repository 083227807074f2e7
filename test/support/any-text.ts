import * as fc from 'fast-check'

/** How many code points are no surrogates, and the first surrogate. */
const [count, surrogates] = [0x110000 - 0x800, 0xd800]

/** Any code point except surrogates. `unit: 'binary'` is the same and makes a map of a million entries at each use. */
const codePoint = fc
  .nat({ max: count - 1 })
  .map((index) => String.fromCodePoint(index < surrogates ? index : index + 0x800))

/** Text of any well-formed characters. */
export function anyText(constraints: Pick<fc.StringConstraints, 'minLength' | 'maxLength'> = {}): fc.Arbitrary<string> {
  return fc.string({ ...constraints, unit: codePoint })
}
