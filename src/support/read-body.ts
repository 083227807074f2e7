import { type ChunkReader, readBounded } from './read-bounded.ts'

/** The part of Node's `IncomingMessage` that is used. Express passes one, and Fastify has it as `request.raw`. */
export interface NodeRequest {
  /** Names and values in turn. The other forms of headers join or drop repeated headers. */
  readonly rawHeaders: readonly string[]
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array | string>
}

/**
 * Reads the body of a request, of limited length, into one buffer. HTP-07
 *
 * @param announced - the length that the sender announced; 0 without one.
 */
export async function readBody(
  request: Request | NodeRequest,
  most: number,
  announced: number,
): Promise<Uint8Array | 'too long' | 'broken off'> {
  if (announced > most) return 'too long'
  try {
    const reader = 'rawHeaders' in request ? nodeReader(request) : request.body?.getReader()
    return (await readBounded(reader, most)) ?? 'too long'
  } catch {
    return 'broken off'
  }
}

/** Never ends the iterator early: that would close the connection, and no response could be sent. */
function nodeReader(request: NodeRequest): ChunkReader {
  const iterator = request[Symbol.asyncIterator]()
  return {
    async read() {
      const { done, value } = await iterator.next()
      return { done, value: typeof value === 'string' ? new TextEncoder().encode(value) : value }
    },
  }
}
