/**
 * The patterns of `like`.
 *
 * @module
 */

/** Whether the whole text is of the pattern's form. Takes time linear in pattern and text, whatever they are. */
export type GlobMatcher = (text: string) => boolean

/**
 * Compiles a pattern in which `*` stands for any run of code units, none and line ends included, `\*` for a star, and
 * everything else, a backslash before another character too, for itself. Case counts.
 *
 * A regular expression would backtrack; a pattern without one is its pieces between the stars, of which the first must
 * begin the text, the last must end it, and the others follow each other at their earliest place.
 */
export function compileGlob(pattern: string): GlobMatcher {
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

/** The literal pieces of a pattern: what stands before, between and after its stars. One piece means no star. */
export function splitGlob(pattern: string): readonly string[] {
  const pieces: string[] = []
  let piece = ''
  let start = 0
  for (let position = 0; position < pattern.length; position++) {
    const code = pattern.charCodeAt(position)
    if (code === BACKSLASH && pattern.charCodeAt(position + 1) === STAR) {
      piece += pattern.slice(start, position)
      start = position + 1
      position++
    } else if (code === STAR) {
      pieces.push(piece + pattern.slice(start, position))
      piece = ''
      start = position + 1
    }
  }
  pieces.push(piece + pattern.slice(start))
  return pieces
}

/** Writes literal text as a pattern that matches only it. */
export function escapeGlob(text: string): string {
  return text.replaceAll('*', '\\*')
}

const STAR = 0x2a
const BACKSLASH = 0x5c

/** Longest piece for which the host's own search is used: its worst case is this many comparisons a character. */
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

/** Knuth, Morris and Pratt: never goes back in the text, so that a repetitive piece cannot make it slow. */
function compileLongPiece(piece: string): PieceFinder {
  const borders = new Int32Array(piece.length)
  for (let position = 1, length = 0; position < piece.length; position++) {
    const code = piece.charCodeAt(position)
    while (length > 0 && code !== piece.charCodeAt(length)) length = borders[length - 1] ?? 0
    if (code === piece.charCodeAt(length)) length++
    borders[position] = length
  }
  return (text, from, end) => {
    let length = 0
    for (let position = from; position < end; position++) {
      const code = text.charCodeAt(position)
      while (length > 0 && code !== piece.charCodeAt(length)) length = borders[length - 1] ?? 0
      if (code === piece.charCodeAt(length)) length++
      if (length === piece.length) return position + 1
    }
    return -1
  }
}
