/**
 * Base64 and gzip where there is no Node: by `atob` and `btoa`, and by the streams of the platform.
 *
 * @module
 */

/** Every engine supports a call with this many arguments. */
const mostArguments = 0x2000

/** Writes bytes in base64 with padding, or in base64url without. */
export function encode(bytes: Uint8Array, alphabet: 'base64' | 'base64url'): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += mostArguments) {
    binary += String.fromCharCode.apply(null, bytes.subarray(at, at + mostArguments) as unknown as number[])
  }
  return write(binary, alphabet)
}

/** Reads bytes; undefined when the text is not the one that {@link encode} writes for them. */
export function decode(text: string, alphabet: 'base64' | 'base64url'): Uint8Array | undefined {
  let binary: string
  try {
    binary = atob(alphabet === 'base64' ? text : text.replaceAll('-', '+').replaceAll('_', '/'))
  } catch {
    return undefined
  }
  // `atob` skips white space, missing padding and bits left over.
  if (write(binary, alphabet) !== text) return undefined
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

function write(binary: string, alphabet: 'base64' | 'base64url'): string {
  const text = btoa(binary)
  return alphabet === 'base64' ? text : text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** Compresses. */
export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream('gzip'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}
