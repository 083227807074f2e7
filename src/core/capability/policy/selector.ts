/**
 * Selectors: paths from the arguments to the value of a statement.
 *
 * @module
 */

import { MalformedError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'

/** A segment that selects the value under a key of a map. */
export interface FieldSegment {
  readonly kind: 'field'
  readonly name: string
  readonly optional: boolean
}

/** A segment that selects an element of a list, or a byte as a number. A negative index counts from the end. */
export interface IndexSegment {
  readonly kind: 'index'
  readonly index: number
  readonly optional: boolean
}

/** A segment that selects a range of a list or of bytes, without `end`. At least one bound is present. */
export interface SliceSegment {
  readonly kind: 'slice'
  readonly start?: number
  readonly end?: number
  readonly optional: boolean
}

/** The segment `[]`. It selects a list as it is, and of a map the values in canonical key order. */
export interface ValuesSegment {
  readonly kind: 'values'
  readonly optional: boolean
}

/** One step of a selector. If `optional`, a missing value is `null` and not "unresolved". */
export type SelectorSegment = FieldSegment | IndexSegment | SliceSegment | ValuesSegment

/** A parsed selector: its segments from left to right. Without segments it is `.`, the whole value. */
export type Selector = readonly SelectorSegment[]

/** Most characters of a selector. */
export const maxSelectorLength = 1024
/** Most segments of a selector: twice the greatest depth of arguments. */
const maxSegments = 64

/**
 * Parses a selector such as `.to`, `.files[0].name`, `["a b"]?` or `.`. The whole text must be a selector.
 *
 * @throws MalformedError (`SEL-01` to `SEL-06`) when the text is malformed or too long.
 */
export function parseSelector(text: string): Selector {
  const segments: SelectorSegment[] = []
  readSelector(text, segments)
  return Object.freeze(segments)
}

/**
 * Checks a selector without building its segments. Unverified tokens can contain tens of thousands of segments, and
 * their objects would remain in memory.
 *
 * @throws MalformedError as {@link parseSelector} does.
 */
export function checkSelector(text: string): void {
  readSelector(text, undefined)
}

function readSelector(text: string, segments: SelectorSegment[] | undefined): void {
  if (typeof text !== 'string') throw new MalformedError('SEL-01', 'a selector must be a string such as `.to`')
  if (text.length > maxSelectorLength) throw tooLarge(text)
  // SEL-02
  if (/^\.\?*$/.test(text)) return
  let position = 0
  for (let count = 0; position < text.length || count === 0; count++) {
    if (count === maxSegments) throw tooLarge(text)
    position = readSegment(text, position, segments)
  }
}

/** The beginning of a segment: a name; or an open bracket with a key, an integer, or two integers around a colon. */
const beginning = /^(?:\.([A-Za-z_]\w*)|(\.?\[)(?:("(?:\\.|[^"\\])*")|(-?\d*)(?:(:)(-?\d*))?))/s

/** Reads the segment at `at`, adds it to `segments` if that is given, and returns the position after it. */
function readSegment(text: string, at: number, segments: SelectorSegment[] | undefined): number {
  const [all, plain, bracket = '', quoted, first = '', colon, second = ''] = beginning.exec(text.slice(at)) ?? []
  if (all === undefined) throw malformed('SEL-01', text, at)
  const inside = at + bracket.length
  const close = at + all.length
  let end = bracket === '' ? close : close + 1
  const optional = text[end] === '?'
  if (bracket === '' || text[inside] === '"') {
    const name = plain ?? readKey(quoted, text, inside)
    segments?.push(Object.freeze({ kind: 'field', name, optional }))
  } else if (colon !== undefined) {
    const start = first === '' ? undefined : readInteger(first, text, inside)
    const end = second === '' ? start : readInteger(second, text, close - second.length)
    // SEL-05: `[:]` would be a third spelling of the value before it.
    if (end === undefined) throw malformed('SEL-05', text, inside - 1)
    segments?.push(
      Object.freeze({
        kind: 'slice',
        ...(start !== undefined && { start }),
        ...(second !== '' && { end }),
        optional,
      }),
    )
  } else if (all === bracket && text[close] === ']') {
    segments?.push(Object.freeze({ kind: 'values', optional }))
  } else {
    const index = readInteger(first, text, inside)
    segments?.push(Object.freeze({ kind: 'index', index, optional }))
  }
  if (bracket !== '' && text[close] !== ']') throw malformed('SEL-01', text, close)
  while (text[end] === '?') end++
  return end
}

/**
 * Reads an integer in its shortest form: leading zeros, `-0`, a lone `-` and numbers that lose precision are refused.
 */
function readInteger(digits: string, text: string, at: number): number {
  const value = Number(digits)
  if (!Number.isSafeInteger(value) || String(value) !== digits) throw malformed('SEL-04', text, at)
  return value
}

/** Reads a string as in JSON; undefined has no end. */
function readKey(json: string | undefined, text: string, at: number): string {
  let name: unknown
  try {
    name = JSON.parse(json ?? '')
  } catch (cause) {
    throw malformed('SEL-03', text, at, cause)
  }
  // A lone surrogate has no encoding in UTF-8, so no key on the wire can equal it.
  if (typeof name !== 'string' || /\p{Surrogate}/u.test(name)) throw malformed('SEL-03', text, at)
  return name
}

function malformed(requirement: string, text: string, position: number, cause?: unknown): MalformedError {
  return new MalformedError(requirement, `the selector ${quote(text)} is malformed at character ${position + 1}`, {
    cause,
  })
}

function tooLarge(text: string): MalformedError {
  return new MalformedError(
    'SEL-06',
    `the selector ${quote(text)} has more than ${maxSelectorLength} characters or ${maxSegments} segments`,
    {
      kind: 'too_large',
    },
  )
}
