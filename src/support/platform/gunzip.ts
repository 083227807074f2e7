/**
 * Inflating where there is no Node, by the stream of the platform.
 *
 * @module
 */

import { readBounded } from '../read-bounded.ts'
import { type InflateFault, readMember } from './member.ts'

/** Bytes that are written at once. They inflate to 1 MiB at most, which is the memory that a zip bomb can take. */
const pieceLength = 1024

/** Inflates the one gzip member that `bytes` must be, into at most `maxBytes`. */
export async function gunzip(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array | InflateFault> {
  const member = readMember(bytes)
  if (member === undefined) return 'not_gzip'
  const contents = await inflate(member.deflated, maxBytes)
  if (typeof contents === 'string') return contents
  if (!member.isOf(contents)) return 'not_gzip'
  // Some platforms ignore bytes after the last block. If the data is whole without its last byte, that byte is one.
  const isWhole = (await inflate(member.deflated.subarray(0, -1), maxBytes)) === 'not_gzip'
  return isWhole ? contents : 'not_gzip'
}

/** Inflates data that ends with its last block. */
async function inflate(deflated: Uint8Array, maxBytes: number): Promise<Uint8Array | InflateFault> {
  const { readable, writable } = new DecompressionStream('deflate-raw')
  const written = writePieces(writable.getWriter(), deflated)
  try {
    // Nobody reads on behind the limit, so the writer stops.
    return (await readBounded(readable.getReader(), maxBytes)) ?? 'too_large'
  } catch {
    return 'not_gzip'
  } finally {
    await written
  }
}

/** Writes as the reader takes. A fault of the data reaches the reader. */
async function writePieces(writer: WritableStreamDefaultWriter<BufferSource>, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length; at += pieceLength) {
      await writer.write(bytes.subarray(at, at + pieceLength) as Uint8Array<ArrayBuffer>)
    }
    await writer.close()
  } catch {
    // The reader has the reason.
  }
}
