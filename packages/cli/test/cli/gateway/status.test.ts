import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { delegate } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { until } from '../../../../../test/support/until.ts'
import { newClients, textOf } from '../../gateway/agent-side/connect/client.ts'
import { canary, type GatewayHome, makeGatewayHome } from '../../gateway/serve/gateway-home.ts'
import { servedGateways } from '../../gateway/serve/served-gateway.ts'

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

function run(...words: readonly string[]): { readonly code: number | null; readonly all: string } {
  const { status: code, stdout, stderr } = spawnSync(process.execPath, [program(), ...words], { encoding: 'utf8' })
  return { code, all: `${stdout}${stderr}` }
}

const status = (...words: readonly string[]): ReturnType<typeof run> => run('status', '--home', home.folder, ...words)

describe('procura status', () => {
  it('shows a running gateway with its agents by name, what they may do and what was refused [CLI-35]', async () => {
    const { child } = await gateways.serve(home.folder)
    await until(() => existsSync(join(home.folder, 'control.sock')))
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']], 30 * 86_400)
    const mail = await clients.open(agent.folder)
    expect(textOf(await mail.call('send', { to: 'eve@evil.test' }))).toContain('Denied (policy_unsatisfied)')
    const { code, all } = status()
    expect(all).toContain(`): process ${child.pid}, on ${join(home.folder, 'gateway.sock')}, 1 session\n`)
    expect(all).toContain('server mail (stdio): 6 tools\n')
    expect(all).toContain(
      'agent assistant:\n  may call the tool send of mail, if\n    `.to` is a string that ends with',
    )
    expect(all).toMatch(/^ {4}ends 20/m)
    expect(all).toContain('refused within a day:\n  1 of assistant: policy_unsatisfied\n')
    expect(all).toContain('next: nothing\n')
    expect(code).toBe(0)
    const json = JSON.parse(status('--json').all)
    expect(json).toMatchObject({
      running: { process: child.pid },
      agents: [{ name: 'assistant', did: agent.signer.did }],
    })
    expect(json.refused).toEqual([{ agent: agent.signer.did, code: 'policy_unsatisfied', count: 1 }])
  }, 60_000)

  it('warns 7 days before the end of a delegation, the nearest first [CLI-35]', async () => {
    await gateways.serve(home.folder)
    await until(() => existsSync(join(home.folder, 'control.sock')))
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/slow', [], 30 * 86_400)
    await agent.give(home.owner, '/mcp/mail', [], 6 * 86_400)
    const { all } = status()
    expect(all).toMatch(
      /may call every tool of mail\n {4}warning: ends .*\n {2}may call the tool slow of mail\n {4}ends /,
    )
    expect(all).toContain('next: a delegation of assistant ends soon')
  }, 60_000)

  it('names what an agent may no longer do, and serve warns of it in one line at its start [CLI-35] [GTW-96]', async () => {
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/slow', [], 30 * 86_400)
    await agent.give(home.owner, '/mcp/mail/read', [], 6 * 86_400)
    const clock = { now: () => Math.floor(Date.now() / 1_000) - 31 * 86_400 }
    const send = await delegate({
      ...{ issuer: home.owner, audience: agent.signer.did, command: '/mcp/mail/send', clock },
      ...{ policy: [['==', '.to', 'bob']], expiresIn: 30 * 86_400 },
    })
    const store = fileDelegationStore({ path: join(agent.folder, 'delegations') })
    await store.change({ add: new Map([[String(send.cid), send.bytes]]), remove: [] }, {})
    const { child, exit, out } = await gateways.serve(home.folder)
    await until(() => out().includes('delegations end'))
    const lines = out()
      .split('\n')
      .filter((line) => line.includes('delegations end'))
    expect(lines).toEqual([
      expect.stringMatching(
        /^warning: delegations end: the one of assistant for \/mcp\/mail\/send ended 20\S+ \(1 day.* ago\), the one of assistant for \/mcp\/mail\/read ends 20\S+ \(in (?:5 days .*|6 days)\); `procura renew --home \S+` renews them$/,
      ),
    ])
    await until(() => existsSync(join(home.folder, 'control.sock')))
    const { all } = status()
    expect(all).toMatch(/ {2}may call the tool read of mail\n {4}warning: ends 20/)
    expect(all).toMatch(
      / {2}may no longer call the tool send of mail, if\n {4}`.to` is .*\n {4}warning: ended 20\S+ \(1 day.* ago\)\n/,
    )
    expect(all).toContain('next: a delegation of assistant has ended; renew it with `procura renew assistant --home')
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
  }, 60_000)

  it('shows a changed tool as soon as its server lists it, as `tools list` and `doctor` do [CLI-35] [GTW-45]', async () => {
    const file = join(home.folder, 'tools.list')
    const set = (...tools: readonly object[]): void => writeFileSync(file, JSON.stringify(tools))
    home.configure(({ servers }) => {
      const { mail } = servers as { readonly mail: { readonly env: Record<string, string> } }
      mail.env['TOOLS_FILE'] = file
    })
    set({ name: 'send', description: 'Sends.' }, { name: 'drop' })
    await gateways.serve(home.folder)
    await until(() => existsSync(join(home.folder, 'control.sock')))
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    expect(status().all).not.toContain('tools of mail')
    set({ name: 'send', description: 'Sends all files.' }, { name: 'read\u001b[2J' })
    await (await clients.open(agent.folder)).ask('tools/list')
    const lines = ['`drop`: tool gone', '`read\\u001b[2J`: new tool', '`send`: description changed']
    const { all } = status()
    expect(all).toContain(
      `tools of mail that differ from the accepted ones:\n${lines.map((line) => `  ${line}\n`).join('')}`,
    )
    expect(all).toContain(`next: read the changed tools with \`procura tools list mail --home ${home.folder}\``)
    expect(JSON.parse(status('--json').all).tools).toContainEqual({
      ...{ server: 'mail', name: 'send', state: 'changed', words: ['description changed'] },
    })
    const found = run('doctor', '--home', home.folder).all
    for (const words of [
      'the tool `drop` of the server mail is gone: the server does not have it any more',
      'the tool `read\\u001b[2J` of the server mail was not accepted yet',
      'the tool `send` of the server mail has another definition than the one that was accepted: description changed',
    ])
      expect(found).toContain(`FAULT\ttools\t${words}; `)
    expect(run('tools', 'list', '--home', home.folder).all).toContain('\tdescription changed\n')
  }, 60_000)

  it('names what the running gateway has not taken from its configuration, and the command [CLI-62]', async () => {
    await gateways.serve(home.folder)
    await until(() => existsSync(join(home.folder, 'control.sock')))
    expect(status().all).toContain('server mail (stdio): 6 tools\n')
    home.configure((config) => {
      const { mail, ...others } = config['servers'] as Record<string, unknown>
      config['servers'] = { post: mail, ...others }
    })
    const { all } = status()
    expect(all).toContain(
      'warning: gateway.json has `post`, which the running gateway has not, and no longer has `mail`, which the running gateway has\n',
    )
    expect(all).toContain(
      `next: let the gateway take its configuration with \`procura reload --home ${home.folder}\`\n`,
    )
    expect(JSON.parse(status('--json').all).untaken).toMatch(/^has `post`, /)
    expect(run('reload', '--home', home.folder).code).toBe(0)
    expect(status().all).not.toContain('warning: gateway.json')
    home.configure((config) => {
      config['listen'] = { address: '127.0.0.1:7333' }
    })
    const { all: after } = status()
    expect(after).toContain('warning: gateway.json has another `listen` than the running gateway\n')
    expect(after).toContain(`\`procura stop --home ${home.folder}\` and \`procura start --home ${home.folder}\`\n`)
  }, 60_000)

  it('shows why a server does not start, as `serve` and `doctor` do, without its keys [WRP-83] [CLI-35]', async () => {
    const broken = `
      const lines = Array.from({ length: 9 }, (_, at) => 'line ' + at)
      lines.push('x'.repeat(300), 'refused key ' + process.env.MAIL_KEY, '\`procura stop\` \x1b[2J', 'Error: no module')
      require('fs').writeSync(2, lines.join('\\n'))
      process.exit(1)`
    home.configure(({ servers }) => {
      const { mail } = servers as { readonly mail: Record<string, unknown> }
      mail['args'] = ['-e', broken]
    })
    const { out } = await gateways.serve(home.folder)
    await until(() => existsSync(join(home.folder, 'control.sock')) && out().includes('could not be listed'))
    const words = [
      `"${'x'.repeat(200)}…"`,
      '"refused key [redacted]"',
      '"\\u0060procura stop\\u0060 \\u001b[2J"',
      '"Error: no module"',
    ].join(', ')
    const shown = `it ended; its standard error ends with "line 8", ${words}`
    expect(status().all).toContain(`server mail (stdio): not available: ${shown}\n`)
    expect(status().all).toContain('next: run `procura doctor --home')
    const found = run('doctor', '--home', home.folder).all
    expect(found).toContain(`FAULT\tservers\tthe server mail is not available: ${shown}; correct that`)
    expect(run('start', '--home', home.folder).all).toContain(shown)
    expect(out()).toContain(shown)
    expect(`${out()}${found}`).not.toContain(canary)
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    const client = clients.connect(agent.folder)
    const answers = JSON.stringify([await client.initialize(), await client.ask('tools/list')])
    expect(answers).not.toContain('no module')
  }, 60_000)

  it('works without a gateway, and names the command that starts it [CLI-35]', async () => {
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    const { code, all } = status()
    expect(all).toContain(
      'the gateway does not run\nserver mail (stdio)\nagent assistant:\n  may call every tool of mail\n',
    )
    expect(all).toContain(`next: start it with \`procura start --home ${home.folder}\``)
    expect(code).toBe(1)
  })

  it('asks for no passphrase of delegations that are encrypted [CLI-35]', async () => {
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    const path = join(agent.folder, 'delegations')
    const tokens = await fileDelegationStore({ path }).load({})
    rmSync(path)
    const add = new Map(tokens.map((bytes, index) => [String(index), bytes]))
    await fileDelegationStore({ path, key: { passphrase: 'a passphrase' } }).change({ add, remove: [] }, {})
    expect(status().all).toContain('agent assistant: its delegations are encrypted\n')
  }, 60_000)
})
