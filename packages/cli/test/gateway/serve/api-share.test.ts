import { connect, type Socket } from 'node:net'
import { attenuate, type Delegation, delegate, encodeContainer, invoke, type Signer } from 'procura'
import { bindRequest } from 'procura/http/binding'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { actor } from '../../../../../test/support/actors.ts'
import { until } from '../../../../../test/support/until.ts'
import type { Gateway } from '../../../src/index.ts'
import { type ApiHome, makeApiHome } from './api-home.ts'

let api: ApiHome
let gateway: Gateway
const held: Socket[] = []

beforeEach(async () => {
  api = await makeApiHome()
  gateway = await api.home.open()
})

afterEach(async () => {
  for (const socket of held.splice(0)) socket.destroy()
  await api.remove()
})

const given = (audience: Signer): Promise<Delegation> =>
  delegate({ issuer: api.home.owner, audience: audience.did, command: '/http/crm', expiresIn: 600 })

async function container(issuer: Signer, chain: readonly Delegation[], path: string): Promise<string> {
  const args = { ...(await bindRequest({ url: `${api.upstream.origin}${path}` })) }
  const call = { issuer, audience: api.home.service.did, subject: api.home.owner.did, proofs: [...chain], args }
  return encodeContainer([await invoke({ ...call, command: '/http/crm' }), ...chain])
}

interface Held {
  readonly socket: Socket
  /** The answer so far. */
  readonly answer: () => string
  readonly status: () => Promise<string>
}

/** Sends a request, and keeps its connection. */
function send(path: string, token: string): Held {
  let answer = ''
  const host = new URL(api.upstream.origin).host
  const socket = connect(gateway.place, () =>
    socket.write(
      `{"procura":1,"api":"crm"}\nGET ${path} HTTP/1.1\r\nHost: ${host}\r\nX-UCAN-Container: ${token}\r\n\r\n`,
    ),
  )
  held.push(socket)
  socket.on('error', () => undefined).on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
  const status = async (): Promise<string> => {
    await until(() => answer.includes('HTTP/1.1') || socket.destroyed, 20)
    return /HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'closed'
  }
  return { socket, answer: () => answer, status }
}

describe('an agent with requests to an API that take long', () => {
  it('has its share with the agents below it, and other agents have theirs [GTW-69] [attack 98]', async () => {
    const [mallory, below, alice] = [await actor('mallory'), await actor('below'), await actor('alice')]
    const [chain, own] = [[await given(mallory)], [await given(alice)]]
    const deeper = [...chain, await attenuate(chain, { issuer: mallory, audience: below.did, expiresIn: 500 })]
    const of = async (path: string): Promise<string> =>
      held.length % 2 === 0 ? container(mallory, chain, path) : container(below, deeper, path)
    const streams: Held[] = []
    for (let count = 0; count < 64; count++) {
      streams.push(send('/v1/stream', await of('/v1/stream')))
      expect(await streams.at(-1)?.status()).toBe('200')
    }
    const token = await container(mallory, chain, '/v1/a')
    for (const sent of [token, await container(below, deeper, '/v1/a')]) {
      const refused = send('/v1/a', sent)
      expect(await refused.status()).toBe('503')
      expect(refused.answer()).toContain('"overloaded"')
    }
    expect(await send('/v1/a', await container(alice, own, '/v1/a')).status()).toBe('200')
    expect(await send('/v1/a', await container(alice, own, '/v1/a')).status()).toBe('200')
    // The refused call was not used up, and a place that is left is free.
    streams[0]?.socket.destroy()
    let again = '503'
    for (let tries = 0; tries < 100 && again === '503'; tries++) again = await send('/v1/a', token).status()
    expect(again).toBe('200')
    const denied = (await api.home.records()).filter(({ code }) => code === 'overloaded')
    expect(denied.slice(0, 2)).toMatchObject(
      [mallory, below].map(({ did: invoker }) => ({
        kind: 'denied',
        command: '/http/crm',
        invoker,
        requirement: 'GRD-21',
      })),
    )
  }, 60_000)

  it('keeps no place by a call that is refused [GTW-69] [attack 98]', async () => {
    const mallory = await actor('mallory')
    const chain = [await given(mallory)]
    const token = await container(mallory, chain, '/v1/a')
    expect(await send('/v1/a', token).status()).toBe('200')
    // The same call, 70 times: each is refused as one that was seen.
    for (let count = 0; count < 70; count++) expect(await send('/v1/a', token).status()).toBe('401')
    expect(await send('/v1/b', await container(mallory, chain, '/v1/b')).status()).toBe('200')
  })
})
