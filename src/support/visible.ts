/**
 * Shows foreign text so that each character is visible, and no line of it looks like a line of this library.
 *
 * @module
 */

/**
 * Writes text between quotation marks. Each character that moves the cursor, turns the direction of the text, ends a
 * line or is not seen is written as its escape, as are quotation marks and backslashes.
 */
export function quoted(text: string): string {
  const shown = text.replace(unseen, (found) => (found === ' ' ? found : escapeOf(found)))
  return `"${escapeStacks(shown)}"`
}

/** Like {@link quoted}, for text that has its own quotation marks and escapes, such as JSON. */
export function visible(text: string): string {
  return escapeStacks(text.replace(unseen, (found) => (/[ "\\]/.test(found) ? found : escapeOf(found))))
}

/** APR-10 */
const unseen = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800"\\]/gu

/** Most combining marks on one character. More of them cover the lines above. */
const maxMarks = 2

function escapeStacks(text: string): string {
  let end = -1
  let height = 0
  return text.replace(/\p{M}/gu, (mark, at: number) => {
    height = at === end ? height + 1 : 1
    end = at + mark.length
    return height <= maxMarks ? mark : escapeOf(mark)
  })
}

const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['"', '\\"'],
  ['\\', '\\\\'],
])

function escapeOf(character: string): string {
  return shortEscapes.get(character) ?? `\\u{${codeOf(character).toLowerCase()}}`
}

function codeOf(character: string): string {
  return (character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')
}

/** Most characters that {@link foreignNote} names. */
const maxNamed = 3

/** Letters of the scripts that are written from the right, such as Hebrew and Arabic. */
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u

/**
 * Names the characters beyond ASCII: one of another script can look like a Latin letter, and one that is written from
 * the right changes the order in which others are shown. Empty for ASCII.
 */
export function foreignNote(shown: string): string {
  const foreign = [...new Set(shown.match(/[^\p{ASCII}]/gu) ?? [])]
  if (foreign.length === 0) return ''
  const order = rightToLeft.test(shown) ? '; from right to left: the order shown may be wrong' : ''
  const named = foreign.slice(0, maxNamed).map((character) => `U+${codeOf(character)}`)
  const rest = foreign.length - named.length
  return ` (not only ASCII: ${named.join(', ')}${rest === 0 ? '' : ` and ${rest} more`}${order})`
}

/** Cuts text at a character, after at most `max` of them. */
export function cut(text: string, max: number): string {
  return text.length <= max ? text : [...text.slice(0, max * 2)].slice(0, max).join('')
}

/** The beginning of a line that continues another one. */
const continued = '    | '

/**
 * Breaks a line into lines of at most `width` columns: after a space, or inside a word that is longer than a line. A
 * character beyond ASCII counts for two columns, as the widest do.
 *
 * @param first - begins the first line. Every other line begins so that it does not look like a line of its own.
 */
export function wrap(line: string, width: number, first: string): string[] {
  const lines: string[] = []
  let current = first
  let columns = first.length
  const next = (): void => {
    lines.push(current)
    current = continued
    columns = continued.length
  }
  const words = line.split(' ')
  for (const word of words.map((one, at) => (at < words.length - 1 ? `${one} ` : one))) {
    const wide = columnsOf(word)
    if (columns + wide > width && continued.length + wide <= width) next()
    for (const character of word) {
      if (columns + columnsOf(character) > width) next()
      current += character
      columns += columnsOf(character)
    }
  }
  return [...lines, current]
}

function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += character > '\u007f' ? 2 : 1
  return columns
}
