/**
 * Selectors: the path from the arguments to the value that a statement is about.
 *
 * @module
 */

import { MalformedError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'

/** A segment that takes the value under a key of a map. */
export interface FieldSegment {
  readonly kind: 'field'
  readonly name: string
  readonly optional: boolean
}

/** A segment that takes one element of a list, or one byte as a number. A negative index counts from the end. */
export interface IndexSegment {
  readonly kind: 'index'
  readonly index: number
  readonly optional: boolean
}

/** A segment that takes a range of a list or of bytes; `end` is not included. At least one bound is given. */
export interface SliceSegment {
  readonly kind: 'slice'
  readonly start?: number
  readonly end?: number
  readonly optional: boolean
}

/** A segment `[]` that takes a list as it is, and of a map the values in the order of its keys. */
export interface ValuesSegment {
  readonly kind: 'values'
  readonly optional: boolean
}

/** One step of a selector. `optional` says that a failure gives `null` and not "unresolved". */
export type SelectorSegment = FieldSegment | IndexSegment | SliceSegment | ValuesSegment

/** A parsed selector: its segments from left to right. No segment is the identity, `.`. */
export type Selector = readonly SelectorSegment[]

/** Characters of a selector, at most. */
export const maxSelectorLength = 1024
/** Segments of a selector, at most: twice as many as arguments can be deep. */
const maxSegments = 64

/**
 * Reads the whole of `text` as a selector. The same text gives an equal selector each time; nothing is cached.
 *
 * @throws MalformedError (`SEL-01` to `SEL-06`) when it is not one; never a selector of part of the text.
 */
export function parseSelector(text: string): Selector {
  const segments: SelectorSegment[] = []
  readSelector(text, segments)
  return Object.freeze(segments)
}

/**
 * Reads a selector and keeps nothing of it. Tokens that nobody has verified can hold tens of thousands of segments, and
 * most of the time that it takes to read one is for the objects that are made of it.
 *
 * @throws MalformedError as {@link parseSelector} does.
 */
export function checkSelector(text: string): void {
  readSelector(text, undefined)
}

function readSelector(text: string, segments: SelectorSegment[] | undefined): void {
  if (typeof text !== 'string') throw new MalformedError('SEL-01', 'a selector is a string')
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

/** Reads one segment at `start`, adds it to `segments` if there are any, and returns the position after it. */
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
  const first = text.charCodeAt(open + 1)
  if (first === quoteMark) {
    const close = endOfString(text, open + 1)
    const after = skipOptional(text, afterBracket(text, close))
    const name = readString(text, open + 1, close)
    segments?.push(Object.freeze({ kind: 'field', name, optional: after > close + 1 }))
    return after
  }
  if (first === closeBracket) {
    const after = skipOptional(text, open + 2)
    segments?.push(Object.freeze({ kind: 'values', optional: after > open + 2 }))
    return after
  }
  const startEnd = endOfInteger(text, open + 1)
  const start = readInteger(text, open + 1, startEnd)
  if (text.charCodeAt(startEnd) !== colon) {
    if (start === undefined) throw malformed('SEL-04', text, open + 1)
    const close = afterBracket(text, startEnd)
    const after = skipOptional(text, close)
    segments?.push(Object.freeze({ kind: 'index', index: start, optional: after > close }))
    return after
  }
  const endEnd = endOfInteger(text, startEnd + 1)
  const end = readInteger(text, startEnd + 1, endEnd)
  // SEL-05: `[:]` would be a third way to write what it stands on.
  if (start === undefined && end === undefined) throw malformed('SEL-05', text, open)
  const close = afterBracket(text, endEnd)
  const after = skipOptional(text, close)
  segments?.push(
    Object.freeze({
      kind: 'slice',
      ...(start !== undefined && { start }),
      ...(end !== undefined && { end }),
      optional: after > close,
    }),
  )
  return after
}

/** Position after the `]` that must stand at `position`. */
function afterBracket(text: string, position: number): number {
  if (text.charCodeAt(position) !== closeBracket) throw malformed('SEL-01', text, position)
  return position + 1
}

/** Position after any number of `?`: said twice it says no more. */
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

/** The integer between the positions, or undefined when there is none. One number has one spelling. */
function readInteger(text: string, start: number, end: number): number | undefined {
  if (end === start) return undefined
  const digits = text.slice(start, end)
  const value = Number(digits)
  // Leading zeros, "-0", "-" alone and numbers that lose digits all print differently from what was read.
  if (!Number.isSafeInteger(value) || String(value) !== digits) throw malformed('SEL-04', text, start)
  return value
}

/** Position after the quote that closes the string which opens at `start`. */
function endOfString(text: string, start: number): number {
  for (let position = start + 1; position < text.length; position++) {
    const code = text.charCodeAt(position)
    if (code === quoteMark) return position + 1
    if (code === backslash) position++
  }
  throw malformed('SEL-03', text, start)
}

/** The key that a JSON string literal stands for. */
function readString(text: string, start: number, end: number): string {
  let name: unknown
  try {
    name = JSON.parse(text.slice(start, end))
  } catch (cause) {
    throw malformed('SEL-03', text, start, cause)
  }
  // A lone surrogate has no UTF-8 form, so no key on the wire can equal it.
  if (typeof name !== 'string' || /\p{Surrogate}/u.test(name)) throw malformed('SEL-03', text, start)
  return name
}

function malformed(requirement: string, text: string, position: number, cause?: unknown): MalformedError {
  return new MalformedError(requirement, `selector ${quote(text)} is wrong at character ${position + 1}`, { cause })
}

function tooLarge(text: string): MalformedError {
  return new MalformedError(
    'SEL-06',
    `selector ${quote(text)} is longer than ${maxSelectorLength} characters or ${maxSegments} segments`,
    {
      kind: 'too_large',
    },
  )
}
