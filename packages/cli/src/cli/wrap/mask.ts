/** The dots in the place of a secret. */
export const dots = '••••'

/** A part without escapes, an escape of JSON or TOML, or a backslash. The last escape joins two lines. */
const parts =
  /[^\\]{1,4096}|\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(["\\/bfnrte])|[ \t]{0,99}\r?\n\s{0,999})|\\/g

const short: ReadonlyMap<string, string> = new Map([
  ...([...'"\\/'].map((one) => [one, one]) as [string, string][]),
  ...([...'bfnrt'].map((one, at) => [one, '\b\f\n\r\t'[at]]) as [string, string][]),
  ['e', '\u001b'],
])

/**
 * Replaces values in a text of JSON or TOML by dots, as they are and as they are written with escapes: a program may
 * write `\/` or `\u002b` in a token.
 */
export function maskValues(text: string, values: readonly string[]): string {
  const plain = values.reduce((masked, value) => masked.replaceAll(value, dots), text)
  if (!plain.includes('\\')) return plain
  const { decoded, starts } = decode(plain)
  const isMasked = new Uint8Array(plain.length)
  for (const value of values)
    for (let at = decoded.indexOf(value); at >= 0; at = decoded.indexOf(value, at + 1))
      isMasked.fill(1, starts[at], starts[at + value.length])
  const pieces: string[] = []
  for (let at = 0; at < plain.length; ) {
    const end = isMasked.indexOf(isMasked[at] === 1 ? 0 : 1, at)
    const stop = end < 0 ? plain.length : end
    pieces.push(isMasked[at] === 1 ? dots : plain.slice(at, stop))
    at = stop
  }
  return pieces.join('')
}

/** The text without escapes, and the place in the text of each code unit of it. */
function decode(text: string): { readonly decoded: string; readonly starts: readonly number[] } {
  const units: string[] = []
  const starts: number[] = []
  for (const found of text.matchAll(parts)) {
    const isEscape = found[0].startsWith('\\')
    const decoded = isEscape ? unescaped(found) : found[0]
    units.push(decoded)
    for (let at = 0; at < decoded.length; at++) starts.push(isEscape ? found.index : found.index + at)
  }
  return { decoded: units.join(''), starts: [...starts, text.length] }
}

function unescaped([whole, four, eight, two, one]: RegExpExecArray): string {
  const digits = four ?? eight ?? two
  if (digits === undefined) return one !== undefined ? (short.get(one) ?? whole) : whole === '\\' ? whole : ''
  const code = Number.parseInt(digits, 16)
  return code > 0x10ffff ? whole : String.fromCodePoint(code)
}
