/** Most messages of a batch. A relay refuses a larger one whole. */
export const mostOfBatch = 100

/** Most values of a message: a line of small values takes a parser a hundred times as long as one of long strings. */
export const mostValues = 262_144

/** Whether a text of JSON has more values than a message may have. Each of them takes at least two characters. */
export function hasTooManyValues(text: string): boolean {
  if (text.length < 2 * mostValues) return false
  let count = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === quotation) at = endOfString(text, at)
    else if (unit === comma || unit === bracket || unit === brace) count++
    if (count > mostValues) return true
  }
  return false
}

const [quotation, comma, bracket, brace, backslash] = [0x22, 0x2c, 0x5b, 0x7b, 0x5c]

/** The place of the quotation mark that ends a string; the end of the text for a string that does not end. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (text.charCodeAt(before) === backslash) before--
    if ((end - before) % 2 === 1) return end
  }
  return text.length
}
