import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { root } from '../../test/setup/entries.ts'

const run = promisify(execFile)

/** The arguments of Node with which an MCP server starts. */
export type Program = readonly string[]

/** The memory of a program after a garbage collection, in bytes. */
export interface Memory {
  readonly heapUsed: number
  readonly external: number
  readonly arrayBuffers: number
  readonly rss: number
}

/** A session of MCP with a program. */
export interface McpSession {
  /** Calls the tool, and rejects when the answer is not the one of the server. */
  call(): Promise<void>
  /** The memory of the program, if it was started to report it. */
  memory(): Promise<Memory>
  close(): Promise<void>
}

/** A server of MCP, alone and behind a gateway that runs. */
export interface McpPrograms {
  readonly bare: Program
  readonly gateway: Program
  /** The folder of the gateway, with its log and its state. */
  readonly home: string
  /** The memory of the gateway, if it was started to report it. */
  memory(): Promise<Memory>
  remove(): Promise<void>
}

/** The arguments of Node for a program that reports its memory. */
export const reporting: readonly string[] = ['--expose-gc', '--import', join(root, 'bench/setup/report-memory.mjs')]

/**
 * Puts a server behind a gateway, as a person does: by `procura wrap` and `procura serve`.
 *
 * @param flags - of Node, for the gateway.
 */
export async function mcpPrograms(flags: readonly string[] = []): Promise<McpPrograms> {
  const folder = mkdtempSync(join(tmpdir(), 'procura-bench-'))
  const program = join(root, 'packages/cli/dist/procura.js')
  const bare = [join(root, 'bench/setup/mail-tool.mjs')]
  const file = join(folder, '.mcp.json')
  const mail = { type: 'stdio', command: process.execPath, args: bare, env: { MAIL_KEY: 'sk-bench-3f9a81c27d4e' } }
  writeFileSync(file, JSON.stringify({ mcpServers: { mail } }))
  const home = join(folder, 'home')
  const env = { ...process.env, PROCURA_HOME: home, PROCURA_VAULT_PASSPHRASE: 'a passphrase for measurements' }
  await run(process.execPath, [program, 'wrap', file, '--policy', 'send: .to like *@example.com'], { env })
  const gateway = spawn(process.execPath, [...flags, program, 'serve'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
  })
  await started(gateway)
  const { mcpServers } = JSON.parse(readFileSync(file, 'utf8')) as { mcpServers: { mail: { args: string[] } } }
  return {
    bare,
    gateway: mcpServers.mail.args,
    home,
    memory: () => memoryOf(gateway),
    async remove() {
      gateway.kill()
      await once(gateway, 'exit')
      rmSync(folder, { recursive: true })
    },
  }
}

/** Starts a program, and resolves when it has answered the first request. */
export async function openMcpSession(program: Program): Promise<McpSession> {
  const child = spawn(process.execPath, program, { stdio: ['pipe', 'pipe', 'inherit', 'ipc'] })
  if (child.stdin === null || child.stdout === null) throw new Error('the program has no pipes')
  const { stdin } = child
  const waiting = new Map<number, (line: string) => void>()
  createInterface({ input: child.stdout }).on('line', (line) =>
    waiting.get(Number(/"id":(\d+)/.exec(line)?.[1]))?.(line),
  )
  let serial = 0
  const ask = (method: string, params: object): Promise<string> =>
    new Promise((resolve) => {
      const id = ++serial
      waiting.set(id, (line) => {
        waiting.delete(id)
        resolve(line)
      })
      stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    })
  const clientInfo = { name: 'bench', version: '1' }
  await ask('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
  return {
    async call() {
      const line = await ask('tools/call', { name: 'send', arguments: { to: 'bob@example.com' } })
      if (!line.includes('"text":"sent"')) throw new Error('the tool was not called')
    },
    memory: () => memoryOf(child),
    async close() {
      stdin.end()
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}

async function memoryOf(program: ChildProcess): Promise<Memory> {
  program.send('memory')
  const [memory] = (await once(program, 'message')) as [Memory]
  return memory
}

/** Waits until the gateway listens and has seen the tool of its server. */
async function started(gateway: ChildProcess): Promise<void> {
  if (gateway.stdout === null) throw new Error('the output of the gateway is not a pipe')
  const lines = createInterface({ input: gateway.stdout, signal: AbortSignal.timeout(60_000) })
  let hasTool = false
  for await (const line of lines) {
    hasTool = /^server mail .*: 1 tool$/.test(line)
    if (hasTool) break
  }
  if (!hasTool) throw new Error('the gateway did not report the tool of its server')
  gateway.stdout.resume()
}
