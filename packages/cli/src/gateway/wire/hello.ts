// node only: reads sockets
import type { Duplex } from 'node:stream'

/**
 * The first line of a connection, from `procura connect` for a server or an API, or from a program that sends a
 * revocation or asks for the successor of a DID. GTW-20
 */
export type Hello =
  | { readonly server: string }
  | { readonly api: string }
  | { readonly revoke: string }
  | { readonly successor: string }
  | { readonly approvals: { readonly command: string; readonly subject: string } }

/** Why a connection is refused. */
export type HelloErrorCode =
  | 'hello_invalid'
  | 'hello_timeout'
  | 'server_unknown'
  | 'api_unknown'
  | 'too_many'
  | 'closing'
  | 'proof_refused'
  | 'server_unavailable'
  | 'credential_unavailable'
  | 'revocation_refused'
  | 'approval_refused'
  | 'successor_unknown'

/** The refusal of a connection. */
export interface HelloError {
  readonly code: HelloErrorCode
  readonly message: string
}

/** Longest first line, in bytes. A revocation with its chain is the largest. */
const maxBytes = 512 * 1024

/**
 * Reads the first line of a connection. The bytes behind it stay in the stream.
 *
 * @returns the hello, or its fault.
 */
export async function readHello(stream: Duplex, timeoutMs: number): Promise<Hello | HelloError> {
  const line = await readFirstLine(stream, timeoutMs)
  if (typeof line !== 'string') return line
  return helloIn(line) ?? invalid('the first line must be {"procura":1,"server":"…"} or {"procura":1,"api":"…"}')
}

function helloIn(line: string): Hello | undefined {
  let read: unknown
  try {
    read = JSON.parse(line)
  } catch {
    return undefined
  }
  const { procura, ...said } = Object(read) as Readonly<Record<string, unknown>>
  const [[name, value] = [], ...more] = Object.entries(said)
  if (procura !== 1 || more.length > 0) return undefined
  if (name === 'server' && typeof value === 'string') return { server: value }
  if (name === 'api' && typeof value === 'string') return { api: value }
  if (name === 'revoke' && typeof value === 'string') return { revoke: value }
  if (name === 'successor' && typeof value === 'string') return { successor: value }
  return name === 'approvals' ? approvalsIn(value) : undefined
}

function approvalsIn(value: unknown): Hello | undefined {
  const { command, subject, ...more } = Object(value) as Readonly<Record<string, unknown>>
  if (typeof command !== 'string' || typeof subject !== 'string' || Object.keys(more).length > 0) return undefined
  return { approvals: { command, subject } }
}

function invalid(message: string): HelloError {
  return { code: 'hello_invalid', message }
}

/** Reads the first line of a stream, or its fault. The bytes behind it stay in the stream. */
export function readFirstLine(stream: Duplex, timeoutMs: number): Promise<string | HelloError> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    const timer = setTimeout(() => {
      done({ code: 'hello_timeout', message: `no first line arrived within ${timeoutMs} ms` })
    }, timeoutMs)

    function done(answer: string | HelloError): void {
      clearTimeout(timer)
      stream.off('readable', read).off('end', ended).off('error', ended).off('close', ended)
      resolve(answer)
    }
    function ended(): void {
      done(invalid('the connection ended before its first line'))
    }
    function read(): void {
      for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null) {
        const end = chunk.indexOf(0x0a)
        chunks.push(end < 0 ? chunk : chunk.subarray(0, end))
        length += end < 0 ? chunk.length : end
        if (length > maxBytes) done(invalid(`the first line has more than ${maxBytes} bytes`))
        else if (end >= 0) {
          done(Buffer.concat(chunks).toString('utf8'))
          if (end + 1 < chunk.length) stream.unshift(chunk.subarray(end + 1))
        } else continue
        return
      }
    }
    stream.on('readable', read).on('end', ended).on('error', ended).on('close', ended)
    read()
  })
}

/** Milliseconds after which a client that does not close its end of a connection loses it. */
const lingerMs = 1_000

/** Writes one line, and ends the connection. A client that keeps its end open would hold the place of another one. */
export function endWith(stream: Duplex, answer: object): void {
  stream.on('error', () => undefined)
  const timer = setTimeout(() => stream.destroy(), lingerMs)
  stream.once('close', () => clearTimeout(timer))
  // The end of the client is seen only behind its bytes.
  stream.resume()
  stream.end(`${JSON.stringify({ procura: 1, ...answer })}\n`)
}
