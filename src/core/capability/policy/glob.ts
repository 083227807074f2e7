/**
 * The patterns of `like`.
 *
 * @module
 */

import { ArgumentError } from '../../../errors.ts'

/** Whether the whole text matches the pattern. Takes time linear in the lengths of pattern and text. */
export type GlobMatcher = (text: string) => boolean

/**
 * Compiles a pattern. `*` matches any text, also an empty one and line breaks; `\*` matches a star. Any other character
 * matches itself, a backslash before another character included. Case is significant.
 *
 * A regular expression would backtrack. Here the pattern is split at its stars: the text must begin with the first
 * piece and end with the last, and the others are found one after another, each at its first occurrence.
 *
 * @throws ArgumentError when `pattern` is not a string.
 */
export function compileGlob(pattern: string): GlobMatcher {
  if (typeof pattern !== 'string') throw new ArgumentError('compileGlob: `pattern` must be a string')
  // POL-21
  const pieces = splitGlob(pattern)
  const head = pieces[0] ?? ''
  if (pieces.length === 1) return (text) => text === head
  const tail = pieces[pieces.length - 1] ?? ''
  const middle = pieces
    .slice(1, -1)
    .filter((piece) => piece !== '')
    .map(compilePiece)
  const least = head.length + tail.length
  if (middle.length === 0) {
    if (head === '') return (text) => text.endsWith(tail)
    if (tail === '') return (text) => text.startsWith(head)
    return (text) => text.length >= least && text.startsWith(head) && text.endsWith(tail)
  }
  return (text) => {
    if (text.length < least || !text.startsWith(head) || !text.endsWith(tail)) return false
    const end = text.length - tail.length
    let position = head.length
    for (const findEnd of middle) {
      position = findEnd(text, position, end)
      if (position < 0) return false
    }
    return true
  }
}

/** The literal pieces of a pattern before, between and after its stars. One piece means that there is no star. */
export function splitGlob(pattern: string): readonly string[] {
  const pieces: string[] = []
  let piece = ''
  let start = 0
  for (let position = 0; position < pattern.length; position++) {
    const code = pattern.charCodeAt(position)
    if (code === backslash && pattern.charCodeAt(position + 1) === star) {
      piece += pattern.slice(start, position)
      start = position + 1
      position++
    } else if (code === star) {
      pieces.push(piece + pattern.slice(start, position))
      piece = ''
      start = position + 1
    }
  }
  pieces.push(piece + pattern.slice(start))
  return pieces
}

/**
 * Returns a pattern that matches only this text.
 *
 * @throws ArgumentError when `text` is not a string.
 */
export function escapeGlob(text: string): string {
  if (typeof text !== 'string') throw new ArgumentError('escapeGlob: `text` must be a string')
  return text.replaceAll('*', '\\*')
}

const star = 0x2a
const backslash = 0x5c

/** Longest piece for which `indexOf` is used: its worst case is this many comparisons per character. */
const maxNativePiece = 8

/** Finds a piece within `text[from, end)`; returns the position after it, or -1. */
type PieceFinder = (text: string, from: number, end: number) => number

function compilePiece(piece: string): PieceFinder {
  if (piece.length > maxNativePiece) return compileLongPiece(piece)
  return (text, from, end) => {
    const at = text.indexOf(piece, from)
    return at < 0 || at + piece.length > end ? -1 : at + piece.length
  }
}

/** The search of Knuth, Morris and Pratt never goes back in the text, so a repetitive piece does not slow it down. */
function compileLongPiece(piece: string): PieceFinder {
  const { length } = piece
  const codes = new Uint16Array(length)
  for (let at = 0; at < length; at++) codes[at] = piece.charCodeAt(at)
  // The index in the piece with which to continue after a mismatch; -1 means the next code unit of the text.
  const fallback = new Int32Array(length)
  fallback[0] = -1
  for (let at = 1, border = 0; at < length; at++) {
    const same = codes[at] === codes[border]
    fallback[at] = (same ? fallback[border] : border) as number
    while (border >= 0 && codes[at] !== codes[border]) border = fallback[border] as number
    border++
  }
  return (text, from, end) => {
    let matched = 0
    for (let at = from; at < end; at++) {
      const code = text.charCodeAt(at)
      while (matched >= 0 && codes[matched] !== code) matched = fallback[matched] as number
      matched++
      if (matched === length) return at + 1
    }
    return -1
  }
}
