/** The part of Node's `IncomingMessage` that is used. Express passes one, and Fastify has it as `request.raw`. */
export interface NodeRequest {
  /** Names and values in turn. The other forms of headers join or drop repeated headers. */
  readonly rawHeaders: readonly string[]
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array | string>
}

/**
 * Reads a body of limited length into one buffer.
 *
 * @param announced - the length that the sender announced; 0 without one.
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
      // HTP-07: a kept chunk of one byte would take hundreds of bytes of memory.
      body = withRoom(body, length + bytes.length, most)
      body.set(bytes, length)
      length += bytes.length
    }
  } catch {
    return 'broken off'
  }
  return body.slice(0, length)
}

/** The same bytes in a buffer for `needed` bytes, which doubles up to `most`. */
function withRoom(bytes: Uint8Array<ArrayBuffer>, needed: number, most: number): Uint8Array<ArrayBuffer> {
  if (needed <= bytes.length) return bytes
  const larger = new Uint8Array(Math.min(most, Math.max(needed, 2 * bytes.length)))
  larger.set(bytes)
  return larger
}

/** Enough for most calls, in bytes. */
const firstRoom = 4_096

async function* chunksOf(request: Request | NodeRequest): AsyncGenerator<Uint8Array | string, void> {
  if ('rawHeaders' in request) {
    // An early end of the iterator would close the connection, and no response could be sent.
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
