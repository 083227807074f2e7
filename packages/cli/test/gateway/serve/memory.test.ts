import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { until } from '../../../../../test/support/until.ts'
import { newClients, textOf } from '../agent-side/connect/client.ts'
import { type GatewayHome, makeGatewayHome } from './gateway-home.ts'

/** Most memory of the gateway, in MiB, and the heap with which it dies of more. */
const [most, heap] = [300, 512]

/** A server that stops reading when its session begins, as one that computes. The gateway itself sees its tools. */
const busyServer = `
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, method, params } = JSON.parse(line)
    const answer = (result) => require('node:fs').writeSync(1, JSON.stringify({ jsonrpc: '2.0', id, result }) + '\\n')
    if (method === 'initialize')
      answer({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'a', version: '1' } })
    else if (method === 'tools/list') answer({ tools: [{ name: 'send', inputSchema: { type: 'object' } }] })
    if (method === 'initialize' && params.clientInfo.name !== 'procura')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`

const program = bundledProcura()
const clients = newClients()
let home: GatewayHome
let gateway: ChildProcess
const sockets: Socket[] = []

beforeEach(async () => {
  home = await makeGatewayHome()
  const busy = join(home.folder, 'busy.cjs')
  writeFileSync(busy, busyServer)
  home.configure((given) => {
    Object.assign(given['servers'] as object, { busy: { type: 'stdio', command: process.execPath, args: [busy] } })
  })
  const words = [`--max-old-space-size=${heap}`, program(), 'serve', '--home', home.folder]
  gateway = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  for (const stream of [gateway.stdout, gateway.stderr]) stream?.on('data', (chunk) => (out += chunk.toString()))
  await until(() => /^listening on/m.test(out) && /server busy/.test(out))
}, 60_000)

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await clients.end()
  if (gateway.exitCode === null && gateway.signalCode === null) {
    gateway.kill('SIGKILL')
    await once(gateway, 'exit')
  }
  await home.remove()
})

/** Begins a session of a client that may stop reading. */
async function begin(server: string): Promise<Socket> {
  const socket = connect(join(home.folder, 'gateway.sock'))
  sockets.push(socket)
  socket.on('error', () => undefined)
  socket.write(`${JSON.stringify({ procura: 1, server })}\n`)
  await once(socket, 'data')
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'stuck', version: '1' } }
  socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: 'a', method: 'initialize', params })}\n`)
  await once(socket, 'data')
  socket.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`)
  return socket
}

/** The resident memory of the gateway in MiB. It throws when the gateway has died. */
function memory(): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(gateway.pid)], { encoding: 'utf8' })) / 1_024
}

/** Writes so many lines, or until the gateway reads nothing for three seconds. */
async function flood(socket: Socket, lineOf: (at: number) => string, count: number): Promise<void> {
  for (let at = 0; at < count && !socket.destroyed; at += 100) {
    const lines = Array.from({ length: 100 }, (_, one) => lineOf(at + one))
    if (socket.write(lines.join(''))) await new Promise((resolve) => setImmediate(resolve))
    else await once(socket, 'drain', { signal: AbortSignal.timeout(3_000) }).catch(() => socket.destroy())
  }
}

const line = (message: object): string => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`

/** The most memory while a task runs. Afterwards the gateway serves another agent. */
async function memoryDuring(task: () => Promise<unknown>): Promise<number> {
  const seen: number[] = [memory()]
  const timer = setInterval(() => seen.push(memory()), 200)
  await task().finally(() => clearInterval(timer))
  const agent = await home.agent('assistant')
  await agent.give(home.owner, '/mcp/mail')
  expect(textOf(await (await clients.open(agent.folder)).call('send', { to: 'bob' }))).toBe('sent to bob')
  return Math.max(...seen, memory())
}

describe('the memory of a gateway', () => {
  it('is bounded in front of 16 sessions that do not read their answers and refusals [GTW-44]', async () => {
    const all = await Promise.all(Array.from({ length: 16 }, () => begin('mail')))
    for (const socket of all) socket.pause()
    const methods = ['ping', 'tools/list', 'tools/call', 'tools/other']
    const floods = all.map((socket, at) => {
      const method = methods[at % methods.length] as string
      return flood(socket, (id) => line({ id, method, params: { name: 'send' } }), 30_000)
    })
    expect(await memoryDuring(() => Promise.all(floods))).toBeLessThan(most)
  }, 60_000)

  it('is bounded in front of a server that does not read [GTW-44]', async () => {
    const socket = await begin('busy')
    socket.resume()
    const lineOf = (id: number): string =>
      line({ id, method: 'tools/list' }) + line({ method: 'notifications/cancelled', params: { requestId: id } })
    expect(await memoryDuring(() => flood(socket, lineOf, 50_000))).toBeLessThan(most)
  }, 60_000)
})
