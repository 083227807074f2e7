/**
 * Random IPLD values that are small and alike, so that two of them often share a key, a number or a piece of text.
 *
 * @module
 */
import fc from 'fast-check'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'

/** Keys of random maps: short, alike, and some that JavaScript objects inherit or that look like links. */
export const keys: readonly string[] = [
  'a',
  'b',
  'c',
  'aa',
  'ab',
  '_x1',
  '0',
  '',
  '/',
  'bytes',
  'a b',
  'a.b',
  'é',
  '"',
  '\\',
  ']',
  'toString',
  'constructor',
  'length',
]

const links: readonly CID[] = [
  CID.parse('bafyreigyftnzjf4rcu7glp5kfop53vqlopc3zcldauoqdxqlz7t4343gr4'),
  CID.parse('zdpuAzx4sBrBCabrZZqXgvK3NDzh7Mf5mKbG11aBkkMCdLtCp', base58btc),
]

/** Text that globs can be about. */
export const texts: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'ab', 'aab', '*', '\\', '\\*', 'a*b', 'a\nb', 'é', '😀', 'alice@example.com', '1', 'A'),
  fc.string({ unit: fc.constantFrom('a', 'b', '*', '\\', '\n', '😀', '@', '.'), maxLength: 8 }),
)

/** Numbers: small whole ones, halves, both zeros, and the ends of the safe range. */
export const numbers: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: -3, max: 5 }),
  fc.constantFrom(0.5, -0.5, 1.5, -0, 2 ** 53 - 1, -(2 ** 53 - 1), 255, 256),
)

/** Any IPLD value without maps and lists. */
const leaves: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: numbers },
  { weight: 3, arbitrary: texts },
  { weight: 1, arbitrary: fc.boolean() },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom(...links) },
)

const { tree } = fc.letrec<{ tree: unknown; list: unknown[]; map: { [key: string]: unknown } }>((tie) => ({
  tree: fc.oneof({ depthSize: 'small', maxDepth: 4 }, leaves, tie('list'), tie('map')),
  list: fc.array(tie('tree'), { maxLength: 3 }),
  map: fc.dictionary(fc.constantFrom(...keys), tie('tree'), { maxKeys: 4, noNullPrototype: true }),
}))

/** Any IPLD value. */
export const values: fc.Arbitrary<unknown> = tree

/** The arguments of a call: a map. */
export const argumentMaps: fc.Arbitrary<{ [key: string]: unknown }> = fc.dictionary(fc.constantFrom(...keys), values, {
  maxKeys: 5,
  noNullPrototype: true,
})
