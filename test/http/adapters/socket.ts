// node only: uses sockets
/**
 * Requests as bytes on a socket, since clients repair what they send.
 *
 * @module
 */

import { connect } from 'node:net'

/** A response, byte for byte. */
export interface RawResponse {
  readonly status: number
  /** Sorted; without those that depend on the time or the connection. */
  readonly headers: readonly string[]
  readonly body: string
}

/**
 * The headers that may differ between servers: the time, the life of the connection, and how the end of a streamed body
 * is marked.
 */
const leftOut: readonly string[] = ['date', 'connection', 'keep-alive', 'transfer-encoding']

/**
 * Sends bytes and reads the response until the server closes.
 *
 * @param ends - whether the client ends its side of the connection after the last byte.
 */
export async function exchange(port: number, bytes: string | Uint8Array, ends = false): Promise<RawResponse> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  await new Promise<void>((resolve) => {
    socket.on('close', () => resolve())
    socket.on('error', () => resolve())
    socket.setTimeout(20_000, () => socket.destroy())
    if (ends) socket.end(bytes)
    else socket.write(bytes)
  })
  return parse(Buffer.concat(chunks))
}

function parse(bytes: Buffer): RawResponse {
  const end = bytes.indexOf('\r\n\r\n')
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const all = lines.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()))
  const rest = bytes.subarray(end + 4)
  const isChunked = all.includes('transfer-encoding: chunked')
  return {
    status: Number(first.split(' ')[1]),
    headers: all.filter((line) => !leftOut.includes(line.split(':')[0] as string)).sort(),
    body: (isChunked ? unchunk(rest) : rest).toString('latin1'),
  }
}

function unchunk(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const line = bytes.indexOf('\r\n', at)
    const length = Number.parseInt(bytes.subarray(at, line).toString('latin1'), 16)
    if (length === 0) break
    parts.push(bytes.subarray(line + 2, line + 2 + length))
    at = line + 4 + length
  }
  return Buffer.concat(parts)
}
