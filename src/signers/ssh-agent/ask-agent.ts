// node only: uses node:net
/**
 * One request to an SSH agent, on a connection of its own.
 *
 * @module
 */

import { connect } from 'node:net'
import { concatBytes } from '../../core/ipld/bytes.ts'
import { SigningError } from '../../errors.ts'
import { withinDeadline } from '../../support/deadline.ts'
import { quote } from '../../support/quote.ts'
import { malformedAnswer, sshBytes } from './wire.ts'

/** The maximum length of a message, as OpenSSH has it. */
export const maxAgentMessageBytes = 262_144

/** Where the agent is, and how long to wait for it. */
export interface AgentAddress {
  /** The path of the socket. */
  readonly socket: string
  /** Milliseconds within which the answer must be complete. */
  readonly timeoutMs: number
}

/**
 * Sends a request, and returns the answer without its length.
 *
 * @throws SigningError when the agent cannot be reached, ends the connection, or does not answer in time; the reason of
 *   the signal when it is aborted.
 */
export function askAgent(
  { socket, timeoutMs }: AgentAddress,
  request: Uint8Array,
  signal?: AbortSignal | undefined,
): Promise<Uint8Array> {
  const reason = (): SigningError =>
    new SigningError(
      `the SSH agent did not answer within ${timeoutMs} ms; confirm the use of the key if it asks, or raise \`timeoutMs\``,
    )
  return withinDeadline(timeoutMs, { signals: [signal], reason }, (end) => exchange(socket, request, end))
}

function exchange(path: string, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const connection = connect({ path })
    const chunks: Uint8Array[] = []
    let received = 0
    let expected: number | undefined
    const settle = (): void => {
      signal.removeEventListener('abort', settle)
      connection.destroy()
    }
    const fail = (error: unknown): void => {
      settle()
      reject(error)
    }
    signal.addEventListener('abort', settle, { once: true })
    connection.on('error', (cause) => fail(unreachable(path, cause)))
    connection.on('close', () =>
      fail(new SigningError('the SSH agent ended the connection without an answer; check that it runs')),
    )
    connection.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk)
      received += chunk.length
      if (received < 4) return
      expected ??= new DataView(concatBytes(chunks).buffer).getUint32(0)
      if (expected === 0 || expected > maxAgentMessageBytes || received > expected + 4) fail(malformedAnswer())
      else if (received === expected + 4) {
        settle()
        resolve(concatBytes(chunks).subarray(4))
      }
    })
    connection.write(sshBytes(request))
  })
}

function unreachable(path: string, cause: Error): SigningError {
  const { code = cause.name } = cause as NodeJS.ErrnoException
  return new SigningError(
    `the SSH agent at ${quote(path, 256)} could not be reached (${code}); start ssh-agent, and set SSH_AUTH_SOCK or \`socket\``,
    { cause },
  )
}
