import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root } from '../../test/setup/entries.ts'
import type { Program } from './mcp-programs.ts'

/**
 * A gateway that answers the first line and each request at once, so that only the start of `procura connect` counts.
 */
export interface InstantGateway {
  /** `procura connect` of an agent of this gateway. */
  readonly program: Program
  /** A program of Node that only answers its first message. */
  readonly empty: Program
  remove(): void
}

/**
 * Listens, in this process.
 *
 * @param home - of a gateway whose agent is copied.
 */
export function instantGateway(home: string): InstantGateway {
  const folder = mkdtempSync(join(tmpdir(), 'procura-bench-'))
  const agents = join(home, 'agents')
  const agent = join(folder, 'agent')
  cpSync(join(agents, readdirSync(agents)[0] as string), agent, { recursive: true })
  const path = join(agent, 'connect.json')
  const connection = JSON.parse(readFileSync(path, 'utf8')) as { audience: string; socket: string }
  connection.socket = join(folder, 'gateway.sock')
  writeFileSync(path, JSON.stringify(connection), { mode: 0o600 })
  const { audience } = connection
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    createInterface({ input: socket }).on('line', (line) => {
      const { id, procura } = JSON.parse(line) as { readonly id?: unknown; readonly procura?: unknown }
      const answer = procura === undefined ? { jsonrpc: '2.0', id, result: {} } : { procura: 1, audience }
      socket.write(`${JSON.stringify(answer)}\n`)
    })
  }).listen(connection.socket)
  const empty = join(folder, 'empty.mjs')
  writeFileSync(
    empty,
    `process.stdin.once('data', () => process.stdout.write('{"jsonrpc":"2.0","id":1,"result":{}}\\n'))\n`,
  )
  return {
    program: [join(root, 'packages/cli/dist/procura.js'), 'connect', 'mail', '--agent', agent],
    empty: [empty],
    remove() {
      server.close()
      rmSync(folder, { recursive: true })
    },
  }
}
