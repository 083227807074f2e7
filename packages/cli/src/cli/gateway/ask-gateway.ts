// node only: connects to a socket
import { connect } from 'node:net'

/** Where a gateway listens: a Unix socket, or an address with a port. */
export interface GatewayPlace {
  readonly socket?: string
  readonly address?: string
}

/** Why there is no answer. */
export interface NoAnswer {
  readonly fault: string
  /** Whether nothing listens there. */
  readonly isDown: boolean
}

/** Milliseconds in which the gateway has to answer. A server may have to start. */
const usualMs = 15_000

/** Longest answer, in characters. */
const maxLength = 1_048_576

/**
 * Sends a first line to a gateway, and returns its first line as data, or the reason for which it did not answer.
 *
 * @param answerMs - milliseconds for the answer. Default 15,000.
 */
export function askGateway(
  { socket: path, address }: GatewayPlace,
  hello: object,
  answerMs: number = usualMs,
): Promise<{ readonly answer: Readonly<Record<string, unknown>> } | NoAnswer> {
  return new Promise((resolve) => {
    const [, host = '', port = ''] = /^(.{1,60}):([0-9]{1,5})$/.exec(address ?? '') ?? []
    const socket =
      path === undefined ? connect({ host: host.replace(/[[\]]/g, ''), port: Number(port) }) : connect(path)
    let text = ''
    const end = (result: { readonly answer: Readonly<Record<string, unknown>> } | NoAnswer): void => {
      socket.destroy()
      resolve(result)
    }
    const fail = (fault: string, isDown = false): void => end({ fault, isDown })
    socket.setTimeout(answerMs, () => fail('did not answer in time'))
    socket.on('connect', () => socket.write(`${JSON.stringify(hello)}\n`))
    socket.on('error', ({ code }: NodeJS.ErrnoException) =>
      fail(`cannot be reached (${code})`, code === 'ENOENT' || code === 'ECONNREFUSED'),
    )
    socket.on('close', () => fail('ended the connection without an answer'))
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
      const [line, ...rest] = text.split('\n')
      if (rest.length === 0 && text.length < maxLength) return
      try {
        end({ answer: Object(JSON.parse(line ?? '')) as Readonly<Record<string, unknown>> })
      } catch {
        fail('answered with a line that is not JSON')
      }
    })
  })
}
