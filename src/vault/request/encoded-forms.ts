import { encodeBase64, encodeBase64url } from '../../ipld/base.ts'
import type { Secret } from '../secret.ts'

/** The shortest form that is searched for, in bytes: shorter ones would match everywhere. */
const shortest = 4

/**
 * Lists the byte strings as which a secret may appear in a response: unchanged, in base64 and base64url at each of the
 * three alignments, in hexadecimal, percent-encoded, form-encoded, and as a JSON string. The fields of a secret are
 * listed as well. The longest string comes first.
 */
export function encodedForms(secrets: readonly Secret[]): readonly Uint8Array[] {
  const forms = new Map<string, Uint8Array>()
  for (const secret of secrets) {
    for (const value of valuesOf(secret)) {
      for (const form of formsOf(value)) {
        const key = form.join()
        // The caller overwrites the forms of the list when the response has ended.
        if (form.length < shortest || forms.has(key)) form.fill(0)
        else forms.set(key, form)
      }
    }
  }
  return [...forms.values()].sort((a, b) => b.length - a.length)
}

function valuesOf(secret: Secret): readonly Uint8Array[] {
  const encoder = new TextEncoder()
  return [secret.revealBytes(), ...secret.fieldNames().map((name) => encoder.encode(secret.revealField(name)))]
}

function formsOf(bytes: Uint8Array): readonly Uint8Array[] {
  const encoder = new TextEncoder()
  const texts: string[] = [...alignments(bytes, encodeBase64), ...alignments(bytes, encodeBase64url)]
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  texts.push(hex, hex.toUpperCase())
  const text = new TextDecoder().decode(bytes)
  const percent = percentEncode(bytes)
  texts.push(
    percent,
    percent.replace(/%[0-9A-F]{2}/g, (triplet) => triplet.toLowerCase()),
  )
  texts.push(percent.replaceAll('%20', '+'), new URLSearchParams([['', text]]).toString().slice(1))
  const json = JSON.stringify(text).slice(1, -1)
  texts.push(json, json.replaceAll('/', '\\/'))
  return [bytes, ...texts.map((form) => encoder.encode(form))]
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

/** `encodeURIComponent` for bytes, so that bytes that are not UTF-8 have a form as well. */
function percentEncode(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) =>
    unreserved.includes(String.fromCharCode(byte))
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('')
}

const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()"
