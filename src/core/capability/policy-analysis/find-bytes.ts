import { isBytes } from '../../ipld/value.ts'
import type { Test } from './condition.ts'
import { conditionHolds, passes } from './condition-holds.ts'
import type { Demands } from './demands.ts'
import { type Search, spend } from './search.ts'

/** Most bytes that are made. */
const maxLength = 256

/** Finds bytes that satisfy the conditions. An index of them selects a number. */
export function findBytes({ all, tests, inner }: Demands, search: Search): Uint8Array | undefined {
  const known: number[] = []
  for (const { kind, path } of inner) {
    if (kind === 'missing') continue
    const [index, ...more] = path
    if (typeof index !== 'number' || more.length > 0) return undefined
    if (index >= maxLength) {
      search.gaveUp ??= `an index is larger than ${maxLength - 1}`
      return undefined
    }
    if (known[index] !== undefined) continue
    const here = inner.flatMap((one) => (one.kind === 'at' && one.path[0] === index ? [one.test] : []))
    if (!spend(search, maxLength * (1 + (here.length >> 4)))) return undefined
    const byte = byteFor(here, search)
    if (byte === undefined) return undefined
    known[index] = byte
  }
  // A longer value differs from those that the tests exclude.
  const excluded = tests.filter((test) => test.kind === 'equal' && isBytes(test.value))
  for (let more = 0; more <= excluded.length; more++) {
    const value = Uint8Array.from({ length: known.length + more }, (_, index) => known[index] ?? 0)
    if (!spend(search, 1 + (all.length >> 4))) return undefined
    if (all.every((condition) => conditionHolds(condition, value, search))) return value
  }
  if (excluded.length > 0) search.gaveUp ??= 'bytes are compared in two ways'
  return undefined
}

function byteFor(tests: readonly Test[], search: Search): number | undefined {
  for (let byte = 0; byte < 256; byte++) if (tests.every((test) => passes(test, byte, search))) return byte
  return undefined
}
