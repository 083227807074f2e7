/**
 * Changes of valid input: of bytes, of strings, and of values, which keep a valid structure.
 *
 * @module
 */

import { CID } from 'multiformats/cid'
import { Raw } from '../reference/cbor.ts'
import type { Random } from './random.ts'

/** Bytes at which readers branch. */
const oddBytes = [
  0x00, 0x01, 0x18, 0x3b, 0x40, 0x5f, 0x60, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc1, 0xd8, 0xf4, 0xf6, 0xf7, 0xf9, 0xfb,
  0xff,
]

/** Texts at which readers branch. */
const oddTexts = [
  ...['', ' ', '\0', '\n', '"', '/', '.', '..', '*', '-', '0', '1e999', 'null', 'true', 'NaN', 'undefined', '[]', '{}'],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'then',
    'length',
    '\ud800',
    '\udc00',
    '\ufeff',
    '\u202e',
  ],
  ...[
    'did:',
    'did:key:',
    'did:key:z',
    'did:web:',
    'did:web:a%00b',
    'did:key:z6Mk',
    'ucan:*',
    'mailto:',
    'https://',
    'm',
    'u',
    'z',
    'b',
    'f',
  ],
  ...['%', '%00', '%2e', '=', '==', 'a'.repeat(5_000), '/a'.repeat(2_000), '9'.repeat(400), '-1', '0x10', '1_0'],
]

/** Encodings that no writer writes. */
const oddCbor = [
  'f7',
  'f8ff',
  'f97e00',
  'fa7fc00000',
  '1bffffffffffffffff',
  '3bffffffffffffffff',
  '9f01ff',
  'bf6161 01ff',
  'c100',
  'd82a40',
  'd82a4100',
  '61ff',
  '7800',
  '1800',
  'a2616101616102',
  'fb3ff0000000000000',
  'fb8000000000000000',
  '5f4101ff',
  '9b00000000ffffffff',
  'bb00000000ffffffff',
]

const someCid = CID.parse('bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')
const otherCid = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')

/** A value of another kind, such as JSON has. */
export function oddJson(random: Random): unknown {
  const values: readonly (() => unknown)[] = [
    () => null,
    () => random.once(2),
    () => random.pick([0, -0, 1, -1, 1.5, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e308, 5e-324]),
    () => random.pick(oddTexts),
    () => [],
    () => ({}),
    () => nested(random.below(80), random.once(2)),
    () => Array.from({ length: random.below(300) }, () => random.below(9)),
    () => Object.fromEntries(Array.from({ length: random.below(80) }, (_, index) => [`k${index}`, index])),
    () => ({ toString: 1, valueOf: 1 }),
    () => ({ [random.pick(oddTexts)]: random.pick(oddTexts) }),
  ]
  return random.pick(values)()
}

/** A value of another kind in DAG-CBOR, or an invalid value. */
export function oddIpld(random: Random): unknown {
  if (random.once(3)) {
    return random.pick<unknown>([
      new Uint8Array(0),
      random.bytes(random.below(80)),
      someCid,
      otherCid,
      new Raw(random.pick(oddCbor).replace(' ', '')),
    ])
  }
  return oddJson(random)
}

function nested(depth: number, isList: boolean): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = isList ? [value] : { a: value }
  return value
}

/** Bytes with a few of them changed, added, left out, doubled, or taken from elsewhere. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let changed = [...bytes]
  for (let times = 1 + random.below(3); times > 0; times--) {
    const at = random.below(changed.length)
    const length = 1 + random.below(random.pick([1, 4, 40]))
    const kind = random.below(7)
    if (kind === 0) changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8))
    else if (kind === 1) changed[at] = random.pick(oddBytes)
    else if (kind === 2) changed.splice(at, length)
    else if (kind === 3) changed.splice(at, 0, ...random.bytes(length))
    else if (kind === 4) changed.splice(at, 0, ...changed.slice(at, at + length))
    else if (kind === 5) changed = changed.slice(0, at)
    else changed.splice(at, length, ...changed.slice(random.below(changed.length)).slice(0, length))
  }
  return Uint8Array.from(changed)
}

/** The same of a text. */
export function mutateText(text: string, random: Random): string {
  let changed = text
  for (let times = 1 + random.below(3); times > 0; times--) {
    const at = random.below(changed.length + 1)
    const length = 1 + random.below(random.pick([1, 4, 40]))
    const kind = random.below(6)
    const before = changed.slice(0, at)
    const after = changed.slice(at)
    if (kind === 0) changed = before + random.pick(oddTexts) + after
    else if (kind === 1) changed = before + after.slice(length)
    else if (kind === 2)
      changed = before + String.fromCharCode(random.below(random.pick([128, 0x1_0000]))) + after.slice(1)
    else if (kind === 3) changed = before + after.slice(0, length) + after
    else if (kind === 4) changed = random.pick([before, after])
    else changed = random.once(2) ? changed.toUpperCase() : random.pick(oddTexts)
    changed = changed.slice(0, 400_000)
  }
  return changed
}

/** A value in which one thing is another. */
export function mutateValue(value: unknown, random: Random, odd: (random: Random) => unknown): unknown {
  let changed = value
  for (let times = random.pick([1, 1, 1, 2, 3]); times > 0; times--) changed = mutateOnce(changed, random, odd)
  return changed
}

function mutateOnce(value: unknown, random: Random, odd: (random: Random) => unknown): unknown {
  const paths = pathsIn(value)
  const path = random.pick(paths)
  const target = at(value, path)
  const kind = random.below(8)
  if (path.length === 0) return random.once(4) ? odd(random) : changeLeaf(target, random, odd)
  if (kind === 1) return put(value, path, odd(random))
  if (kind === 2) return without(value, path)
  if (kind === 3) return put(value, path, at(value, random.pick(paths)))
  if (kind === 4) return put(value, path, random.once(2) ? [target] : { a: target })
  return put(value, path, changeLeaf(target, random, odd))
}

function changeLeaf(value: unknown, random: Random, odd: (random: Random) => unknown): unknown {
  if (typeof value === 'string') return mutateText(value, random)
  if (typeof value === 'number') return value + random.pick([1, -1, 0.5, 2 ** 31, -(2 ** 53)])
  if (value instanceof Uint8Array) return mutateBytes(value, random)
  if (Array.isArray(value)) return [...value, ...(random.once(2) && value.length > 0 ? [value[0]] : [odd(random)])]
  if (isMap(value)) return { ...value, [random.pick(oddTexts)]: odd(random) }
  return odd(random)
}

/** The ways to the first values within a value, itself the first. */
function pathsIn(value: unknown): readonly (readonly string[])[] {
  const paths: (readonly string[])[] = [[]]
  for (let index = 0; index < paths.length && paths.length < 400; index++) {
    const path = paths[index] as readonly string[]
    const here = at(value, path)
    if (Array.isArray(here) || isMap(here)) for (const key of Object.keys(here)) paths.push([...path, key])
  }
  return paths
}

function at(value: unknown, path: readonly string[]): unknown {
  let here = value
  for (const key of path) here = (here as Readonly<Record<string, unknown>>)[key]
  return here
}

function put(value: unknown, [key, ...rest]: readonly string[], part: unknown): unknown {
  if (key === undefined) return part
  if (Array.isArray(value)) return value.map((item, index) => (String(index) === key ? put(item, rest, part) : item))
  const map = value as Readonly<Record<string, unknown>>
  return { ...map, [key]: put(map[key], rest, part) }
}

function without(value: unknown, path: readonly string[]): unknown {
  const last = path.at(-1)
  const holder = at(value, path.slice(0, -1))
  if (Array.isArray(holder)) {
    return put(
      value,
      path.slice(0, -1),
      holder.filter((_, index) => String(index) !== last),
    )
  }
  const rest = Object.entries(holder as object).filter(([key]) => key !== last)
  return put(value, path.slice(0, -1), Object.fromEntries(rest))
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
