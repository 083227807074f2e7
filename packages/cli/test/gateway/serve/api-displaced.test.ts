import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type Delegation, encodeContainer, invoke } from 'procura'
import { bindRequest } from 'procura/http/binding'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../../../test/support/until.ts'
import type { Gateway } from '../../../src/index.ts'
import { type ApiHome, makeApiHome } from './api-home.ts'

let api: ApiHome
let gateway: Gateway
let grant: Delegation
const held: Socket[] = []

beforeEach(async () => {
  api = await makeApiHome()
  grant = await api.agent.give(api.home.owner, '/http/crm')
})

afterEach(async () => {
  for (const socket of held.splice(0)) socket.destroy()
  await api.remove()
})

const hello = '{"procura":1,"api":"crm"}\n'

/** A connection to the gateway, and the bytes that it has received. */
async function open(): Promise<{ readonly socket: Socket; readonly answer: () => string }> {
  let received = ''
  const socket = connect(gateway.place)
  held.push(socket)
  socket.on('error', () => undefined).on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
  socket.write(hello)
  await until(() => received.includes('\n'))
  return { socket, answer: () => received.slice(received.indexOf('\n') + 1) }
}

/** As many connections as there are places. They have no request yet. */
async function takePlaces(): Promise<void> {
  for (let count = 0; count < 64; count++) await open()
}

/** The bytes of a signed request: its head, and its body. */
async function signed(body: string): Promise<readonly [string, string]> {
  const { agent, home, upstream } = api
  const args = { ...(await bindRequest({ url: `${upstream.origin}/v1/a`, method: 'POST', body })) }
  const call = { issuer: agent.signer, audience: home.service.did, subject: home.owner.did, proofs: [grant], args }
  const token = encodeContainer([await invoke({ ...call, command: '/http/crm' }), grant])
  const host = new URL(upstream.origin).host
  const head = `POST /v1/a HTTP/1.1\r\nHost: ${host}\r\nX-UCAN-Container: ${token}\r\nContent-Length: ${body.length}\r\n\r\n`
  return [head, body]
}

describe('a request to an API that newer ones displace before it has arrived', () => {
  it.each(['of which nothing has arrived', 'of which a part of the body has arrived'])(
    '%s loses its connection, is not executed, and can be sent again [GTW-71]',
    async (way) => {
      gateway = await api.home.open()
      const first = await open()
      const [head, body] = await signed('the whole body')
      if (way.includes('a part')) first.socket.write(`${head}the whole`)
      await takePlaces()
      await until(() => first.socket.destroyed)
      expect(first.answer()).toBe('')
      expect(api.upstream.seen).toEqual([])
      for (const socket of held.splice(0)) socket.destroy()
      const again = await open()
      again.socket.write(`${head}${body}`)
      await until(() => again.answer().includes('HTTP/1.1'))
      expect(again.answer()).toMatch(/^HTTP\/1\.1 200/)
      expect(api.upstream.seen).toMatchObject([{ body: 'the whole body' }])
    },
  )

  it('has an unknown outcome for the client of a listener [GTW-71] [CON-23]', async () => {
    gateway = await api.home.open()
    const file = join(api.agent.folder, 'connect.json')
    const slow = join(api.home.folder, 'slow.sock')
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), socket: slow }))
    // The first line is passed on, and the request is on its way for long.
    const between = createServer((client) => {
      const inner = connect(gateway.place)
      held.push(client, inner)
      client.once('data', (line) => void inner.write(line)).on('error', () => undefined)
      inner.on('error', () => undefined).pipe(client)
    })
    await new Promise<void>((resolve) => between.listen(slow, resolve))
    const call = await api.client()
    const before = held.length
    const asked = call('/v1/a', { method: 'POST', body: 'x'.repeat(1_000_000) })
    await until(() => held.length > before)
    await takePlaces()
    const response = await asked
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ code: 'outcome_unknown' })
    expect(api.upstream.seen).toEqual([])
    await new Promise((resolve) => between.close(resolve))
  })

  it('is not one whose call is decided, nor one of a dry run that is executed [GTW-71]', async () => {
    gateway = await api.home.open({ dryRun: true })
    const [head] = await signed('')
    const stream = await open()
    stream.socket.write(head.replace('POST /v1/a', 'GET /v1/stream'))
    await until(() => stream.answer().includes('data: 1'))
    await takePlaces()
    await takePlaces()
    expect(stream.socket.destroyed).toBe(false)
    api.upstream.finish()
    await until(() => stream.answer().includes('data: 2'))
  })
})

describe('a request to an API that has not arrived when the gateway ends', () => {
  it('loses its connection, and is not executed [GTW-71]', async () => {
    gateway = await api.home.open({ stopTimeoutMs: 50 })
    const first = await open()
    const [head] = await signed('the whole body')
    first.socket.write(`${head}the whole`)
    await open()
    await gateway.close()
    await until(() => first.socket.destroyed)
    expect([first.answer(), api.upstream.seen]).toEqual(['', []])
  })
})
