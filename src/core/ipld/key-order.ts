/**
 * The canonical order of map keys: the shorter in UTF-8 first, then bytewise (DAG-CBOR, "Strictness").
 *
 * @returns a negative number when `a` comes before `b`.
 */
export function compareKeys(a: string, b: string): number {
  const lengths = utf8Length(a) - utf8Length(b)
  if (lengths !== 0) return lengths
  const end = Math.min(a.length, b.length)
  for (let i = 0; i < end; i++) {
    const difference = utf8Rank(a.charCodeAt(i)) - utf8Rank(b.charCodeAt(i))
    if (difference !== 0) return difference
  }
  return 0
}

/** The length in UTF-8 of well-formed text. A surrogate is half of four bytes. */
function utf8Length(text: string): number {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x80) length += code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 1 : 2
  }
  return length
}

/** The rank of a code unit in the order of UTF-8: surrogates come after all others. */
function utf8Rank(code: number): number {
  return code >= 0xd800 && code < 0xe000 ? code + 0x10000 : code
}
