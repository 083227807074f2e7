import type { NodeRequest } from './read-container.ts'

/**
 * Reads a body, and no more of it than it may have, into one buffer.
 *
 * @param announced - its length as the sender says, 0 when it does not.
 */
export async function readBody(
  request: Request | NodeRequest,
  most: number,
  announced: number,
): Promise<Uint8Array | 'too long' | 'broken off'> {
  if (announced > most) return 'too long'
  let body = new Uint8Array(Math.min(most, firstRoom))
  let length = 0
  try {
    for await (const chunk of chunksOf(request)) {
      const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk
      if (length + bytes.length > most) return 'too long'
      // HTP-07: a chunk of one byte that was kept would take hundreds
      body = withRoom(body, length + bytes.length, most)
      body.set(bytes, length)
      length += bytes.length
    }
  } catch {
    return 'broken off'
  }
  return body.slice(0, length)
}

/** The same bytes with room for `needed`, in a buffer that doubles up to `most`. */
function withRoom(bytes: Uint8Array<ArrayBuffer>, needed: number, most: number): Uint8Array<ArrayBuffer> {
  if (needed <= bytes.length) return bytes
  const larger = new Uint8Array(Math.min(most, Math.max(needed, 2 * bytes.length)))
  larger.set(bytes)
  return larger
}

/** Room for most calls, in bytes. */
const firstRoom = 4_096

async function* chunksOf(request: Request | NodeRequest): AsyncGenerator<Uint8Array | string, void> {
  if ('rawHeaders' in request) {
    // Ended early the iterator of Node would close the connection, and the answer could not be sent.
    const iterator = request[Symbol.asyncIterator]()
    for (;;) {
      const { done, value } = await iterator.next()
      if (done) return
      yield value
    }
  }
  const reader = request.body?.getReader()
  if (reader === undefined) return
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel()
  }
}
