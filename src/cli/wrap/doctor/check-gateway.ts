// node only: connects to a socket
import { connect } from 'node:net'
import type { GatewayConnection } from '../../../gateway/connect/connection-file.ts'
import type { Finding } from './finding.ts'

/** Milliseconds in which the gateway has to answer. A server may have to start. */
const answerMs = 15_000

/** Asks the gateway for a server, as the agent would, and compares its audience with that of the agent. WRP-23 */
export async function checkGateway(
  agent: string,
  connection: GatewayConnection,
  server: string,
): Promise<readonly Finding[]> {
  const place = connection.socket ?? String(connection.address)
  const finding = (fault: string, remedy: string): readonly Finding[] => [
    { check: 'gateway', thing: `the gateway at ${place}`, fault, remedy },
  ]
  const answer = await firstAnswer(connection, JSON.stringify({ procura: 1, server }))
  if (typeof answer === 'string') return finding(answer, 'start it with `procura serve`')
  const { procura, audience, error } = answer
  if (procura !== 1) return finding('is not a gateway of a known version', 'update procura')
  if (error !== undefined) {
    const { code } = Object(error) as { readonly code?: unknown }
    return finding(`refuses the server ${server} (${wordOf(code)})`, 'see the output of `procura serve`')
  }
  if (audience !== connection.audience)
    return finding(
      `is another one than connect.json of the agent ${agent} names`,
      'start the gateway of this home folder, or correct `audience` in connect.json',
    )
  return []
}

function wordOf(code: unknown): string {
  return typeof code === 'string' && /^[a-z_]{1,40}$/.test(code) ? code : 'without a code'
}

/** The first line of the gateway as data, or the fault in words. */
function firstAnswer(
  { socket: path, address }: GatewayConnection,
  hello: string,
): Promise<Readonly<Record<string, unknown>> | string> {
  return new Promise((resolve) => {
    const [, host = '', port = ''] = /^(.{1,60}):([0-9]{1,5})$/.exec(address ?? '') ?? []
    const socket =
      path === undefined ? connect({ host: host.replace(/[[\]]/g, ''), port: Number(port) }) : connect(path)
    let text = ''
    const end = (answer: Readonly<Record<string, unknown>> | string): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(answerMs, () => end('did not answer in time'))
    socket.on('connect', () => socket.write(`${hello}\n`))
    socket.on('error', ({ code }: NodeJS.ErrnoException) => end(`cannot be reached (${code})`))
    socket.on('close', () => end('ended the connection without an answer'))
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
      const [line, ...rest] = text.split('\n')
      if (rest.length === 0 && text.length < 65_536) return
      try {
        end(Object(JSON.parse(line ?? '')) as Readonly<Record<string, unknown>>)
      } catch {
        end('answers with something else than JSON')
      }
    })
  })
}
