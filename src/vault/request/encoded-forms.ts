import { encodeBase64, encodeBase64url } from '../../core/ipld/base.ts'
import { encodeHex } from '../../core/ipld/hex.ts'
import type { Secret } from '../secret.ts'
import { escapedForms } from './escaped-forms.ts'

/** The shortest form that is searched for, in bytes: shorter ones would match everywhere. SEC-11 */
const shortest = 4

/**
 * The shortest field that is searched for, and the shortest value in base64 at any alignment, in bytes. Shorter ones,
 * such as the number of an account or the name of a database, are parts of words and numbers of other texts. SEC-12
 */
const shortestPart = 8

/**
 * Lists the byte strings as which a secret may appear in a response: unchanged, in base64 and base64url at each of the
 * three alignments, in hexadecimal, percent-encoded, form-encoded, and escaped in JSON and HTML. The fields of a secret
 * of eight bytes or more are listed as well, and the credential in a value that is a whole header. The longest string
 * comes first.
 *
 * @param minBytes - the fewest bytes of a secret, a field or a credential that is listed.
 */
export function encodedForms(secrets: readonly Secret[], minBytes = 1): readonly Uint8Array[] {
  const forms = new Map<string, Uint8Array>()
  const latin1 = new TextDecoder('latin1')
  for (const secret of secrets) {
    for (const value of valuesOf(secret).filter(({ length }) => length >= minBytes)) {
      for (const form of formsOf(value)) {
        // Each byte is another character in it.
        const key = latin1.decode(form)
        // The caller overwrites the forms of the list when the response has ended.
        if (form.length < shortest || forms.has(key)) form.fill(0)
        else forms.set(key, form)
      }
    }
  }
  return [...forms.values()].sort((a, b) => b.length - a.length)
}

/**
 * Adds the credential of a header as it was sent, without its scheme: it may be made from a field that is too short to
 * be listed.
 *
 * @param forms - of {@link encodedForms}.
 */
export function withCredential(forms: readonly Uint8Array[], header: string | null): readonly Uint8Array[] {
  if (header === null) return forms
  const value = new TextEncoder().encode(header)
  const credentials = credentialsOf(value)
  const sent = (credentials.length > 0 ? credentials : [value]).filter(({ length }) => length >= shortest)
  for (const one of [value, ...credentials]) if (!sent.includes(one)) one.fill(0)
  return [...forms, ...sent].sort((a, b) => b.length - a.length)
}

function valuesOf(secret: Secret): readonly Uint8Array[] {
  const encoder = new TextEncoder()
  const fields = secret.fieldNames().map((name) => trimmed(encoder.encode(secret.revealField(name))))
  const values = [trimmed(secret.revealBytes()), ...fields.filter(({ length }) => length >= shortestPart)]
  return values.flatMap((value) => [value, ...credentialsOf(value)])
}

/** Without white space at its ends, such as the last line break of a file, which a program may have removed. */
function trimmed(value: Uint8Array): Uint8Array {
  const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13)
  const start = value.findIndex((byte) => !isSpace(byte))
  return start < 0 ? value : value.subarray(start, value.findLastIndex((byte) => !isSpace(byte)) + 1)
}

/** The credential in the value of a header, without its scheme; of Basic (RFC 7617), the password too. SEC-13 */
function credentialsOf(value: Uint8Array): readonly Uint8Array[] {
  const [, scheme, credential] =
    /^(api-?key|basic|bearer|key|token) +(\S+)$/i.exec(new TextDecoder().decode(value)) ?? []
  if (scheme === undefined || credential === undefined) return []
  const parts = [new TextEncoder().encode(credential)]
  if (scheme.toLowerCase() !== 'basic') return parts
  try {
    // Servers read it also without padding, and with the other alphabet.
    const text = atob(credential.replaceAll('-', '+').replaceAll('_', '/'))
    const pair = Uint8Array.from(text, (character) => character.charCodeAt(0))
    return [...parts, pair.slice(pair.indexOf(58) + 1)]
  } catch {
    return parts
  }
}

function formsOf(bytes: Uint8Array): readonly Uint8Array[] {
  const encoder = new TextEncoder()
  const hex = encodeHex(bytes)
  const text = new TextDecoder().decode(bytes)
  // Most forms of a plain text are that text.
  const texts = new Set([
    ...(bytes.length < shortestPart ? [] : [...alignments(bytes, encodeBase64), ...alignments(bytes, encodeBase64url)]),
    ...[hex, hex.toUpperCase()],
    ...percentEncoded(bytes),
    new URLSearchParams([['', text]]).toString().slice(1),
    ...escapedForms(text),
  ])
  return [bytes, ...Array.from(texts, (form) => encoder.encode(form))]
}

/**
 * The base64 characters that depend on `bytes` alone, when zero, one or two other bytes precede them in their group of
 * three.
 */
function alignments(bytes: Uint8Array, encode: (bytes: Uint8Array) => string): readonly string[] {
  return [0, 1, 2].map((before) => {
    const padded = new Uint8Array(before + bytes.length)
    padded.set(bytes, before)
    return encode(padded).slice(Math.ceil((before * 8) / 6), Math.floor((padded.length * 8) / 6))
  })
}

/** Percent-encoding of bytes, so that bytes that are not UTF-8 have forms as well. */
function percentEncoded(bytes: Uint8Array): readonly string[] {
  return percentStyles.flatMap((style) => {
    let form = ''
    for (const byte of bytes) form += style[byte]
    const forms = [form, form.replace(/%[0-9A-F]{2}/g, (triplet) => triplet.toLowerCase())]
    return [...forms, ...forms.map((one) => one.replaceAll('%20', '+'))]
  })
}

/** Each byte as RFC 3986 has it, the same with slashes as in a path, and as `encodeURIComponent` has it. */
const percentStyles: readonly (readonly string[])[] = Object.freeze(
  ['', '/', "!*'()"].map((more) =>
    Array.from({ length: 256 }, (_, byte) => {
      const character = String.fromCharCode(byte)
      const isPlain = /[A-Za-z0-9._~-]/.test(character) || more.includes(character)
      return isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    }),
  ),
)
