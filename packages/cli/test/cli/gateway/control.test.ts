import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { freePort } from '../../../../../test/support/free-port.ts'
import { until } from '../../../../../test/support/until.ts'
import { askGateway } from '../../../src/cli/gateway/ask-gateway.ts'
import { controlGateway } from '../../../src/cli/gateway/control.ts'
import { acceptTools, readGatewayConfig, reviewTools } from '../../../src/index.ts'
import { makeAgentHome } from '../../gateway/agent-side/connect/agent-home.ts'
import { newClients } from '../../gateway/agent-side/connect/client.ts'
import { type GatewayHome, mailServer, makeGatewayHome } from '../../gateway/serve/gateway-home.ts'
import { servedGateways } from '../../gateway/serve/served-gateway.ts'

const program = bundledProcura()
let home: GatewayHome
let config: string
let socket: string
const gateways = servedGateways(program)
const clients = newClients()

beforeEach(async () => {
  home = await makeGatewayHome()
  config = join(home.folder, 'gateway.json')
  socket = join(home.folder, 'control.sock')
})

afterEach(async () => {
  await clients.end()
  await gateways.end()
  await home.remove()
})

function reload(words: readonly string[] = []): { readonly code: number | null; readonly all: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program(), 'reload', '--home', home.folder, ...words],
    {
      encoding: 'utf8',
    },
  )
  return { code: status, all: `${stdout}${stderr}` }
}

const second = {
  type: 'stdio',
  command: process.execPath,
  args: [mailServer],
}

function addServer(): void {
  home.configure((given) => void Object.assign(given['servers'] as object, { post: second }))
}

/** Sends bytes to the socket of the owner, and returns all that it answers. */
function send(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let all = ''
    const client = connect(socket, () => client.write(text))
    client.on('data', (chunk) => (all += chunk.toString()))
    client.on('close', () => resolve(all))
    client.on('error', reject)
  })
}

describe('the socket of the owner', () => {
  it('is accessible to its user alone, answers with the state of the gateway, and ends with it [GTW-91]', async () => {
    const before = Math.floor(Date.now() / 1000)
    const { child, exit } = await gateways.serve(home.folder)
    await until(() => existsSync(socket))
    expect(statSync(socket).mode & 0o777).toBe(0o600)
    const answer = await controlGateway(config, 'status')
    expect(answer).toEqual({
      state: 'done',
      data: {
        process: child.pid,
        started: expect.any(Number),
        place: join(home.folder, 'gateway.sock'),
        audience: home.service.did,
        dryRun: false,
        servers: [{ name: 'mail', type: 'stdio', tools: 6, waiting: 0 }],
        apis: [],
        sessions: [],
        calls: 0,
        healthy: true,
        reasons: [],
      },
    })
    if (answer.state === 'done') expect(answer.data.started).toBeGreaterThanOrEqual(before)
    expect(await controlGateway(config, 'stop')).toEqual({ state: 'done', data: true })
    expect(await exit).toBe(0)
    expect(existsSync(socket)).toBe(false)
    expect(await controlGateway(config, 'status')).toEqual({ state: 'down' })
  }, 60_000)

  it('lets the gateway take accepted tools, without a look at its configuration or its servers [GTW-47]', async () => {
    home.configure((given) => void Object.assign(given, { tools: 'reviewed' }))
    await gateways.serve(home.folder)
    await until(async () => (await controlGateway(config, 'status')).state === 'done')
    const tools = { config: await readGatewayConfig(config), server: 'mail' }
    const { hash = '' } = (await reviewTools(tools)).find(({ name }) => name === 'send') ?? {}
    home.configure((given) => void Object.assign(given, { sandbox: true }))
    await acceptTools({ ...tools, hashes: [hash] })
    expect(await controlGateway(config, 'tools')).toMatchObject({
      state: 'done',
      data: { servers: [{ name: 'mail', tools: 1, waiting: 5 }] },
    })
    expect(await controlGateway(config, 'reload')).toMatchObject({ state: 'refused' })
  }, 60_000)

  it('of a killed gateway is replaced, and a question to it is answered as if there were none [GTW-91]', async () => {
    const first = await gateways.serve(home.folder)
    await until(() => existsSync(socket))
    first.child.kill('SIGKILL')
    await first.exit
    expect(existsSync(socket)).toBe(true)
    expect(await controlGateway(config, 'status')).toEqual({ state: 'down' })
    const { child } = await gateways.serve(home.folder)
    await until(async () => (await controlGateway(config, 'status')).state === 'done')
    expect(await controlGateway(config, 'status')).toMatchObject({ data: { process: child.pid } })
  }, 60_000)

  it('answers a malformed line with an error, and goes on [GTW-91]', async () => {
    await gateways.serve(home.folder)
    await until(() => existsSync(socket))
    const lines = [
      '',
      'null',
      '[]',
      '{"procura":1}',
      '{"procura":1,"control":"kill"}',
      '{"procura":2,"control":"stop"}',
    ]
    for (const line of [...lines, '{"procura":1,"control":["stop"]}', '{"procura":1,"control":"stop","now":true}'])
      expect(await send(`${line}\n`)).toMatch(/^\{"procura":1,"error":\{"code":"control_invalid",/)
    expect(await send('x'.repeat(600_000))).toContain('the first line has more than')
    expect(await controlGateway(config, 'status')).toMatchObject({ state: 'done' })
  }, 60_000)

  it('is at no address of TCP, and names the agents that have proved a delegation [GTW-91]', async () => {
    const address = `127.0.0.1:${await freePort()}`
    home.configure((given) => void Object.assign(given, { listen: { address } }))
    await gateways.serve(home.folder)
    await until(() => existsSync(socket))
    for (const control of ['status', 'reload', 'stop']) {
      const asked = await askGateway({ address }, { procura: 1, control })
      expect(asked).toMatchObject({ answer: { error: { code: 'hello_invalid' } } })
    }
    const who = { audience: home.service.did, subject: home.owner.did }
    const agent = await makeAgentHome(join(home.folder, 'agents', 'assistant'), { address }, who)
    await agent.give(home.owner, '/mcp/mail')
    await clients.open(agent.folder)
    const sessions = [{ server: 'mail', agent: agent.signer.did }]
    expect(await controlGateway(config, 'status')).toMatchObject({ data: { sessions } })
  }, 60_000)

  it('refuses a path that systems do not take, before the vault is opened [GTW-91]', async () => {
    const folder = join(home.folder, ...Array<string>(50).fill('x'))
    mkdirSync(folder, { mode: 0o700, recursive: true })
    home.configure(
      (given) => void Object.assign(given, { listen: { address: '127.0.0.1:0' }, vault: { file: 'none' } }),
    )
    copyFileSync(config, join(folder, 'gateway.json'))
    await expect(gateways.serve(folder)).rejects.toThrow(/control\.sock` has \d+ bytes, and systems take at most 103/)
  }, 60_000)
})

describe('procura reload', () => {
  it('prints the servers of the configuration that was taken [CLI-31] [GTW-34]', async () => {
    await gateways.serve(home.folder)
    await until(() => existsSync(socket))
    addServer()
    const { code, all } = reload()
    expect(all).toContain('server mail (stdio): 6 tools\nserver post (stdio): 6 tools\n')
    expect(all).toContain('the gateway took the new configuration')
    expect(code).toBe(0)
    const json = reload(['--json'])
    expect(json.all).toContain('{"reloaded":true,"servers":[{"name":"mail"')
  }, 60_000)

  it('ends with 1 and the reason when the configuration has a fault, which changes nothing [CLI-31] [GTW-34]', async () => {
    await gateways.serve(home.folder)
    await until(() => existsSync(socket))
    home.configure((given) => void Object.assign(given, { sandbox: true }))
    const { code, all } = reload()
    expect(all).toMatch(/goes on with the configuration of before: .*gateway\.json:1:\d+: `sandbox` is unknown/)
    expect(code).toBe(1)
    home.configure((given) => void Reflect.deleteProperty(given, 'sandbox'))
    expect(reload().all).toContain('the gateway took the new configuration')
    home.configure((given) => void Object.assign(given, { listen: { socket: 'other.sock' } }))
    expect(reload().all).toContain('`listen` cannot change while the gateway runs; restart it')
  }, 60_000)

  it('ends with 1 where no gateway runs [CLI-31]', async () => {
    const { code, all } = reload()
    expect(all).toContain('the gateway does not run; start it with')
    expect(code).toBe(1)
  })

  it('ends with 2 where a gateway runs that does not answer there [CLI-31]', async () => {
    const { child } = await gateways.serve(home.folder)
    await until(() => existsSync(socket))
    rmSync(socket)
    const { code, all } = reload()
    expect(all).toContain(`process ${child.pid} has the state of the gateway and does not listen at`)
    expect(code).toBe(2)
  }, 60_000)

  it('ends with 2 where another program listens there [CLI-31]', async () => {
    const server = createServer((client) => client.resume().end('{"procura":1,"audience":"did:key:z6Mk"}\n'))
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    expect(await controlGateway(config, 'reload')).toMatchObject({ state: 'fault' })
    await new Promise((resolve) => server.close(resolve))
  })
})

describe('a gateway that starts', () => {
  it('takes a configuration that was changed after it had read it [GTW-91]', async () => {
    const first = await gateways.serve(home.folder)
    // Another socket: the second one is not refused because of the first.
    home.configure((given) => void Object.assign(given, { listen: { socket: 'other.sock' } }))
    const following = gateways.start(home.folder)
    await until(() => following.out().includes('waiting until it ends'))
    addServer()
    first.child.kill('SIGTERM')
    expect(await first.exit).toBe(0)
    await until(() => following.out().includes('took the new configuration'))
    await until(async () => {
      const answer = await controlGateway(config, 'status')
      return answer.state === 'done' && answer.data.servers.some(({ name, tools }) => name === 'post' && tools === 6)
    })
  }, 60_000)
})
