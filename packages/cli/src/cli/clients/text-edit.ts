/** A part of a text, in UTF-16 code units. */
export interface Span {
  readonly offset: number
  readonly length: number
}

/** A part of a text, and the text that replaces it. */
export interface TextEdit extends Span {
  readonly text: string
}

/** Applies edits that do not overlap. Everything outside them stays as it is. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const ordered = [...edits].sort((one, other) => one.offset - other.offset)
  const pieces: string[] = []
  let at = 0
  for (const { offset, length, text: next } of ordered) {
    if (offset < at) throw new RangeError('two edits of the file overlap')
    pieces.push(text.slice(at, offset), next)
    at = offset + length
  }
  pieces.push(text.slice(at))
  return pieces.join('')
}

/** The part of a text. */
export function textOfSpan(text: string, { offset, length }: Span): string {
  return text.slice(offset, offset + length)
}

/** Returns the line of an offset, from 1. The line ends are read once, for any number of offsets. */
export function linesOf(text: string): (offset: number) => number {
  const ends: number[] = []
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) ends.push(at)
  return (offset) => {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((ends[middle] as number) < offset) low = middle + 1
      else high = middle
    }
    return low + 1
  }
}

/** The line end that a text uses. */
export function lineEndOf(text: string): string {
  const at = text.indexOf('\n')
  return at > 0 && text[at - 1] === '\r' ? '\r\n' : '\n'
}

/**
 * The white space between the beginning of a line and an offset; undefined when other characters are between them.
 */
export function indentAt(text: string, offset: number): string | undefined {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const before = text.slice(start, offset)
  return /^[ \t]*$/.test(before) && start > 0 ? before : undefined
}
