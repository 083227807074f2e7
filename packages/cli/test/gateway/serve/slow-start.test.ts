import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../../../test/support/until.ts'
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
