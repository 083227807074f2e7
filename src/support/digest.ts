/**
 * Hashes and MACs by WebCrypto, from bytes to bytes.
 *
 * @module
 */

/** Returns the SHA-256 of bytes. */
export async function sha256Bytes(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', owned(bytes)))
}

/** Returns the SHA-256 of bytes in the form of the header `Content-Digest` (RFC 9530). */
export async function contentDigest(bytes: Uint8Array): Promise<string> {
  return `sha-256=:${btoa(String.fromCharCode(...(await sha256Bytes(bytes))))}:`
}

/** Returns the HMAC of bytes (RFC 2104). */
export async function hmacBytes(hash: 'SHA-256' | 'SHA-512', key: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey('raw', owned(key), { name: 'HMAC', hash }, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, owned(bytes)))
}

/** Whether two byte strings are equal, in time that depends on their lengths only: for secrets too. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let index = 0; index < a.length; index += 1) difference |= (a[index] ?? 0) ^ (b[index] ?? 0)
  return difference === 0
}

/** A copy with a buffer of its own, as the types of WebCrypto require. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes)
}
