import fc from 'fast-check'

/** Readers of paths: what each makes of one. */
const readers: readonly ((path: string) => string)[] = [
  (path) => new URL(`https://h${path}`).pathname,
  (path) => path.replaceAll(/%(?:[0-7][0-9a-f])/gi, (code) => decodeURIComponent(code)),
  readUtf8,
  // each byte as a character, and the form `%u002e`
  (path) =>
    path.replaceAll(/%(?:u([0-9a-f]{4})|([0-9a-f]{2}))/gi, (_, four, two) =>
      String.fromCharCode(Number.parseInt(four ?? two, 16)),
    ),
  // two bytes where one would do
  (path) => path.replaceAll(/%c0%([89ab][0-9a-f])/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16) & 0x3f)),
  (path) => path.replaceAll(/;[^/]*/g, ''),
  (path) => path.normalize('NFKC'),
  (path) => path.replaceAll(/\/{2,}/g, '/'),
  (path) => path.replaceAll(/[\p{Cc}\u200b\u00ad]/gu, ''),
  (path) =>
    path
      .split('/')
      .map((segment) => segment.trim())
      .join('/'),
]

/** Decodes all of it as UTF-8, and replaces the bytes that are not. */
function readUtf8(path: string): string {
  const bytes = Buffer.from(path).toString('latin1')
  const decoded = bytes.replaceAll(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(decoded, 'latin1').toString()
}

/** Where a path leads, by any two readers in a row and a URL parser at last. */
export function meanings(path: string): readonly string[] {
  const once = readers.map((read) => read(path))
  const twice = once.flatMap((read) => readers.map((reader) => reader(read)))
  return [...new Set([path, ...once, ...twice])].map((text) => new URL(`https://h${text}`).pathname)
}

/** Parts of paths, in all the spellings that some reader takes for a step, a slash or the end of a name. */
const pieces: readonly string[] = [
  ...['.', '..', '/', '/', ';', '?', '#', ' ', 'a', 'secret', 'public', '%', '\\', '~', '\t'],
  ...['%25', '%2e', '%2E', '%2F', '%2f', '%5C', '%3B', '%3b', '%3F', '%23', '%20', '%09', '%0A', '%0d', '%00', '%7f'],
  ...['%252e', '%252F', '%253B', '%25252e', '%u002e', '%u003b', '%u2215', '%uff0e'],
  ...['%C2%A0', '%a0', '%C2%85', '%c2%ad', '%E2%80%8B', '%EF%BC%8E', '%EF%BC%8F', '%EF%BC%9B', '%E2%80%A5'],
  ...['%C0%AE', '%c0%af', '%C0%BB', '%E0%80%AE', '%ff', '%E2%81%84', '%e2%88%95'],
  ...['\uff0e', '\uff0f', '\uff1b', '\uff1f', '\uff03', '\u2025', '\u2024', '\u00a0', '\u1680', '\u200b', '\u0085'],
  '\u0301',
]

/** Texts that are made of such parts. */
export const texts: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.constantFrom('a', '/', ';', '..'), fc.constantFrom(...pieces)), { minLength: 1, maxLength: 8 })
  .map((parts) => parts.join(''))
