import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { attenuate, delegate, encodeContainer, generateSigner } from 'procura'
import { openSignerFile, rotateSignerFile } from 'procura/signer/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeApiHome } from '../../serve/api-home.ts'
import { type GatewayHome, makeGatewayHome } from '../../serve/gateway-home.ts'
import type { AgentHome } from './agent-home.ts'
import { newClients, textOf } from './client.ts'

const clients = newClients()
let home: GatewayHome
let agent: AgentHome

beforeEach(async () => {
  home = await makeGatewayHome()
  agent = await home.agent('assistant')
  await agent.give(home.owner, '/mcp/mail')
})

afterEach(async () => {
  await clients.end()
  await home.remove()
})

const audience = (): string => JSON.parse(readFileSync(join(agent.folder, 'connect.json'), 'utf8')).audience
const key = (): string => join(home.folder, 'service.key')

describe('a gateway with a new key', () => {
  it('proves its former DIDs, and an open session goes on [GTW-85] [CON-32]', async () => {
    const gateway = await home.open()
    const client = await clients.open(agent.folder)
    await client.ask('tools/list')
    await gateway.close()
    const { did } = await rotateSignerFile({ path: key() })
    await home.open()
    expect(audience()).not.toBe(did)
    expect(textOf(await client.call('send', { to: 'bob' }))).toBe('sent to bob')
    expect(audience()).toBe(did)
  })

  it('serves the listener of an API that was open before [CON-32]', async () => {
    const api = await makeApiHome()
    try {
      await api.agent.give(api.home.owner, '/http/crm')
      const gateway = await api.home.open()
      const call = await api.client()
      expect((await call('/v1/a')).status).toBe(200)
      await gateway.close()
      await rotateSignerFile({ path: join(api.home.folder, 'service.key') })
      await api.home.open()
      const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await call('/v1/a')).status))
      expect(statuses).toEqual(Array(8).fill(200))
    } finally {
      await api.remove()
    }
  })

  it('is refused without the former key, and nothing is written [CON-32]', async () => {
    await rotateSignerFile({ path: key(), keep: 0 })
    const before = audience()
    await home.open()
    const client = await clients.open(agent.folder)
    expect(textOf(await client.call('send', { to: 'bob' }))).toContain('connect.json names')
    expect(audience()).toBe(before)
  })

  it('is refused with each proof that the former key has not signed for it [CON-32]', async () => {
    const { signer: former } = await openSignerFile({ path: key() })
    const [impostor, other] = [await generateSigner(), await generateSigner()]
    const command = '/gateway/successor'
    const past = { now: () => Math.floor(Date.now() / 1_000) - 3_600 }
    const root = await delegate({ issuer: former, audience: other.did, command })
    const proofs = [
      [await delegate({ issuer: impostor, audience: impostor.did, command })],
      [await delegate({ issuer: former, audience: other.did, command })],
      [await delegate({ issuer: former, audience: impostor.did, command: '/gateway' })],
      [await delegate({ issuer: former, audience: impostor.did, command: '/' })],
      [await delegate({ issuer: former, audience: impostor.did, command, expiresIn: 60, clock: past })],
      [root, await attenuate(root, { issuer: other, audience: impostor.did })],
    ].map(encodeContainer)
    const before = audience()
    for (const successor of [...proofs, '', 'x', 7, undefined]) {
      const asked: string[] = []
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        sockets.add(socket.on('error', () => undefined))
        socket.on('data', (data) => {
          asked.push(String(data))
          socket.write(`${JSON.stringify({ procura: 1, audience: impostor.did, successor })}\n`)
        })
      })
      await new Promise<void>((resolve) => server.listen(join(home.folder, 'gateway.sock'), resolve))
      const client = await clients.open(agent.folder)
      expect(textOf(await client.call('send', { to: 'bob' }))).toContain('connect.json names')
      expect(audience()).toBe(before)
      expect(asked.join('')).not.toContain('tools/call')
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  it('serves an agent whose file cannot be written [CON-32]', async () => {
    await rotateSignerFile({ path: key() })
    const before = audience()
    // A file in the place of the lock.
    writeFileSync(join(agent.folder, 'connect.json.lock'), '')
    chmodSync(agent.folder, 0o700)
    await home.open()
    const client = await clients.open(agent.folder)
    expect(textOf(await client.call('send', { to: 'bob' }))).toBe('sent to bob')
    expect(audience()).toBe(before)
  })
})
