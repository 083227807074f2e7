/**
 * Bodies of limited length. The bytes are counted while they are read: an announced length can be wrong, or be the one
 * of the compressed bytes.
 *
 * @module
 */

import { unlessAborted } from './abort.ts'

/** The part of the reader of a stream that is used. */
export interface ChunkReader {
  read(): Promise<{ readonly done?: boolean | undefined; readonly value?: Uint8Array | undefined }>
  cancel?(): Promise<void>
}

/** Enough for most bodies, in bytes. */
const firstRoom = 4_096

/**
 * Reads a body of at most `most` bytes into one buffer: a chunk that is kept can take hundreds of times the memory of
 * its bytes. The rest of a longer body is cancelled.
 *
 * @param reader - undefined for no body, which has no bytes.
 * @returns undefined when the body is longer.
 * @throws the error of the stream when it breaks off; the reason of the signal.
 */
export async function readBounded(
  reader: ChunkReader | undefined,
  most: number,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  let bytes = new Uint8Array(Math.min(most, firstRoom))
  let length = 0
  const isWhole = await eachChunk(reader, signal, (chunk) => {
    const end = length + chunk.length
    if (end > most) return false
    if (end > bytes.length) {
      const larger = new Uint8Array(Math.min(most, Math.max(end, 2 * bytes.length)))
      larger.set(bytes)
      bytes = larger
    }
    bytes.set(chunk, length)
    length = end
    return true
  })
  return isWhole ? bytes.slice(0, length) : undefined
}

/**
 * Reads a body as UTF-8 text of at most `most` characters. Bytes that are not UTF-8 become U+FFFD.
 *
 * @throws the error of `tooLong` when it is longer; otherwise as {@link readBounded} does.
 */
export async function readText(
  body: ReadableStream<Uint8Array> | null,
  { most, tooLong, signal }: { readonly most: number; readonly tooLong: () => Error; readonly signal: AbortSignal },
): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  const isWhole = await eachChunk(body?.getReader(), signal, (chunk) => {
    text += decoder.decode(chunk, { stream: true })
    return text.length <= most
  })
  if (!isWhole) throw tooLong()
  return text + decoder.decode()
}

/** Passes the chunks on until one is refused. Returns whether none was. */
async function eachChunk(
  reader: ChunkReader | undefined,
  signal: AbortSignal | undefined,
  take: (chunk: Uint8Array) => boolean,
): Promise<boolean> {
  try {
    for (;;) {
      const read = await unlessAborted(async () => reader?.read(), signal)
      if (read?.value === undefined || read.done === true) return true
      if (!take(read.value)) return false
    }
  } finally {
    reader?.cancel?.().catch(() => undefined)
  }
}
