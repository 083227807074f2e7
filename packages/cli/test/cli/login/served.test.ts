import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { until } from '../../../../../test/support/until.ts'
import { type LineClient, newClients, textOf } from '../../gateway/agent-side/connect/client.ts'
import { type GatewayHome, mailServer, makeGatewayHome } from '../../gateway/serve/gateway-home.ts'
import { type ServedGateway, servedGateways } from '../../gateway/serve/served-gateway.ts'
import { logIn } from './log-in.ts'
import { type OauthWorld, startOauthWorld } from './oauth-world.ts'

const program = bundledProcura()
const gateways = servedGateways(program)
const clients = newClients()
let world: OauthWorld
let home: GatewayHome

async function begin(): Promise<void> {
  world = await startOauthWorld()
  const other = {
    type: 'stdio',
    command: process.execPath,
    args: [mailServer],
  }
  home = await makeGatewayHome({ mail: { type: 'http', url: world.url, login: 'mail.login' }, other })
}

afterEach(async () => {
  await clients.end()
  await gateways.end()
  await home.remove()
  await world.close()
})

async function client(name = 'claude', server = 'mail'): Promise<LineClient> {
  const agent = await home.agent(name)
  await agent.give(home.owner, `/mcp/${server}`)
  return clients.open(agent.folder, { server })
}

/** A login whose program is answered by servers of this process. */
async function loggedIn(): Promise<void> {
  const { code, err } = await logIn(world, home.folder)
  expect([code, err]).toEqual([0, expect.stringMatching(/the gateway has 1 tool of mail|start the gateway/)])
}

function doctor(): string {
  const { stdout } = spawnSync(process.execPath, [program(), 'doctor', '--home', home.folder], { encoding: 'utf8' })
  return stdout.split('\n').find((line) => line.includes('\tlogins\t')) ?? ''
}

/** The files of a folder that have a text. */
function filesWith(folder: string, texts: readonly string[]): readonly string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    const status = statSync(path)
    if (status.isDirectory()) return filesWith(path, texts)
    if (!status.isFile()) return []
    const bytes = readFileSync(path, 'latin1')
    return texts.some((text) => bytes.includes(text)) ? [path] : []
  })
}

function everywhere(served: ServedGateway, mail: LineClient): void {
  expect(world.tokens.length).toBeGreaterThan(2)
  const seen = [served.out(), ...mail.lines, ...mail.faults].join('\n')
  expect(world.tokens.filter((token) => seen.includes(token))).toEqual([])
  expect(filesWith(home.folder, world.tokens)).toEqual([])
  for (const file of ['cmdline', 'environ']) {
    const bytes = readFileSync(`/proc/${served.child.pid}/${file}`, 'latin1')
    expect(world.tokens.filter((token) => bytes.includes(token))).toEqual([])
  }
}

describe('a gateway with a server that has a login', () => {
  it('renews the token once for 64 calls, and shows it nowhere [LGN-11]', async () => {
    await begin()
    await loggedIn()
    const served = await gateways.serve(home.folder)
    const mail = await client()
    expect(textOf(await mail.call('send', { text: 'a' }))).toBe('sent a')
    await world.endTokens()
    const before = world.refreshes()
    const answers = await Promise.all(Array.from({ length: 60 }, (_, at) => mail.call('send', { text: String(at) })))
    expect(answers.map((answer) => textOf(answer))).toEqual(answers.map((_, at) => `sent ${at}`))
    expect(world.refreshes()).toBe(before + 1)
    everywhere(served, mail)
  })

  it('takes turns with another gateway over the same vault, and no refresh token is used twice [LGN-14]', async () => {
    await begin()
    await loggedIn()
    const second = await makeGatewayHome({ mail: { type: 'http', url: world.url, login: 'mail.login' } })
    try {
      second.configure((config) => {
        config['vault'] = { file: join(home.folder, 'vault'), keyFile: join(home.folder, 'vault.key') }
      })
      const mails: LineClient[] = []
      for (const { folder, agent, owner } of [home, second]) {
        await gateways.serve(folder)
        const claude = await agent('claude')
        await claude.give(owner, '/mcp/mail')
        mails.push(await clients.open(claude.folder, { server: 'mail' }))
      }
      for (let round = 0; round < 3; round++) {
        await world.endTokens()
        const answers = await Promise.all(
          Array.from({ length: 64 }, (_, at) => mails[at % 2]?.call('send', { text: String(at) })),
        )
        expect(answers.map((answer) => answer && textOf(answer))).toEqual(answers.map((_, at) => `sent ${at}`))
      }
      const used = world.seen.map(({ form }) => form.get('refresh_token')).filter((token) => token !== null)
      expect([new Set(used).size, used.length > 6]).toEqual([used.length, true])
    } finally {
      await clients.end()
      await gateways.end()
      await second.remove()
    }
  })

  it('refuses calls after the end of the grant with the command, until the next login [LGN-20] [LGN-21] [LGN-22]', async () => {
    await begin()
    await loggedIn()
    const served = await gateways.serve(home.folder)
    const mail = await client()
    expect(textOf(await mail.call('send', { text: 'a' }))).toBe('sent a')
    expect(doctor()).toMatch(/^ok/)
    await world.endGrants()
    const refused = await mail.call('send', { text: 'b' })
    const fault = 'needs a new login: its grant has ended'
    expect(refused.error?.message).toBe(
      `the server \`mail\` ${fault}; run \`procura login mail --home ${home.folder}\``,
    )
    expect(doctor()).toBe(
      `FAULT\tlogins\tthe server \`mail\` ${fault}; run \`procura login mail --home ${home.folder}\``,
    )
    await loggedIn()
    expect(textOf(await mail.call('send', { text: 'c' }))).toBe('sent c')
    expect(doctor()).toMatch(/^ok/)
    expect(world.sent).toEqual(['a', 'c'])
    everywhere(served, mail)
  })

  it('starts without the login, which the other servers do not need [LGN-20] [LGN-22]', async () => {
    await begin()
    expect(doctor()).toContain('FAULT\tlogins\tthe server `mail` needs a login; run `procura login mail')
    const served = await gateways.serve(home.folder)
    await until(() => served.out().includes('needs a login'))
    expect(served.out()).toContain(
      `the server \`mail\` needs a login; run \`procura login mail --home ${home.folder}\``,
    )
    const other = await client('other', 'other')
    expect(textOf(await other.call('send', { to: 'bob' }))).toBe('sent to bob')
    const agent = await home.agent('claude')
    await agent.give(home.owner, '/mcp/mail')
    const refused = await clients.connect(agent.folder).initialize()
    expect(refused.error?.message).toMatch(/needs a login; run `procura login mail/)
    await loggedIn()
    const mail = await clients.open(agent.folder)
    expect(textOf(await mail.call('send', { text: 'a' }))).toBe('sent a')
  })
})
