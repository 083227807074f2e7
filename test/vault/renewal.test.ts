import { describe, expect, it } from 'vitest'
import { createVault } from '../../src/vault/create-vault.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { type RefreshTokenParameters, refreshToken } from '../../src/vault/processors/refresh-token.ts'
import { Secret } from '../../src/vault/secret.ts'
import { memorySource } from '../../src/vault/stores/memory/memory-source.ts'
import type { Release, Vault } from '../../src/vault/vault.ts'
import { movableClock, permission, type Received, serveInTest, type TestServer, vaultError } from './support.ts'

/** An authorization server that rotates, and an API that takes the tokens from `least` on. */
interface World {
  readonly server: TestServer
  readonly vault: Vault
  readonly clock: ReturnType<typeof movableClock>
  /** The number of the first token that the API takes. */
  least: number
  asked(): readonly Received[]
  use(): Promise<number>
}

async function world(
  extra: Partial<RefreshTokenParameters> = {},
  { expires = true, redirect = false } = {},
): Promise<World> {
  let issued = 0
  const server = await serveInTest((received, response) => {
    if (received.url === '/token') {
      issued += 1
      const end = expires ? { expires_in: 900 } : {}
      const token = { access_token: `access-${issued}`, token_type: 'Bearer', refresh_token: `refresh-${issued}` }
      response.writeHead(200, { 'content-type': 'application/json' })
      return void response.end(JSON.stringify({ ...token, ...end }))
    }
    if (redirect && received.url === '/x') return void response.writeHead(303, { location: '/y' }).end()
    const number = Number(/access-(\d+)/.exec(String(received.headers.authorization))?.[1] ?? 0)
    response.writeHead(number >= made.least ? 200 : 401).end()
  })
  const clock = movableClock()
  const processor = refreshToken({
    tokenEndpoint: `${server.origin}/token`,
    clientId: 'c',
    authentication: 'none',
    ...extra,
  })
  const source = memorySource('memory', new Map([['api', Secret.ofFields({ refreshToken: 'refresh-0' })]]), clock)
  const vault = createVault({ source, credentials: { api: { origins: [server.origin], processor } }, clock })
  const made: World = {
    ...{ server, vault, clock, least: 0 },
    asked: () => server.received.filter(({ url }) => url === '/token'),
    use: async () => {
      const url = `${server.origin}/x`
      return (await vault.use({ reference: 'api', authorization: permission(), url, redirect: 'follow' })).status
    },
  }
  return made
}

describe('a token that an upstream refuses', () => {
  it('VLT-53 is replaced once for 64 calls at a time, each of which is then sent again', async () => {
    const one = await world()
    expect(await one.use()).toBe(200)
    one.least = 2
    expect(await Promise.all(Array.from({ length: 64 }, one.use))).toEqual(Array.from({ length: 64 }, () => 200))
    expect(one.asked()).toHaveLength(2)
  })

  it('VLT-53 makes one successor in 60 s for an upstream that refuses all of them', async () => {
    const one = await world()
    one.least = 1_000
    expect([await one.use(), await one.use(), await one.use()]).toEqual([401, 401, 401])
    expect(one.asked()).toHaveLength(2)
    expect(await Promise.all(Array.from({ length: 64 }, one.use))).toEqual(Array.from({ length: 64 }, () => 401))
    expect(one.asked()).toHaveLength(2)
    one.clock.add(60)
    expect(await one.use()).toBe(401)
    expect(one.asked()).toHaveLength(3)
  })

  it('VLT-53 is checked and announced again before the second request', async () => {
    const one = await world()
    await one.use()
    one.least = 2
    const steps: string[] = []
    const send = (recheck: () => boolean): Promise<Response> =>
      one.vault.use(
        { reference: 'api', authorization: permission(), url: `${one.server.origin}/x` },
        { recheck, onRelease: ({ version }: Release) => void steps.push(version) },
      )
    expect((await send(() => true)).status).toBe(200)
    expect(steps).toHaveLength(2)
    one.least = 3
    one.clock.add(60)
    let checks = 0
    const revoked = send(() => ++checks < 2)
    await expect(revoked).rejects.toMatchObject(vaultError('ERR_VAULT_REVOKED'))
    expect(one.server.received.at(-1)?.url).toBe('/token')
  })

  it('VLT-53 does not repeat a request that was redirected', async () => {
    const one = await world({}, { redirect: true })
    one.least = 2
    expect(await one.use()).toBe(401)
    expect(one.server.received.map(({ url }) => url)).toEqual(['/token', '/x', '/y'])
  })

  it('does not repeat a request with a secret that was not made from another one', async () => {
    const server = await serveInTest((_, response) => void response.writeHead(401).end())
    const source = memorySource('memory', new Map([['api', new Secret('key')]]), movableClock())
    const vault = createVault({ source, credentials: { api: { origins: [server.origin], processor: bearer() } } })
    const answer = await vault.use({ reference: 'api', authorization: permission(), url: `${server.origin}/x` })
    expect([answer.status, server.received.length]).toEqual([401, 1])
  })
})

describe('a grant that has ended', () => {
  it('VLT-54 is sent once in 60 s, and a new one at once', async () => {
    const server = await serveInTest((received, response) => {
      if (received.url !== '/token') return void response.writeHead(200).end()
      const isNew = received.body.includes('refresh-new')
      response.writeHead(isNew ? 200 : 400, { 'content-type': 'application/json' })
      response.end(JSON.stringify(isNew ? { access_token: 'a', token_type: 'Bearer' } : { error: 'invalid_grant' }))
    })
    const clock = movableClock()
    const secrets = new Map([['api', Secret.ofFields({ refreshToken: 'refresh-old' })]])
    const source = memorySource('memory', secrets, clock)
    const processor = refreshToken({ tokenEndpoint: `${server.origin}/token`, clientId: 'c', authentication: 'none' })
    const vault = createVault({ source, credentials: { api: { origins: [server.origin], processor } }, clock })
    const use = (): Promise<Response> =>
      vault.use({ reference: 'api', authorization: permission(), url: `${server.origin}/x` })
    const asked = (): number => server.received.filter(({ url }) => url === '/token').length
    for (let call = 0; call < 64; call++) await expect(use()).rejects.toMatchObject(vaultError('ERR_VAULT_REVOKED'))
    expect(asked()).toBe(1)
    clock.add(60)
    await expect(use()).rejects.toMatchObject(vaultError('ERR_VAULT_REVOKED'))
    expect(asked()).toBe(2)
    const { version = '' } = (await source.read('api', { scope: '' } as never)) ?? {}
    const signal = new AbortController().signal
    await source.replace?.('api', {
      secret: Secret.ofFields({ refreshToken: 'refresh-new' }),
      expectedVersion: version,
      signal,
    })
    expect((await use()).status).toBe(200)
  })
})

describe('an exchange of a refresh token', () => {
  it('names the resource, and keeps a token without an expiry for `lifetime`', async () => {
    const resource = 'https://mail.example/mcp'
    const one = await world({ resource, lifetime: 300 }, { expires: false })
    for (const wait of [0, 269, 1]) {
      one.clock.add(wait)
      expect(await one.use()).toBe(200)
    }
    expect(one.asked().map(({ body }) => new URLSearchParams(body).get('resource'))).toEqual([resource, resource])
  })
})
