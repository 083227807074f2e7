import { describe, expect, it, vi } from 'vitest'
import { VaultError } from '../../src/errors.ts'
import { createVault } from '../../src/vault/create-vault.ts'
import { clientCredentials } from '../../src/vault/processors/client-credentials.ts'
import { refreshToken } from '../../src/vault/processors/refresh-token.ts'
import { resilient } from '../../src/vault/resilience/resilient.ts'
import { Secret } from '../../src/vault/secret.ts'
import type { SecretReading, SecretSource } from '../../src/vault/source.ts'
import { memorySource } from '../../src/vault/stores/memory/memory-source.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import type { Release, Vault } from '../../src/vault/vault.ts'
import {
  movableClock,
  NOON,
  OWNER,
  permission,
  type Received,
  STRANGER,
  serveInTest,
  type TestServer,
  vaultError,
} from './support.ts'

/** An authorization server and an API in one. */
async function start(token: (form: URLSearchParams, received: Received) => object | number): Promise<TestServer> {
  return serveInTest((received, response) => {
    if (received.url !== '/token') return void response.end(String(received.headers.authorization))
    const answer = token(new URLSearchParams(received.body), received)
    if (typeof answer === 'number') return void response.writeHead(answer).end('{"error":"server_error"}')
    response.writeHead('error' in answer ? 400 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer))
  })
}

const asked = (server: TestServer): Received[] => server.received.filter(({ url }) => url === '/token')

describe('client credentials', () => {
  const vaultFor = (server: TestServer, extra: object = {}, clock = movableClock()): Vault => {
    const processor = clientCredentials({ tokenEndpoint: `${server.origin}/token`, clientId: 'svc:1', ...extra })
    return memoryVault({ api: { secret: 'cs/+ 1', origins: [server.origin], processor, leasable: true } }, { clock })
  }
  const use = (vault: Vault, server: TestServer, path = '/crm/read'): Promise<string> =>
    vault
      .use({ reference: 'api', authorization: permission({ path }), url: `${server.origin}/x` })
      .then((response) => response.text())

  it('send a token, and the client secret to the token endpoint alone', async () => {
    const server = await start(() => ({ access_token: 'at-1', token_type: 'bearer', expires_in: 600 }))
    const vault = vaultFor(server)
    expect(await use(vault, server)).toBe('Bearer [redacted]')
    expect(server.received.map(({ headers }) => headers.authorization)).toEqual([
      `Basic ${btoa('svc%3A1:cs%2F%2B+1')}`,
      'Bearer at-1',
    ])
    expect(asked(server)[0]?.body).toBe('grant_type=client_credentials')
  })

  it('VLT-14 request one token for a hundred simultaneous calls', async () => {
    const server = await start(() => ({ access_token: 'at-1', token_type: 'Bearer', expires_in: 600 }))
    const vault = vaultFor(server)
    await Promise.all(Array.from({ length: 100 }, () => use(vault, server)))
    expect([asked(server).length, server.received.length]).toEqual([1, 101])
  })

  it('VLT-16 are requested again after `forget`, also while a token of before is on its way', async () => {
    let issued = 0
    let delay = Promise.resolve()
    const server = await serveInTest(async (received, response) => {
      if (received.url !== '/token') return void response.end(String(received.headers.authorization).replace('t-', 'T'))
      issued += 1
      const token = `at-${issued}`
      await delay
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ access_token: token, token_type: 'bearer', expires_in: 600 }))
    })
    const clock = movableClock()
    const processor = clientCredentials({ tokenEndpoint: `${server.origin}/token`, clientId: 'svc' })
    const read = async (reference: string): Promise<SecretReading> => ({
      ...{ reference, secret: new Secret('cs'), version: '1', kind: 'static', downscoped: false, readAt: NOON },
    })
    const source = resilient({ name: 'test', read })
    const rules = { origins: [server.origin], processor }
    const vault = createVault({ source, credentials: { api: rules, other: rules }, clock })
    const of = (reference: string): Promise<string> =>
      vault
        .use({ reference, authorization: permission(), url: `${server.origin}/x` })
        .then((response) => response.text())
    expect([await of('api'), await of('api'), await of('other')]).toEqual(['Bearer aT1', 'Bearer aT1', 'Bearer aT2'])
    source.forget('api')
    expect([await of('api'), await of('api'), await of('other')]).toEqual(['Bearer aT3', 'Bearer aT3', 'Bearer aT2'])

    source.forget('api')
    let go = (): void => undefined
    delay = new Promise<void>((resolve) => {
      go = resolve
    })
    const before = of('api')
    await vi.waitFor(() => expect(issued).toBe(4))
    source.forget('api')
    const after = of('api')
    await vi.waitFor(() => expect(issued).toBe(5))
    go()
    expect([await before, await after, await of('api')]).toEqual(['Bearer aT4', 'Bearer aT5', 'Bearer aT5'])
  })

  it('VLT-14 do not use a token whose secret was replaced while it was requested', async () => {
    const clock = movableClock()
    let began: (() => void) | undefined
    const first = new Promise<void>((resolve) => (began = resolve))
    let finish: (() => void) | undefined
    const used: string[] = []
    const fetch: typeof globalThis.fetch = async (url, init) => {
      const sent = new Headers(init?.headers).get('authorization') ?? ''
      if (!String(url).endsWith('/token')) {
        used.push(sent)
        return new Response()
      }
      const secret = atob(sent.slice(6)).split(':')[1]
      if (secret === 'old-secret') {
        began?.()
        await new Promise<void>((resolve) => (finish = resolve))
      }
      return Response.json({ access_token: `of-the-${secret?.slice(0, 3)}`, token_type: 'Bearer', expires_in: 600 })
    }
    const source = memorySource('memory', new Map([['api', new Secret('old-secret')]]), clock)
    const processor = clientCredentials({ tokenEndpoint: 'https://as.example/token', clientId: 'c' })
    const credentials = { api: { origins: ['https://api.example'], processor } }
    const { exclusively: _, ...shared } = source
    const vault = createVault({ source: shared, credentials, clock, fetch })
    const call = (): Promise<Response> =>
      vault.use({ reference: 'api', authorization: permission(), url: 'https://api.example/' })
    const before = call()
    await first
    await source.replace?.('api', { secret: new Secret('new-secret'), expectedVersion: '1' })
    const after = call()
    await new Promise((resolve) => setTimeout(resolve, 5))
    finish?.()
    await Promise.all([before, after])
    expect(used.sort()).toEqual(['Bearer of-the-new', 'Bearer of-the-old'])
  })

  it('request a token again shortly before it expires, and for each call if it has no expiration', async () => {
    const clock = movableClock()
    const server = await start(() => ({ access_token: 'at-1', token_type: 'Bearer', expires_in: 100 }))
    const vault = vaultFor(server, {}, clock)
    await use(vault, server)
    clock.add(69)
    await use(vault, server)
    expect(asked(server).length).toBe(1)
    clock.add(1)
    await use(vault, server)
    expect(asked(server).length).toBe(2)
    const endless = await start(() => ({ access_token: 'at-1', token_type: 'Bearer' }))
    const other = vaultFor(endless)
    await use(other, endless)
    await use(other, endless)
    expect(asked(endless).length).toBe(2)
  })

  it('VLT-14 keep no token for one subject that was made from the secret of another under the same version', async () => {
    const server = await start((_, { headers }) => ({
      access_token: `at-of-${atob(String(headers.authorization).slice(6)).split(':').at(-1)}`,
      token_type: 'bearer',
      expires_in: 600,
    }))
    const source: SecretSource = {
      name: 'tenants',
      scope: (_, { subject }) => subject,
      read: async (reference, { scope }) => {
        const secret = new Secret(scope === OWNER ? 'owner' : 'stranger')
        return { reference, secret, version: '1', kind: 'static', downscoped: false, readAt: NOON }
      },
    }
    const processor = clientCredentials({ tokenEndpoint: `${server.origin}/token`, clientId: 'svc' })
    const vault = createVault({ source, credentials: { api: { origins: [server.origin], processor } } })
    for (const subject of [OWNER, STRANGER, OWNER]) {
      const authorization = permission({ subject })
      await (await vault.use({ reference: 'api', authorization, url: `${server.origin}/x` })).text()
    }
    const sent = server.received.filter(({ url }) => url === '/x').map(({ headers }) => headers.authorization)
    expect(sent).toEqual(['Bearer at-of-owner', 'Bearer at-of-stranger', 'Bearer at-of-owner'])
    expect(asked(server).length).toBe(2)
  })

  it('keep no token with an endless lifetime, and release it without an expiration', async () => {
    const server = await start(() => ({ access_token: 'at-1', token_type: 'bearer', expires_in: 1e300 }))
    const ends: unknown[] = []
    const vault = vaultFor(server)
    for (let times = 0; times < 2; times += 1) {
      const onRelease = ({ expiresAt }: Release): void => void ends.push(expiresAt)
      await vault.use({ reference: 'api', authorization: permission(), url: `${server.origin}/x` }, { onRelease })
    }
    expect([ends, asked(server).length]).toEqual([[undefined, undefined], 2])
  })

  it('VLT-18 narrow a token to the command of the call, and refuse a call without a scope', async () => {
    const server = await start((form) => ({
      access_token: `at-${form.get('scope')}`,
      token_type: 'Bearer',
      expires_in: 600,
    }))
    const vault = vaultFor(server, {
      authentication: 'post',
      resource: server.origin,
      scopes: { '/crm': 'contacts', '/crm/read': 'contacts:read' },
    })
    const releases: Release[] = []
    const lease = async (path: string): Promise<string> => {
      const onRelease = (release: Release): void => void releases.push(release)
      return (await vault.lease('api', { authorization: permission({ path }), onRelease })).secret.reveal()
    }
    expect(await lease('/crm/read/one')).toBe('at-contacts:read')
    expect(await lease('/crm/write')).toBe('at-contacts')
    expect(releases).toMatchObject([{ kind: 'derived', downscoped: true }, { downscoped: true }])
    expect(Object.fromEntries(new URLSearchParams(asked(server)[0]?.body))).toEqual({
      grant_type: 'client_credentials',
      scope: 'contacts:read',
      resource: server.origin,
      client_id: 'svc:1',
      client_secret: 'cs/+ 1',
    })
    await expect(lease('/mail/send')).rejects.toMatchObject(vaultError('ERR_VAULT_DOWNSCOPE'))
  })

  it('VLT-31 refuse a token that permits more than was requested', async () => {
    const server = await start(() => ({ access_token: 'at-1', token_type: 'Bearer', expires_in: 9, scope: 'a admin' }))
    const vault = vaultFor(server, { scopes: { '/': 'a b' } })
    await expect(use(vault, server)).rejects.toMatchObject(vaultError('ERR_VAULT_DOWNSCOPE'))
  })

  const answers: readonly (readonly [string, object | number, string])[] = [
    ['a refused client', { error: 'invalid_client', error_description: 'canary-9' }, 'ERR_VAULT_CONFIGURATION'],
    ['an unknown error', { error: 'canary-9' }, 'ERR_VAULT_CONFIGURATION'],
    ['a refused grant', { error: 'invalid_grant' }, 'ERR_VAULT_REVOKED'],
    ['a refused scope', { error: 'invalid_scope' }, 'ERR_VAULT_DOWNSCOPE'],
    ['a server that cannot answer', 503, 'ERR_VAULT_UNAVAILABLE'],
    ['no token', { token_type: 'Bearer' }, 'ERR_VAULT_INTEGRITY'],
    ['a token bound to a key', { access_token: 'canary-9', token_type: 'DPoP' }, 'ERR_VAULT_INTEGRITY'],
    ['a token of another type', { access_token: { a: 'canary-9' }, token_type: 'Bearer' }, 'ERR_VAULT_INTEGRITY'],
  ]
  for (const [what, answer, code] of answers) {
    it(`refuse ${what}`, async () => {
      const server = await start(() => answer)
      const error = (await use(vaultFor(server), server).catch((caught: unknown) => caught)) as VaultError
      expect(error).toMatchObject({ name: 'VaultError', code })
      expect(error.message).not.toContain('canary-9')
    })
  }
})

describe('refresh tokens', () => {
  const processorFor = (server: TestServer): ReturnType<typeof refreshToken> =>
    refreshToken({ tokenEndpoint: `${server.origin}/token`, clientId: 'c' })

  /** Rotates at each use, and treats a second use of a token as theft. */
  async function rotating(): Promise<TestServer & { readonly stolen: () => boolean }> {
    let present = 1
    let stolen = false
    const server = await start((form) => {
      if (stolen || form.get('refresh_token') !== `rt-${present}`) {
        stolen = true
        return { error: 'invalid_grant' }
      }
      present += 1
      return { access_token: `at-${present}`, token_type: 'Bearer', expires_in: 100, refresh_token: `rt-${present}` }
    })
    return { ...server, stolen: () => stolen }
  }

  const kept = (): Map<string, Secret> =>
    new Map([['api', Secret.ofFields({ refreshToken: 'rt-1', clientSecret: 'cs' })]])

  it('VLT-17 are rotated one at a time, and stored before the access token is used', async () => {
    const server = await rotating()
    const clock = movableClock()
    const source = memorySource('memory', kept(), clock)
    const credentials = { api: { origins: [server.origin], processor: processorFor(server) } }
    const vault = createVault({ source, credentials, clock })
    const other = createVault({ source, credentials, clock })
    for (let round = 0; round < 5; round += 1) {
      const calls = Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? vault : other).use({
          reference: 'api',
          authorization: permission(),
          url: `${server.origin}/x`,
        }),
      )
      await Promise.all(calls)
      clock.add(100)
    }
    expect(server.stolen()).toBe(false)
    expect(asked(server).length).toBe(10)
    const stored = await source.read('api', { scope: '' })
    expect(stored?.secret.revealField('refreshToken')).toBe('rt-11')
    expect(stored?.secret.revealField('clientSecret')).toBe('cs')
  })

  it('VLT-14 serve many calls with one exchange, even if it rotates the refresh token', async () => {
    const server = await rotating()
    const clock = movableClock()
    const source = memorySource('memory', kept(), clock)
    const credentials = { api: { origins: [server.origin], processor: processorFor(server) } }
    const vault = createVault({ source, credentials, clock })
    for (let times = 0; times < 3; times += 1) {
      await vault.use({ reference: 'api', authorization: permission(), url: `${server.origin}/x` })
    }
    expect(asked(server).length).toBe(1)
  })

  it('VLT-17 are refused by a vault that cannot store a successor', async () => {
    const server = await rotating()
    const { replace: _, ...source } = memorySource('memory', kept(), movableClock())
    const vault = createVault({
      source,
      credentials: { api: { origins: [server.origin], processor: processorFor(server) } },
    })
    const call = vault.use({ reference: 'api', authorization: permission(), url: server.origin })
    await expect(call).rejects.toMatchObject(vaultError('ERR_VAULT_CONFIGURATION'))
  })

  it('VLT-17 keep a successor in memory while storing fails, and store it before the next exchange', async () => {
    const server = await rotating()
    const memory = memorySource('memory', kept(), movableClock())
    let full = true
    const source: typeof memory = {
      ...memory,
      replace: async (reference, successor) => {
        if (full) throw new VaultError('ERR_VAULT_UNAVAILABLE', 'no space left')
        return (await memory.replace?.(reference, successor)) ?? ''
      },
    }
    const credentials = { api: { origins: [server.origin], processor: processorFor(server) } }
    const vault = createVault({ source, credentials, clock: movableClock() })
    const use = (): Promise<Response> =>
      vault.use({ reference: 'api', authorization: permission(), url: `${server.origin}/x` })
    await expect(use()).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    await expect(use()).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    expect(asked(server).length).toBe(1)
    full = false
    await use()
    expect(server.stolen()).toBe(false)
    expect((await memory.read('api', { scope: '' }))?.secret.revealField('refreshToken')).toBe('rt-3')
  })

  it('VLT-17 continue when a successor was stored but the response was lost', async () => {
    const server = await rotating()
    const clock = movableClock()
    const memory = memorySource('memory', kept(), clock)
    let lost = true
    const source: typeof memory = {
      ...memory,
      replace: async (reference, successor) => {
        const version = (await memory.replace?.(reference, successor)) ?? ''
        if (lost) throw new VaultError('ERR_VAULT_UNAVAILABLE', 'the connection broke')
        return version
      },
    }
    const credentials = { api: { origins: [server.origin], processor: processorFor(server) } }
    const vault = createVault({ source, credentials, clock })
    const use = (): Promise<Response> =>
      vault.use({ reference: 'api', authorization: permission(), url: `${server.origin}/x` })
    await expect(use()).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    lost = false
    await use()
    expect(server.stolen()).toBe(false)
    expect((await memory.read('api', { scope: '' }))?.secret.revealField('refreshToken')).toBe('rt-3')
  })

  it('VLT-17 are rotated one at a time for all scopes, also by a store without a lock', async () => {
    const server = await rotating()
    const { exclusively: _, ...source } = memorySource('memory', kept(), movableClock())
    const scopes = { '/crm/read': 'r', '/crm/write': 'w' }
    const processor = refreshToken({ tokenEndpoint: `${server.origin}/token`, clientId: 'c', scopes })
    const vault = createVault({ source, credentials: { api: { origins: [server.origin], processor } } })
    const calls = Object.keys(scopes).map((path) =>
      vault.use({ reference: 'api', authorization: permission({ path }), url: `${server.origin}/x` }),
    )
    await Promise.all(calls)
    expect([server.stolen(), asked(server).length]).toEqual([false, 2])
  })

  it('need no store when the server does not rotate them', async () => {
    const server = await start(() => ({
      access_token: 'at',
      token_type: 'Bearer',
      expires_in: 9,
      refresh_token: 'rt-1',
    }))
    const processor = refreshToken({ tokenEndpoint: `${server.origin}/token`, clientId: 'c', authentication: 'none' })
    const { replace: _, ...source } = memorySource(
      'memory',
      new Map([['api', Secret.ofFields({ refreshToken: 'rt-1' })]]),
      movableClock(),
    )
    const vault = createVault({ source, credentials: { api: { origins: [server.origin], processor } } })
    await vault.use({ reference: 'api', authorization: permission(), url: `${server.origin}/x` })
    expect(asked(server)[0]?.body).toBe('grant_type=refresh_token&refresh_token=rt-1&client_id=c')
  })

  it('are overwritten in memory after the exchange, the successor included', async () => {
    const server = await rotating()
    const revealed = new Map<Secret, string>()
    const { reveal } = Secret.prototype
    const spy = vi.spyOn(Secret.prototype, 'reveal').mockImplementation(function (this: Secret) {
      const text = reveal.call(this)
      revealed.set(this, text)
      return text
    })
    try {
      const source = memorySource('memory', kept(), movableClock())
      const credentials = { api: { origins: [server.origin], processor: processorFor(server) } }
      const vault = createVault({ source, credentials, clock: movableClock() })
      await vault.use({ reference: 'api', authorization: permission(), url: `${server.origin}/x` })
    } finally {
      spy.mockRestore()
    }
    expect([...revealed.values()]).toContain('rt-2')
    expect([...revealed].filter(([secret]) => !secret.disposed).map(([, text]) => text)).toEqual([])
  })

  it('are exchanged again when an operator has replaced the stored secret', async () => {
    const server = await start((form) => ({
      access_token: `for-${form.get('refresh_token')}`,
      token_type: 'Bearer',
      expires_in: 900,
    }))
    const clock = movableClock()
    const source = memorySource('memory', kept(), clock)
    const credentials = { api: { origins: [server.origin], processor: processorFor(server), leasable: true } }
    const vault = createVault({ source, credentials, clock })
    const lease = async (): Promise<string> =>
      (await vault.lease('api', { authorization: permission() })).secret.reveal()
    expect(await lease()).toBe('for-rt-1')
    const secret = Secret.ofFields({ refreshToken: 'rt-new', clientSecret: 'cs' })
    await source.replace?.('api', { secret, expectedVersion: '1' })
    expect(await lease()).toBe('for-rt-new')
  })
})
