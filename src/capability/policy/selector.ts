/**
 * Selectors: paths from the arguments to the value of a statement.
 *
 * @module
 */

import { MalformedError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'

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
 * most of the time of parsing one is for its objects.
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
  if (text.charCodeAt(0) === dot && skipOptional(text, 1) === text.length) return
  let position = 0
  for (let count = 0; position < text.length || position === 0; count++) {
    if (count === maxSegments) throw tooLarge(text)
    position = readSegment(text, position, segments)
  }
}

const dot = 0x2e
const openBracket = 0x5b
const closeBracket = 0x5d
const quoteMark = 0x22
const colon = 0x3a
const minus = 0x2d
const question = 0x3f
const backslash = 0x5c

/** Parses the segment at `start`, adds it to `segments` if that is given, and returns the position after it. */
function readSegment(text: string, start: number, segments: SelectorSegment[] | undefined): number {
  const dotted = text.charCodeAt(start) === dot
  const at = dotted ? start + 1 : start
  if (text.charCodeAt(at) === openBracket) return readBracket(text, at, segments)
  if (!dotted) throw malformed('SEL-01', text, start)
  let end = at
  while (isNameCharacter(text.charCodeAt(end), end > at)) end++
  if (end === at) throw malformed('SEL-01', text, start)
  const after = skipOptional(text, end)
  segments?.push(Object.freeze({ kind: 'field', name: text.slice(at, end), optional: after > end }))
  return after
}

function readBracket(text: string, open: number, segments: SelectorSegment[] | undefined): number {
  const inside = open + 1
  switch (text.charCodeAt(inside)) {
    case quoteMark:
      return readKey(text, inside, segments)
    case closeBracket:
      segments?.push(Object.freeze({ kind: 'values', optional: isOptional(text, inside) }))
      return endSegment(text, inside)
    default:
      return readNumbers(text, inside, segments)
  }
}

/** Parses `"name"]`. */
function readKey(text: string, start: number, segments: SelectorSegment[] | undefined): number {
  const close = endOfString(text, start)
  const name = readString(text, start, close)
  segments?.push(Object.freeze({ kind: 'field', name, optional: isOptional(text, close) }))
  return endSegment(text, close)
}

/** Parses `index]`, `start:end]`, `start:]` or `:end]`. */
function readNumbers(text: string, at: number, segments: SelectorSegment[] | undefined): number {
  const startEnd = endOfInteger(text, at)
  const start = readInteger(text, at, startEnd)
  if (text.charCodeAt(startEnd) !== colon) {
    if (start === undefined) throw malformed('SEL-04', text, at)
    segments?.push(Object.freeze({ kind: 'index', index: start, optional: isOptional(text, startEnd) }))
    return endSegment(text, startEnd)
  }
  const close = endOfInteger(text, startEnd + 1)
  const end = readInteger(text, startEnd + 1, close)
  // SEL-05: `[:]` would be a third spelling of the value before it.
  if (start === undefined && end === undefined) throw malformed('SEL-05', text, at - 1)
  segments?.push(
    Object.freeze({
      kind: 'slice',
      ...(start !== undefined && { start }),
      ...(end !== undefined && { end }),
      optional: isOptional(text, close),
    }),
  )
  return endSegment(text, close)
}

/** Whether the `]` at `close` is followed by `?`. */
function isOptional(text: string, close: number): boolean {
  return text.charCodeAt(close + 1) === question
}

/** The position after the `]` that must be at `close`, and after any `?`. */
function endSegment(text: string, close: number): number {
  if (text.charCodeAt(close) !== closeBracket) throw malformed('SEL-01', text, close)
  return skipOptional(text, close + 1)
}

/** The position after any number of `?`. Several have the meaning of one. */
function skipOptional(text: string, position: number): number {
  let end = position
  while (text.charCodeAt(end) === question) end++
  return end
}

function isNameCharacter(code: number, digitAllowed: boolean): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || (digitAllowed && isDigit(code))
  )
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

function endOfInteger(text: string, start: number): number {
  let end = text.charCodeAt(start) === minus ? start + 1 : start
  while (isDigit(text.charCodeAt(end))) end++
  return end
}

/** The integer between the positions, or undefined when they are equal. An integer has one spelling. */
function readInteger(text: string, start: number, end: number): number | undefined {
  if (end === start) return undefined
  const digits = text.slice(start, end)
  const value = Number(digits)
  // Leading zeros, `-0`, a lone `-` and numbers that lose precision all print differently.
  if (!Number.isSafeInteger(value) || String(value) !== digits) throw malformed('SEL-04', text, start)
  return value
}

/** The position after the quotation mark that closes the string at `start`. */
function endOfString(text: string, start: number): number {
  for (let position = start + 1; position < text.length; position++) {
    const code = text.charCodeAt(position)
    if (code === quoteMark) return position + 1
    if (code === backslash) position++
  }
  throw malformed('SEL-03', text, start)
}

/** Decodes a JSON string literal. */
function readString(text: string, start: number, end: number): string {
  let name: unknown
  try {
    name = JSON.parse(text.slice(start, end))
  } catch (cause) {
    throw malformed('SEL-03', text, start, cause)
  }
  // A lone surrogate has no encoding in UTF-8, so no key on the wire can equal it.
  if (typeof name !== 'string' || /\p{Surrogate}/u.test(name)) throw malformed('SEL-03', text, start)
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
