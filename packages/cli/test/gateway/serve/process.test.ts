import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeContainer, invoke } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { until } from '../../../../../test/support/until.ts'
import { newClients, textOf } from '../agent-side/connect/client.ts'
import { callsIn, canary, type GatewayHome, makeGatewayHome } from './gateway-home.ts'
import { type ServedGateway, servedGateways } from './served-gateway.ts'

const program = bundledProcura()
let home: GatewayHome
const gateways = servedGateways(program)
const clients = newClients()

beforeEach(async () => {
  home = await makeGatewayHome()
})

afterEach(async () => {
  await clients.end()
  await gateways.end()
  await home.remove()
})

type Given = readonly [words?: readonly string[], env?: Readonly<Record<string, string>>]

/** Starts `procura serve`, and waits until it listens. */
const serve = (...given: Given): Promise<ServedGateway> => gateways.serve(home.folder, ...given)

describe('procura serve', () => {
  it('names where it listens and its servers, takes a signal, and ends with 0 [GTW-35]', async () => {
    const { child, exit, out } = await serve()
    await until(() => out().includes('server mail'))
    expect(out()).toContain(`listening on ${join(home.folder, 'gateway.sock')}\naudience ${home.service.did}\n`)
    expect(out()).toContain('server mail (stdio): 6 tools')
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    expect(textOf(await (await clients.open(agent.folder)).call('send', { to: 'bob' }))).toBe('sent to bob')
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    expect(existsSync(join(home.folder, 'gateway.sock'))).toBe(false)
  }, 60_000)

  it('that gets a signal while it starts ends the programs that it has asked for their tools [GTW-23] [GTW-35]', async () => {
    const file = join(home.folder, 'pid')
    const silent = `require('node:fs').writeFileSync(process.argv[1], String(process.pid)); process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)`
    home.configure(
      (given) =>
        void Object.assign(given, {
          servers: { mail: { type: 'stdio', command: process.execPath, args: ['-e', silent, file] } },
        }),
    )
    const { child, exit, out } = gateways.start(home.folder)
    await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '')
    const pid = Number(readFileSync(file, 'utf8'))
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    expect(out()).toContain('ended by a signal before it listened')
    expect(out()).not.toContain('listening on')
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    expect(existsSync(join(home.folder, 'gateway.sock'))).toBe(false)
  }, 20_000)

  it('reports at once that it waits for the gateway that has the log, and takes over when that one ends [GTW-35]', async () => {
    const first = await serve()
    // Another socket: the second one is not refused because of the first.
    home.configure((given) => void Object.assign(given, { listen: { socket: 'other.sock' } }))
    const second = gateways.start(home.folder)
    await until(() => second.out().includes('\n'))
    expect(second.out()).toMatch(
      new RegExp(
        `^warning: process ${first.child.pid} on .* has the lock .* of this log; waiting until it ends, at most 15 s`,
      ),
    )
    first.child.kill('SIGTERM')
    expect(await first.exit).toBe(0)
    await until(() => second.out().includes('takes a changed configuration'))
    expect(second.out()).toContain('listening on')
    expect(second.out()).toContain(
      `process ${second.child.pid}; \`procura reload --home ${home.folder}\` takes a changed configuration`,
    )
  }, 60_000)

  it('that is killed in the middle of a call knows of it at its next start, and the client is answered [GTW-36] [CON-07]', async () => {
    const first = await serve()
    const agent = await home.agent('assistant')
    const grant = await agent.give(home.owner, '/mcp/mail')
    const mail = await clients.open(agent.folder)
    const container = encodeContainer([
      await invoke({
        issuer: agent.signer,
        audience: home.service.did,
        subject: home.owner.did,
        command: '/mcp/mail/send',
        args: { to: 'bob' },
        proofs: [grant],
      }),
      grant,
    ])
    const signed = { name: 'send', arguments: { to: 'bob' }, _meta: { 'xyz.ucan/container': container } }
    expect(await ask(home, signed)).toContain('sent to bob')
    const open = mail.call('slow', { ms: 60_000 })
    await until(() => callsIn(home.folder).some(({ name }) => name === 'slow'))
    first.child.kill('SIGKILL')
    await first.exit
    expect(textOf(await open)).toMatch(/^Outcome unknown \(outcome_unknown\): .*may have been executed/)
    const second = await serve()
    expect(second.out()).toContain('1 call of an earlier process had no outcome on record')
    const outcomes = (await home.records()).filter(({ kind }) => kind === 'outcome')
    expect(outcomes.filter(({ status }) => status === 'unknown').length).toBe(1)
    expect(await ask(home, signed)).toContain('Denied (replayed)')
    expect(callsIn(home.folder).filter(({ name }) => name === 'send').length).toBe(1)
  }, 60_000)

  it('shows the secret and the passphrase nowhere [GTW-10] [GTW-16]', async () => {
    await home.vault.changeKey({ passphrase: 'correct horse CANARY battery' })
    home.configure(
      (given) => void Object.assign(given, { vault: { file: 'vault' }, admin: { address: '127.0.0.1:0' } }),
    )
    const { child, out } = await serve(['--json'], { PROCURA_VAULT_PASSPHRASE: 'correct horse CANARY battery' })
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    const mail = await clients.open(agent.folder)
    expect(textOf(await mail.call('variables'))).not.toContain('PROCURA')
    await mail.call('crash')
    const forged = await invoke({
      issuer: agent.signer,
      audience: home.service.did,
      subject: home.service.did,
      command: '/gateway/start/mail/0',
      args: { variable: 'MAIL_KEY' },
    })
    const call = { name: 'send', arguments: { to: 'b' }, _meta: { 'xyz.ucan/container': encodeContainer([forged]) } }
    expect(await ask(home, call)).toContain('Denied (')
    const places = [
      out(),
      readFileSync(`/proc/${child.pid}/cmdline`, 'utf8'),
      ...filesIn(home.folder).map((path) => readFileSync(path, 'latin1')),
      mail.lines.join('\n'),
    ]
    for (const place of places) {
      expect(place).not.toContain(canary)
      expect(place).not.toContain('CANARY')
    }
  }, 60_000)

  it('refuses a configuration with a fault, and goes on with the old one at a reload [GTW-34]', async () => {
    const { child, out } = await serve()
    home.configure((given) => void Object.assign(given, { sandbox: true }))
    child.kill('SIGHUP')
    await until(() => out().includes('the old one stays in use'))
    expect(out()).toMatch(/gateway\.json:1:\d+: `sandbox` is unknown/)
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    expect(textOf(await (await clients.open(agent.folder)).call('send', { to: 'bob' }))).toBe('sent to bob')
    await expect(serve()).rejects.toThrow(/gateway\.json:1:\d+: `sandbox` is unknown.*\(ERR_INVALID_ARGUMENT\)/)
    home.configure((given) => void Reflect.deleteProperty(given, 'sandbox'))
    child.kill('SIGHUP')
    await until(() => out().includes('took the new configuration'))
  }, 60_000)
})

describe('procura hook', () => {
  it('shows nothing that the command of `unlock` prints, also on standard error [CON-25]', async () => {
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/send')
    const path = join(agent.folder, 'delegations')
    const tokens = await fileDelegationStore({ path }).load({})
    rmSync(path)
    const add = new Map(tokens.map((bytes, index) => [String(index), bytes]))
    const store = fileDelegationStore({ path, key: { passphrase: 'canary of a keyring' } })
    await store.change({ add, remove: [] }, {})
    const connection = JSON.parse(readFileSync(join(agent.folder, 'connect.json'), 'utf8'))
    const answer = async (code: number): Promise<readonly [number | null, string]> => {
      const keyring = `console.error('canary of a warning'); console.log('canary of a keyring'); process.exit(${code})`
      const unlock = { delegations: { command: [process.execPath, '-e', keyring] } }
      writeFileSync(join(agent.folder, 'connect.json'), JSON.stringify({ ...connection, unlock }))
      const words = [program(), 'hook', '--home', home.folder, '--agent', 'assistant', '--server', 'mail']
      const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'pipe'] })
      let all = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (all += chunk.toString()))
      child.stdin.end('{"hook_event_name":"PreToolUse","tool_name":"mcp__mail__send","tool_input":{"to":"b"}}')
      return [await new Promise((settle) => child.once('close', settle)), all]
    }
    expect(await answer(0)).toEqual([0, ''])
    const [code, shown] = await answer(1)
    expect(code).toBe(2)
    expect(shown).toContain('`unlock.delegations` of connect.json failed (exit code 1)')
    expect(shown).not.toContain('canary')
  }, 60_000)
})

/** Sends one call as it is, and returns the answer. */
async function ask({ folder }: GatewayHome, params: object): Promise<string> {
  const { connect } = await import('node:net')
  const request = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
  return new Promise((resolve, reject) => {
    let all = ''
    const socket = connect(join(folder, 'gateway.sock'), () => {
      socket.write(`{"procura":1,"server":"mail"}\n${JSON.stringify(request)}\n`)
    })
    socket.on('data', (chunk) => {
      all += chunk.toString()
      if (all.split('\n').length > 2) socket.destroy()
    })
    socket.on('close', () => resolve(all))
    socket.on('error', reject)
  })
}

/** Every file of the gateway. */
function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
