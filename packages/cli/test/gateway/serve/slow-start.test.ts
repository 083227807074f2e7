import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { until } from '../../../../../test/support/until.ts'
import { credentialRulesOf, readGatewayConfig } from '../../../src/index.ts'
import { newClients, textOf } from '../agent-side/connect/client.ts'
import { type GatewayHome, mailServer, makeGatewayHome } from './gateway-home.ts'

/** Writes the number of its process, and answers nothing. */
const silent = `require('node:fs').writeFileSync(process.argv[1], String(process.pid)); setInterval(() => {}, 1000)`
const clients = newClients()
let home: GatewayHome

beforeEach(async () => {
  home = await makeGatewayHome()
  const hang = { type: 'stdio', command: process.execPath, args: ['-e', silent, join(home.folder, 'pid')] }
  const mail = { type: 'stdio', command: process.execPath, args: [mailServer] }
  home.configure((config) => void Object.assign(config, { servers: { hang, mail } }))
})

afterEach(async () => {
  await clients.end()
  await home.remove()
})

describe('a gateway with a server that does not answer', () => {
  it('serves the agents of the others meanwhile, at its first start and later [GTW-92] [GTW-93]', async () => {
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    for (const _ of ['no tool is accepted', 'the tools are accepted']) {
      const starting = new AbortController()
      let isOpen = false
      const opening = home.open({ signal: starting.signal }).then(
        () => (isOpen = true),
        () => undefined,
      )
      await until(() => existsSync(join(home.folder, 'gateway.sock')))
      const client = await clients.open(agent.folder)
      expect((await client.ask('tools/list')).result?.tools).toHaveLength(6)
      expect(textOf(await client.call('send', { to: 'bob' }))).toBe('sent to bob')
      expect(isOpen).toBe(false)
      starting.abort()
      await opening
      expect(isOpen).toBe(false)
      expect(existsSync(join(home.folder, 'gateway.sock'))).toBe(false)
      await clients.end()
    }
  })

  it('ends at once with a session that waits for it, and with its program [GTW-23] [GTW-93]', async () => {
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp')
    const starting = new AbortController()
    const opening = home.open({ signal: starting.signal }).catch((error: Error) => error)
    await until(() => existsSync(join(home.folder, 'gateway.sock')))
    const client = clients.connect(agent.folder, { server: 'hang' })
    const first = client.initialize()
    await until(() => existsSync(join(home.folder, 'pid')) && readFileSync(join(home.folder, 'pid'), 'utf8') !== '')
    starting.abort()
    expect(await opening).toBeInstanceOf(Error)
    expect((await first).error).toBeDefined()
    expect(() => process.kill(Number(readFileSync(join(home.folder, 'pid'), 'utf8')), 0)).toThrow('ESRCH')
  })
})

describe('a gateway whose servers answer one after the other', () => {
  it('lists the tools of a slow one with its credential, when those of another count already [GTW-92]', async () => {
    const isAccepted = (): boolean => existsSync(join(home.folder, 'tools', 'mail.json'))
    const answers: Readonly<Record<string, object>> = {
      initialize: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'web', version: '1' } },
      'tools/list': { tools: [{ name: 'look' }] },
    }
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => (body += chunk))
      request.on('end', async () => {
        const { id, method } = Object(body === '' ? {} : JSON.parse(body)) as { id?: unknown; method?: string }
        const result = answers[method ?? '']
        if (result === undefined) return void response.writeHead(request.method === 'POST' ? 202 : 405).end()
        await until(isAccepted)
        // The snapshot with the tools of the other one is there, and the one before has ended.
        await new Promise((resolve) => setTimeout(resolve, 500))
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
    const mail = { type: 'stdio', command: process.execPath, args: [mailServer] }
    const web = { type: 'http', url, secretHeaders: { Authorization: 'web.A' } }
    const secretHeaders = { names: ['Authorization'], credential: 'web.A' }
    const rules = credentialRulesOf('web', { type: 'http', url, headers: {}, secretHeaders })
    await home.vault.put('web.A', { ...rules, secret: 'Bearer abcdefgh' })
    home.configure((config) => void Object.assign(config, { servers: { mail, web }, tools: 'first-use' }))
    const gateway = await home.open()
    expect(gateway.servers()).toMatchObject([
      { name: 'mail', tools: 6, waiting: 0 },
      { name: 'web', tools: 1, waiting: 0 },
    ])
    expect(gateway.servers().some(({ fault }) => fault !== undefined)).toBe(false)
  })
})

describe('a reload with a server that does not answer', () => {
  /** Answers nothing, and ends when a file is there. */
  const dumb = `setInterval(() => require('node:fs').existsSync(process.argv[1]) && process.exit(), 10)`

  it('ends the sessions of the earlier one at once, and stays taken when the look fails [GTW-31] [GTW-34]', async () => {
    const mail = { type: 'stdio', command: process.execPath, args: [mailServer] }
    home.configure((config) => void Object.assign(config, { servers: { mail }, tools: 'first-use' }))
    const gateway = await home.open()
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    const client = await clients.open(agent.folder)
    const args = ['-e', dumb, join(home.folder, 'go')]
    home.configure((config) => void Object.assign(config, { servers: { mail: { ...mail, args } } }))
    const reloading = gateway.reload(await readGatewayConfig(join(home.folder, 'gateway.json')))
    reloading.catch(() => undefined)
    await until(() => client.faults.length > 0)
    expect(gateway.servers()[0]?.fault).toBeUndefined()
    // The accepted tools cannot be read when the look is over.
    writeFileSync(join(home.folder, 'tools', 'mail.json'), '{', { mode: 0o600 })
    writeFileSync(join(home.folder, 'go'), '')
    await reloading
    expect(gateway.servers()[0]?.fault).toBe('it ended')
    expect(home.events.filter(({ event }) => event === 'failure').length).toBeGreaterThan(0)
  })
})
