import { spawn } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { until } from '../../../../../test/support/until.ts'
import { credentialRulesOf } from '../../../src/index.ts'
import { canary, type GatewayHome, makeGatewayHome } from '../../gateway/serve/gateway-home.ts'
import { type ServedGateway, servedGateways } from '../../gateway/serve/served-gateway.ts'
import {
  authority,
  type ConnectProxy,
  type RecordingServer,
  startMcpServer,
  startProxy,
} from '../../support/corporate-network.ts'

const program = bundledProcura()
const gateways = servedGateways(program)
const password = 'pr0xy-CANARY-4711'
let [remote, local]: RecordingServer[] = []
let proxy: ConnectProxy
let home: GatewayHome

beforeEach(async () => {
  remote = await startMcpServer(true)
  local = await startMcpServer(false)
  proxy = await startProxy(at(remote))
  const urls = { crm: 'https://mcp.corp.test/mcp', near: `http://localhost:${at(local)}/mcp` }
  const servers = Object.entries(urls).map(([name, url]) => [
    name,
    { type: 'http', url, secretHeaders: { Authorization: `${name}.key` } },
  ])
  home = await makeGatewayHome(Object.fromEntries(servers))
  for (const [name, url] of Object.entries(urls)) {
    const secretHeaders = { names: ['Authorization'], credential: `${name}.key` }
    const rules = credentialRulesOf(name, { type: 'http', url, headers: {}, secretHeaders })
    await home.vault.put(`${name}.key`, { ...rules, secret: `Bearer ${canary}` })
  }
})

afterEach(async () => {
  await gateways.end()
  await home.remove()
  for (const one of [proxy, remote, local]) await one?.close()
})

const at = (server: RecordingServer | undefined): number => server?.port ?? 0

/** The environment of an office, without variables of the machine that runs the test. */
const office = (more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
  ...{ http_proxy: '', HTTP_PROXY: '', NO_PROXY: '', no_proxy: '', NODE_EXTRA_CA_CERTS: authority },
  https_proxy: `http://ann:${password}@127.0.0.1:${proxy.port}`,
  ...more,
})

async function serve(env: Readonly<Record<string, string>>): Promise<ServedGateway> {
  await gateways.end()
  const served = await gateways.serve(home.folder, [], env)
  await until(() => /server near.*: 1 tool/.test(served.out()))
  return served
}

describe('procura serve behind a proxy', () => {
  it('reaches remote servers through it, and shows it no credential [GTW-52]', async () => {
    const { out } = await serve(office())
    await until(() => out().includes('server crm (http): 1 tool'))
    expect(new Set(proxy.hosts)).toEqual(new Set(['mcp.corp.test:443']))
    expect(new Set(remote?.authorizations)).toEqual(new Set([`Bearer ${canary}`]))
    expect(proxy.seen()).toContain(`Basic ${Buffer.from(`ann:${password}`).toString('base64')}`)
    expect(proxy.seen()).not.toContain(canary)
    expect(out()).toContain(
      `info: requests to other machines go through the proxy http://127.0.0.1:${proxy.port} of https_proxy\n`,
    )
    expect(out()).not.toContain(password)
  }, 60_000)

  it('asks it for nothing of this machine, also where it is for `http:` addresses [GTW-52]', async () => {
    const url = `http://127.0.0.1:${proxy.port}`
    for (const more of [
      { http_proxy: url, no_proxy: 'example.com' },
      { http_proxy: url, NODE_USE_ENV_PROXY: '1' },
    ]) {
      await serve(office(more))
    }
    expect(local?.authorizations.length).toBeGreaterThan(0)
    expect(proxy.hosts.filter((host) => !host.startsWith('mcp.corp.test'))).toEqual([])
  }, 60_000)

  it('sends a request to a host of NO_PROXY directly [GTW-52]', async () => {
    for (const hosts of ['*', 'corp.test', 'example.com, .corp.test:443']) {
      const { out } = await serve(office({ NO_PROXY: hosts, no_proxy: hosts }))
      await until(() => /server crm.*not available/.test(out()))
    }
    expect(proxy.hosts).toEqual([])
  }, 60_000)

  it('names the fault of the proxy, and goes on without a proxy whose URL is invalid [GTW-53]', async () => {
    proxy.status = 407
    const refused = await serve(office())
    await until(() => refused.out().includes('(PROXY_407)'))
    const silent = await serve(office({ https_proxy: `http://ann:${password}@127.0.0.1:1` }))
    await until(() => silent.out().includes('(PROXY_ECONNREFUSED)'))
    for (const url of [`http://ann:${password}@host:port`, `ann:${password}@host`, `socks5://ann:${password}@host`]) {
      const { out } = await serve(office({ https_proxy: url }))
      await until(() => out().includes('(PROXY_INVALID)'))
      expect(out()).toContain('error: https_proxy is not the URL of a proxy, such as http://proxy.example.com:8080;')
      expect(out()).not.toContain(password)
    }
    expect(refused.out() + silent.out()).not.toContain(password)
    expect(remote?.authorizations).toEqual([])
  }, 120_000)
})

describe('procura login behind a proxy', () => {
  it('asks the server through it, and names its fault [LGN-12]', async () => {
    home.configure((config) => {
      config['servers'] = { crm: { type: 'http', url: 'https://mcp.corp.test/mcp' } }
    })
    const login = (env: Readonly<Record<string, string>>): Promise<string> => output(['login', 'crm'], env)
    expect(await login(office())).toContain('names no authorization server')
    expect(proxy.hosts).toContain('mcp.corp.test:443')
    expect(remote?.authorizations.length).toBeGreaterThan(0)
    proxy.status = 503
    expect(await login(office())).toContain(
      'https://mcp.corp.test could not be reached: the proxy cannot be used (503)',
    )
    const said = await login(office({ https_proxy: `x:${password}` }))
    expect(said).toContain('could not be reached: https_proxy is not the URL of a proxy')
    expect(said).not.toContain(password)
  }, 60_000)
})

async function output(words: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const child = spawn(process.execPath, [program(), ...words, '--home', home.folder], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let all = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (all += chunk.toString()))
  await new Promise((resolve) => child.once('close', resolve))
  return all
}
