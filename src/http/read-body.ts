import type { NodeRequest } from './read-container.ts'

/**
 * Reads a body, and no more of it than it may have.
 *
 * @param announced - its length as the sender says, 0 when it does not.
 */
export async function readBody(
  request: Request | NodeRequest,
  most: number,
  announced: number,
): Promise<Uint8Array | 'too long' | 'broken off'> {
  if (announced > most) return 'too long'
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of chunksOf(request)) {
      const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk
      length += bytes.length
      if (length > most) return 'too long'
      chunks.push(bytes)
    }
  } catch {
    return 'broken off'
  }
  const body = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    body.set(chunk, offset)
    offset += chunk.length
  }
  return body
}

async function* chunksOf(request: Request | NodeRequest): AsyncGenerator<Uint8Array | string, void> {
  if ('rawHeaders' in request) {
    // ended early the iterator of Node would close the connection, and the answer could not be sent
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
