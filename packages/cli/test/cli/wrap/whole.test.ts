import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { root } from '../../../../../test/setup/entries.ts'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { newMachine } from './set-up.ts'

const canary = 'canary-of-the-mail-key'
const program = bundledProcura()
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
/** Starts a program, with its output. */
function start(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): { readonly child: ChildProcess; readonly exit: Promise<number | null>; out(): string } {
  const child = spawn(process.execPath, words, { env: { PATH: process.env['PATH'], ...env } })
  children.push(child)
  let all = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (all += chunk))
  return { child, exit: new Promise((done) => child.once('exit', done)), out: () => all }
}

/** Calls the tools of the server that a client starts by its configuration. */
function clientOf(
  { command, args }: { readonly command: string; readonly args: readonly string[] },
  env: Readonly<Record<string, string>>,
): (method: string, params: object) => Promise<{ readonly result: Record<string, unknown> }> {
  const child = spawn(command, args, { env: { PATH: process.env['PATH'], ...env }, stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const waiting = new Map<number, (answer: never) => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as { id: number }
    waiting.get(answer.id)?.(answer as never)
  })
  return (method, params) =>
    new Promise((done) => {
      waiting.set(waiting.size + 1, done)
      child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: waiting.size, method, params })}\n`)
    })
}

describe('a wrapped client', () => {
  it('calls its tools through the gateway: the policy decides, and the key is in no file of the client', {
    timeout: 120_000,
  }, async () => {
    const machine = newMachine()
    const env = { ...machine.env, PROCURA_VAULT_PASSPHRASE: 'correct horse battery' }
    const server = {
      command: process.execPath,
      args: [`${root}packages/cli/test/gateway/serve/mail-server.mjs`],
      env: { MAIL_KEY: canary },
    }
    const original = JSON.stringify({ mcpServers: { mail: server } }, null, 2)
    const path = machine.write('.mcp.json', original)

    const policies = ['--policy', 'send: .to like *@example.com', '--tools', 'secret']
    const wrap = start([program(), 'wrap', path, ...policies], env)
    expect([await wrap.exit, wrap.out()]).toEqual([0, expect.stringContaining('wrapped 1 server')])
    const serve = start([program(), 'serve'], env)
    while (!/^listening on/m.test(serve.out()) && serve.child.exitCode === null)
      await new Promise((done) => setTimeout(done, 20))
    expect([serve.child.exitCode, serve.out()]).toEqual([null, expect.stringContaining('listening')])

    const { mail } = JSON.parse(readFileSync(path, 'utf8')).mcpServers
    // The client does not have the passphrase.
    const ask = clientOf(mail, machine.env)
    await ask('initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    })
    const call = async (name: string, args: object): Promise<string> =>
      JSON.stringify((await ask('tools/call', { name, arguments: args })).result)
    expect(await call('send', { to: 'bob@example.com' })).toContain('sent to bob@example.com')
    const refused = await call('send', { to: 'eve@evil.test' })
    expect(refused).toContain('"isError":true')
    expect(refused).toContain('*@example.com')
    // The server has the key, and nobody else.
    expect(await call('secret', {})).toContain(createHash('sha256').update(canary).digest('hex'))
    expect(await call('variables', {})).toContain('"isError":true')

    const doctor = start([program(), 'doctor', '--json'], env)
    expect([
      await doctor.exit,
      JSON.parse(doctor.out()).findings.filter((one: { note?: true }) => one.note !== true),
    ]).toEqual([0, []])
    expect(serve.out() + wrap.out() + doctor.out() + readFileSync(path, 'utf8')).not.toContain(canary)

    serve.child.kill('SIGTERM')
    await serve.exit
    const unwrap = start([program(), 'unwrap', path], env)
    expect([await unwrap.exit, unwrap.out()]).toEqual([0, expect.stringContaining('has its original bytes')])
    expect(readFileSync(path, 'utf8')).toBe(original)
    machine.remove()
  })
})
