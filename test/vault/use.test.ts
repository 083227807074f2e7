import { getEventListeners } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, vi } from 'vitest'
import type { Authorization } from '../../src/core/authorization/authorization.ts'
import { createVault, vaultOver } from '../../src/vault/create-vault.ts'
import type { Processor } from '../../src/vault/processor.ts'
import { basic } from '../../src/vault/processors/basic.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { header } from '../../src/vault/processors/header.ts'
import { query } from '../../src/vault/processors/query.ts'
import { parseRules } from '../../src/vault/rules/credential-rules.ts'
import { Secret } from '../../src/vault/secret.ts'
import type { SecretSource } from '../../src/vault/source.ts'
import * as memory from '../../src/vault/stores/memory/memory-vault.ts'
import type { UseOptions } from '../../src/vault/vault.ts'
import { movableClock, NOON, OWNER, permission, STRANGER, serveInTest, type TestServer, vaultError } from './support.ts'

const value = 'canary-4b1d77'

function vaultFor(server: TestServer, extra: object = {}, options: object = {}): ReturnType<typeof memoryVault> {
  const rules = { secret: value, origins: [server.origin], processor: bearer(), ...extra }
  return memoryVault({ crm: rules }, options)
}

const { memoryVault } = memory

it('the vault over memory exports only `memoryVault`', () => {
  expect(Object.keys(memory)).toEqual(['memoryVault'])
})

const rot13 = (text: string): string =>
  text.replace(/[a-z]/g, (letter) => String.fromCharCode(((letter.charCodeAt(0) - 97 + 13) % 26) + 97))

describe('Vault.use', () => {
  it('ORG-15 sends the listed headers, and no others of the caller', async () => {
    const server = await serveInTest(
      (_received, response) => void response.writeHead(302, { location: '/again' }).end(),
    )
    const listed = ['Accept', 'Stripe-Account', 'x-signature']
    const vault = vaultFor(server, { headers: listed, processor: header({ name: 'x-signature' }) }, { redirects: 1 })
    const given = {
      ...{ accept: 'text/plain', 'stripe-account': 'acct_1', 'x-signature': 'mine', stripe_account: 'acct_2' },
      ...{ 'x-custom': 'x', 'content-language': 'de', 'x-amz-target': 'a', cookie: 'a=b', 'x-api-key': 'k' },
    }
    const call = vault.use({ reference: 'crm', authorization: permission(), url: `${server.origin}/`, headers: given })
    await expect(call).rejects.toMatchObject(vaultError('ERR_VAULT_UPSTREAM'))
    expect(server.received).toHaveLength(2)
    // Headers that the HTTP client adds to every request.
    const client = new Set(['host', 'connection', 'user-agent', 'cache-control', 'pragma', 'sec-fetch-mode'])
    for (const added of ['accept-encoding', 'accept-language']) client.add(added)
    for (const { headers } of server.received) {
      const own = Object.entries(headers).filter(([name]) => !client.has(name))
      expect(Object.fromEntries(own)).toEqual({
        accept: 'text/plain',
        'stripe-account': 'acct_1',
        'x-signature': value,
      })
    }
  })

  it('SEC-14 requests no encoding that the platform does not decode, in which a secret would not be found [attack 77]', async () => {
    const encoding = /^(?:gzip|deflate|br|zstd|, )+$/
    for (const headers of [undefined, ['Accept', 'Accept-Encoding', 'accept_encoding']]) {
      // Like a server with an encoding that most platforms do not know: it is used only if it was requested.
      const server = await serveInTest((received, response) => {
        const isKnown = String(received.headers['accept-encoding']).includes('x-rot13')
        if (isKnown || received.headers['accept_encoding'] !== undefined)
          response.setHeader('content-encoding', 'x-rot13')
        response.end(isKnown ? rot13(value) : value)
      })
      const response = await vaultFor(server, headers && { headers }).use({
        ...{ reference: 'crm', authorization: permission(), url: server.origin },
        headers: { accept: 'text/plain', 'Accept-Encoding': 'x-rot13', accept_encoding: 'x-rot13' },
      })
      expect(await response.text()).toBe('[redacted]')
      expect(server.received[0]?.headers).toMatchObject({
        accept: 'text/plain',
        'accept-encoding': expect.stringMatching(encoding),
      })
      expect(server.received[0]?.headers).not.toHaveProperty('accept_encoding')
    }
  })

  it('adds the credential to the request, and returns the response alone', async () => {
    const server = await serveInTest((_received, response) => {
      response.writeHead(201, { 'x-request-id': '7' }).end('created')
    })
    const vault = vaultFor(server, { methods: ['POST'] })
    const response = await vault.use({
      reference: 'crm',
      authorization: permission(),
      url: `${server.origin}/v1/contacts?limit=1`,
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer mine', cookie: 'a=b' },
      body: '{"a":1}',
    })
    expect([response.status, response.headers.get('x-request-id'), await response.text()]).toEqual([
      201,
      '7',
      'created',
    ])
    expect(response.url).toBe('')
    expect(server.received).toMatchObject([
      {
        method: 'POST',
        url: '/v1/contacts?limit=1',
        body: '{"a":1}',
        headers: { authorization: `Bearer ${value}`, 'content-type': 'application/json' },
      },
    ])
    expect(server.received[0]?.headers.cookie).toBeUndefined()
  })

  it('names the fault of an unusable request, and does not consume its authorization', async () => {
    const server = await serveInTest((_received, response) => void response.end('ok'))
    const vault = vaultFor(server, { methods: ['POST'] })
    const authorization = permission()
    const wrong: readonly (readonly [object, string, RegExp])[] = [
      [{ body: { a: 1 } }, 'ERR_INVALID_ARGUMENT', /^use: `body` must be a string or a Uint8Array.*JSON\.stringify/],
      [{ body: null }, 'ERR_INVALID_ARGUMENT', /^use: `body` /],
      [{ method: 7 }, 'ERR_INVALID_ARGUMENT', /^use: `method` /],
      [{ headers: 'x: y' }, 'ERR_INVALID_ARGUMENT', /`headers` /],
    ]
    for (const [part, code, message] of wrong) {
      const request = { reference: 'crm', authorization, url: server.origin, method: 'POST', ...part } as never
      await expect(vault.use(request)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    }
    expect(authorization.consumed).toBe(false)
    expect(server.received).toEqual([])
  })

  it('SEC-02 overwrites the copies of the secret that it searches for, when the response has ended or the request fails', async () => {
    const server = await serveInTest((received, response) => {
      if (received.url === '/broken') response.destroy()
      else response.write(`${value} and more`)
      if (received.url === '/whole') response.end()
    })
    const vault = vaultFor(server, { methods: ['GET'] })
    const copies: Uint8Array[] = []
    const { revealBytes } = Secret.prototype
    vi.spyOn(Secret.prototype, 'revealBytes').mockImplementation(function (this: Secret) {
      const copy = revealBytes.call(this)
      copies.push(copy)
      return copy
    })
    const encode = vi.spyOn(TextEncoder.prototype, 'encode')
    const use = (path: string): Promise<Response> =>
      vault.use({ reference: 'crm', authorization: permission(), url: `${server.origin}${path}` })
    const isKept = (bytes: Uint8Array): boolean => bytes.some((byte) => byte !== 0)
    /** The forms of the secret in base64, hexadecimal and so on. */
    const forms = (): Uint8Array[] =>
      encode.mock.results.flatMap(({ value: bytes }, at) =>
        encode.mock.calls[at]?.[0] === '[redacted]' ? [] : [bytes as Uint8Array],
      )
    try {
      const open = await use('/open')
      expect(copies.some(isKept)).toBe(true)
      await open.body?.cancel()
      expect(copies.filter(isKept)).toEqual([])
      const whole = await use('/whole')
      expect(forms().some(isKept)).toBe(true)
      expect(await whole.text()).toBe('[redacted] and more')
      expect([...copies, ...forms()].filter(isKept)).toEqual([])
      await expect(use('/broken')).rejects.toMatchObject(vaultError('ERR_VAULT_UPSTREAM'))
      expect(copies.filter(isKept)).toEqual([])
      expect(copies).toHaveLength(3)
    } finally {
      vi.restoreAllMocks()
    }
  })

  it('gives a processor a clock, fetch and a signal, and nothing of other credentials', async () => {
    const server = await serveInTest((_received, response) => void response.end())
    const seen: string[][] = []
    const processor: Processor = {
      ...bearer(),
      apply(request, secret, context) {
        seen.push(Reflect.ownKeys(context).map(String))
        return bearer().apply(request, secret, context)
      },
    }
    const vault = vaultFor(server, { processor })
    await vault.use({ reference: 'crm', authorization: permission(), url: server.origin })
    expect(seen).toEqual([['clock', 'fetch', 'signal']])
  })

  it('SEC-04 removes an echo of the credential from the response [attack 77]', async () => {
    const server = await serveInTest((received, response) => {
      response.setHeader('content-encoding', 'gzip')
      response.setHeader('x-echo', String(received.headers.authorization))
      response.setHeader('set-cookie', `token=${value}`)
      response.end(gzipSync(JSON.stringify({ received, base64: Buffer.from(value).toString('base64') })))
    })
    const response = await vaultFor(server).use({ reference: 'crm', authorization: permission(), url: server.origin })
    const all = `${JSON.stringify([...response.headers])}${await response.text()}`
    expect(all).toContain('[redacted]')
    expect(all).not.toContain(value)
    expect(all).not.toContain(Buffer.from(value).toString('base64').slice(2, -2))
    expect(response.headers.get('set-cookie')).toBeNull()
  })

  it('SEC-12 removes an echo of a short credential as it was sent [attack 77]', async () => {
    const server = await serveInTest((received, response) => {
      const { authorization = '' } = received.headers
      response.end(`${authorization}\n${Buffer.from(authorization.slice(6), 'base64').toString('latin1')}`)
    })
    for (const [secret, processor] of [
      [Secret.ofFields({ username: 'admin', password: 'hunter2' }), basic()],
      ['hunter2', basic({ username: 'admin' })],
      [Secret.ofFields({ token: 'hunter2', account: '12345' }), bearer({ field: 'token' })],
    ] as const) {
      const vault = vaultFor(server, { secret, processor })
      const response = await vault.use({ reference: 'crm', authorization: permission(), url: server.origin })
      const text = await response.text()
      expect(text).toContain('[redacted]')
      for (const form of ['hunter2', btoa('admin:hunter2')]) expect(text).not.toContain(form)
    }
  })

  it('VLT-01 accepts only a genuine authorization', async () => {
    const server = await serveInTest((_received, response) => void response.end())
    const vault = vaultFor(server)
    const genuine = permission()
    for (const forged of [
      undefined,
      null,
      {},
      { ...genuine },
      Object.create(genuine),
      new Proxy(genuine, {}),
      'ucan',
    ]) {
      const request = { reference: 'crm', authorization: forged as typeof genuine, url: server.origin }
      await expect(vault.use(request)).rejects.toMatchObject({ name: 'AuthorizationError' })
    }
    expect(server.received).toEqual([])
  })

  it('VLT-02 consumes an authorization: of a hundred simultaneous uses one succeeds [attack 74]', async () => {
    const server = await serveInTest((_received, response) => void response.end())
    const vault = vaultFor(server)
    const authorization = permission()
    const calls = Array.from({ length: 100 }, () => vault.use({ reference: 'crm', authorization, url: server.origin }))
    const settled = await Promise.allSettled(calls)
    expect(settled.filter((outcome) => outcome.status === 'fulfilled').length).toBe(1)
    expect(server.received.length).toBe(1)
    await expect(vault.lease('crm', { authorization })).rejects.toMatchObject({ code: 'ERR_AUTHORIZATION' })
  })

  it('VLT-02 has consumed the authorization when the call returns, before the credential is looked up [attack 74]', async () => {
    const looked: boolean[] = []
    const authorizations = [permission(), permission()] as const
    const vault = vaultOver(
      async () => {
        looked.push(authorizations.some(({ consumed }) => !consumed))
        return undefined
      },
      { clock: movableClock() },
    )
    const used = vault.use({ reference: 'crm', authorization: authorizations[0], url: 'https://a.example' })
    const leased = vault.lease('crm', { authorization: authorizations[1] })
    expect(authorizations.map(({ consumed }) => consumed)).toEqual([true, true])
    for (const call of [used, leased]) await expect(call).rejects.toMatchObject({ code: 'ERR_VAULT_UNKNOWN_REFERENCE' })
    expect(looked.at(-1)).toBe(false)
  })

  it('ORG-08 leaves nothing to a browser: no redirect, cookie, cache or address of the page', async () => {
    const sent: RequestInit[] = []
    const fetch: typeof globalThis.fetch = async (_target, init) => {
      sent.push(init ?? {})
      return new Response('ok')
    }
    const vault = memoryVault(
      { crm: { secret: value, origins: ['https://a.example'], processor: bearer() } },
      { fetch },
    )
    await vault.use({ reference: 'crm', authorization: permission(), url: 'https://a.example' })
    expect(sent).toEqual([
      expect.objectContaining({
        redirect: 'manual',
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        cache: 'no-store',
      }),
    ])
  })

  it('cancels the body of a response that arrives after its caller has left', async () => {
    let arrive: ((response: Response) => void) | undefined
    let isCancelled = false
    const body = new ReadableStream({
      cancel: () => {
        isCancelled = true
      },
    })
    const fetch: typeof globalThis.fetch = () =>
      new Promise((resolve) => {
        arrive = resolve
      })
    const vault = memoryVault(
      { crm: { secret: value, origins: ['https://a.example'], processor: bearer() } },
      { fetch },
    )
    const caller = new AbortController()
    const request = { reference: 'crm', authorization: permission(), url: 'https://a.example' }
    const call = vault.use(request, { signal: caller.signal })
    await vi.waitUntil(() => arrive !== undefined)
    caller.abort(new Error('left'))
    await expect(call).rejects.toThrow('left')
    arrive?.(new Response(body))
    await vi.waitUntil(() => isCancelled)
  })

  it('VLT-05 sends the request as it was at the call, even if the caller changes it later [attack 74]', async () => {
    const server = await serveInTest((_received, response) => void response.end())
    const vault = vaultFor(server, { methods: ['POST'] })
    const url = new URL(`${server.origin}/a`)
    const headers = new Headers({ 'x-a': '1' })
    const body = new TextEncoder().encode('one')
    const request = { reference: 'crm', authorization: permission(), url, method: 'POST', headers, body }
    const call = vault.use(request)
    url.href = 'https://evil.example/'
    headers.set('x-a', '2')
    body.fill(0)
    Object.assign(request, { reference: 'other', method: 'DELETE' })
    await call
    expect(server.received).toMatchObject([{ method: 'POST', url: '/a', body: 'one', headers: { 'x-a': '1' } }])
  })

  it('VLT-06 accepts configured names only [attack 75]', async () => {
    const server = await serveInTest((_received, response) => void response.end())
    const vault = vaultFor(server)
    for (const reference of ['billing', '', '__proto__', 'constructor', 'toString', 'crm/../other', 'CRM']) {
      const call = vault.use({ reference, authorization: permission(), url: server.origin })
      await expect(call).rejects.toMatchObject(vaultError('ERR_VAULT_UNKNOWN_REFERENCE'))
    }
  })

  it('VLT-07 refuses a call that the rules of the credential exclude', async () => {
    const server = await serveInTest((_received, response) => void response.end())
    const vault = vaultFor(server, { commands: ['/crm/read'] })
    const url = server.origin
    await vault.use({ reference: 'crm', authorization: permission({ path: '/crm/read/one' }), url })
    const call = vault.use({ reference: 'crm', authorization: permission({ path: '/crm/reader' }), url })
    await expect(call).rejects.toMatchObject(vaultError('ERR_VAULT_UNKNOWN_REFERENCE'))
  })

  it('refuses another origin before the secret is read, without a request to it', async () => {
    const server = await serveInTest((_received, response) => void response.end())
    const evil = await serveInTest((_received, response) => void response.end())
    const call = vaultFor(server).use({ reference: 'crm', authorization: permission(), url: evil.origin })
    await expect(call).rejects.toMatchObject(vaultError('ERR_VAULT_ORIGIN_REFUSED'))
    expect(evil.received).toEqual([])
  })

  it('refuses a body with GET', async () => {
    const server = await serveInTest((_received, response) => void response.end())
    const call = vaultFor(server).use({ reference: 'crm', authorization: permission(), url: server.origin, body: 'x' })
    await expect(call).rejects.toMatchObject(vaultError('ERR_VAULT_ORIGIN_REFUSED'))
  })
})

describe('the order of a release', () => {
  it('reads no secret for a refused target or call', async () => {
    let reads = 0
    const source: SecretSource = {
      name: 'counted',
      read: async (reference) => {
        reads += 1
        return { reference, secret: new Secret(value), version: '1', kind: 'static', downscoped: false, readAt: 0 }
      },
    }
    const rules = { origins: ['https://a.example'], processor: bearer(), commands: ['/crm'], leasable: true }
    const vault = createVault({ source, credentials: { crm: rules }, fetch: async () => new Response('ok') })
    const gone = AbortSignal.abort(new Error('the client left'))
    const asked = { reference: 'crm', authorization: permission(), url: 'https://a.example' }
    await expect(vault.use({ ...asked, url: 'https://b.example' })).rejects.toMatchObject(
      vaultError('ERR_VAULT_ORIGIN_REFUSED'),
    )
    await expect(vault.use({ ...asked, authorization: permission({ path: '/mail/send' }) })).rejects.toMatchObject(
      vaultError('ERR_VAULT_UNKNOWN_REFERENCE'),
    )
    await expect(vault.use({ ...asked, authorization: permission() }, { signal: gone })).rejects.toThrow(
      'the client left',
    )
    await expect(vault.lease('crm', { authorization: permission(), signal: gone })).rejects.toThrow('the client left')
    expect(reads).toBe(0)
    await vault.use({ ...asked, authorization: permission() })
    expect(reads).toBe(1)
  })

  it('VLT-07 leases no secret to a call that the rules of the credential exclude [attack 75]', async () => {
    const vault = memoryVault({ key: { secret: value, leasable: true, commands: ['/crm'], subjects: [OWNER] } })
    for (const facts of [{ path: '/mail/send' }, { path: '/crmx' }, { subject: STRANGER }]) {
      await expect(vault.lease('key', { authorization: permission(facts) })).rejects.toMatchObject(
        vaultError('ERR_VAULT_UNKNOWN_REFERENCE'),
      )
    }
    expect((await vault.lease('key', { authorization: permission() })).secret.reveal()).toBe(value)
  })

  it('limits the time until a response begins, not the length of the response', async () => {
    const server = await serveInTest((_received, response) => {
      response.write('a')
      setTimeout(() => response.end('b'), 1_500)
    })
    const vault = vaultFor(server, {}, { upstreamTimeoutMs: 1_000 })
    const response = await vault.use({ reference: 'crm', authorization: permission(), url: server.origin })
    expect(await response.text()).toBe('ab')
  })
})

describe('redirects', () => {
  it('ORG-08, SEC-03 stop at another origin, even an allowed one, which the error does not show [attack 76] [attack 77]', async () => {
    const evil = await serveInTest((_received, response) => void response.end())
    for (const location of [
      `${evil.origin}/x`,
      `//${new URL(evil.origin).host}/x`,
      'https://evil.example/',
      // An error that shows a host would show a secret that the upstream writes into it.
      `https://${value}.evil.example/`,
      `https://evil.example:1/${value}`,
      `https://${value}@evil.example/`,
      `${value}://evil.example`,
      `https://[${value}`,
    ]) {
      const server = await serveInTest((_received, response) => void response.writeHead(302, { location }).end())
      const vault = vaultFor(server, { origins: [server.origin, evil.origin] })
      const call = vault.use({ reference: 'crm', authorization: permission(), url: server.origin })
      await expect(call).rejects.toMatchObject(vaultError('ERR_VAULT_ORIGIN_REFUSED'))
      await expect(call).rejects.toThrow(
        /^the upstream redirected to another origin; request its URL directly, if the credential may be sent there$/,
      )
    }
    expect(evil.received).toEqual([])
  })

  it('ORG-08 are checked at every hop like the first request [attack 76]', async () => {
    const server = await serveInTest((received, response) => {
      const location = received.url === '/v1/a' ? '/v1/b' : '/admin'
      response.writeHead(302, { location }).end()
    })
    const call = vaultFor(server, { pathPrefix: '/v1' }).use({
      reference: 'crm',
      authorization: permission(),
      url: `${server.origin}/v1/a`,
    })
    await expect(call).rejects.toMatchObject(vaultError('ERR_VAULT_ORIGIN_REFUSED'))
    expect(server.received.map(({ url }) => url)).toEqual(['/v1/a', '/v1/b'])
  })

  it('do not wait for the end of their bodies [attack 82]', async () => {
    const bodies: readonly ReadableStream[] = [
      new ReadableStream({ start: (controller) => controller.error(new TypeError('terminated')) }),
      new ReadableStream({ cancel: () => new Promise(() => undefined) }),
    ]
    for (const body of bodies) {
      const answers = [new Response(body, { status: 302, headers: { location: '/b' } }), new Response('there')]
      const vault = memoryVault(
        { crm: { secret: value, origins: ['https://a.example'], processor: bearer() } },
        { fetch: async () => answers.shift() ?? new Response(null, { status: 500 }) },
      )
      const asked = { reference: 'crm', authorization: permission(), url: 'https://a.example/a' }
      expect(await (await vault.use(asked)).text()).toBe('there')
    }
  })

  it('are followed within the origin, with the credential added again at each hop', async () => {
    const server = await serveInTest((received, response) => {
      if (received.url.startsWith('/a')) response.writeHead(307, { location: '/b?key=theirs&x=1' }).end('moved')
      else response.end('there')
    })
    const vault = vaultFor(server, { processor: query({ name: 'key' }), methods: ['PUT'] })
    const response = await vault.use({
      reference: 'crm',
      authorization: permission(),
      url: `${server.origin}/a`,
      method: 'PUT',
      body: 'x',
    })
    expect(await response.text()).toBe('there')
    expect(server.received.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['PUT', `/a?key=${value}`, 'x'],
      ['PUT', `/b?x=1&key=${value}`, 'x'],
    ])
  })

  it('VLT-04 check the authorization again before each further hop [attack 74]', async () => {
    const server = await serveInTest((_received, response) => void response.writeHead(302, { location: '/next' }).end())
    const clock = movableClock()
    const vault = vaultFor(server, {}, { clock })
    const authorization = (): Authorization => permission({ expiration: NOON + 100 })
    const url = server.origin
    const use = (options: UseOptions): Promise<Response> =>
      vault.use({ reference: 'crm', authorization: authorization(), url }, options)

    let asked = 0
    const recheck = (): boolean => {
      asked += 1
      return asked < 3
    }
    await expect(use({ recheck })).rejects.toMatchObject(vaultError('ERR_VAULT_REVOKED'))
    expect([asked, server.received.length]).toEqual([3, 2])

    const late = (): boolean => {
      clock.add(60)
      return true
    }
    await expect(use({ recheck: late })).rejects.toMatchObject(vaultError('ERR_VAULT_EXPIRED'))
    expect(server.received.length).toBe(3)

    const failing = (): Promise<boolean> => {
      asked += 1
      return asked === 4 ? Promise.resolve(true) : Promise.reject(new Error('away'))
    }
    await expect(use({ recheck: failing })).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    expect(server.received.length).toBe(4)
  })

  it('VLT-47 send no request when the signal fires just after the secret was added', async () => {
    const seen: boolean[] = []
    for (let turns = 0; turns < 20; turns += 1) {
      const controller = new AbortController()
      const abortSoon = async (): Promise<void> => {
        for (let turn = 0; turn < turns; turn += 1) await undefined
        controller.abort(new Error('gone'))
      }
      const processor: Processor = {
        ...bearer(),
        apply: async (request, secret, context) => {
          const made = await bearer().apply(request, secret, context)
          void abortSoon()
          return made
        },
      }
      const vault = memoryVault(
        { crm: { secret: value, origins: ['https://a.example'], processor } },
        {
          clock: movableClock(),
          fetch: async (_input, init) => {
            seen.push(init?.signal?.aborted === true)
            return new Response('text')
          },
        },
      )
      const request = { reference: 'crm', authorization: permission(), url: 'https://a.example/' }
      await vault.use(request, { signal: controller.signal }).catch(() => undefined)
    }
    expect(new Set(seen)).toEqual(new Set([false]))
  })

  it('VLT-47 end when the signal fires at any step, even if that step ignores the signal [attack 74]', async () => {
    const gone = new Error('gone')
    for (const step of ['find', 'read', 'recheck', 'apply', 'fetch', 'recheck again', 'apply again', 'fetch again']) {
      const controller = new AbortController()
      let sent = 0
      let hops = 0
      const reach = async <T>(name: string, value: T): Promise<T> => {
        if (name !== step) return value
        controller.abort(gone)
        await wait(1)
        return value
      }
      const again = (name: string): string => (hops === 0 ? name : `${name} again`)
      const source: SecretSource = {
        name: 'test',
        read: async (reference) => {
          const secret = new Secret(value)
          return reach('read', { reference, secret, version: '1', kind: 'static', downscoped: false, readAt: NOON })
        },
      }
      const processor: Processor = {
        ...bearer(),
        apply: async (request, secret, context) =>
          reach(again('apply'), await bearer().apply(request, secret, context)),
      }
      const rules = parseRules('crm', { origins: ['https://a.example'], processor })
      const vault = vaultOver((reference) => reach('find', { reference, rules, source }), {
        clock: movableClock(),
        fetch: async () => {
          sent += 1
          const answer = new Response('moved', { status: 302, headers: { location: '/b' } })
          await reach(again('fetch'), undefined)
          hops += 1
          return hops === 1 ? answer : new Response('there')
        },
      })
      const used = vault.use(
        { reference: 'crm', authorization: permission(), url: 'https://a.example/a' },
        { signal: controller.signal, recheck: () => reach(again('recheck'), true) },
      )
      await expect(used, step).rejects.toBe(gone)
      const before = sent
      await wait(3)
      expect([step, sent]).toEqual([step, before])
      expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    }
  })

  it('VLT-47 lease nothing when the signal fires while the release is recorded, and revoke the secret', async () => {
    const gone = new Error('gone')
    const controller = new AbortController()
    const revoked: string[] = []
    const source: SecretSource = {
      name: 'test',
      perCall: () => true,
      read: async (reference) => ({
        reference,
        secret: new Secret(value),
        version: '1',
        kind: 'dynamic',
        downscoped: false,
        readAt: NOON,
        revoke: async () => void revoked.push(reference),
      }),
    }
    const vault = createVault({ source, credentials: { crm: { leasable: true } }, clock: movableClock() })
    const leased = vault.lease('crm', {
      authorization: permission(),
      signal: controller.signal,
      onRelease: async () => controller.abort(gone),
    })
    await expect(leased).rejects.toBe(gone)
    expect(revoked).toEqual(['crm'])
  })

  it.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [303, 'HEAD', 'HEAD'],
    [301, 'PUT', 'PUT'],
    [302, 'PUT', 'PUT'],
    [301, 'HEAD', 'HEAD'],
    [307, 'POST', 'POST'],
    [308, 'POST', 'POST'],
  ])('with status %d turn %s into %s, and send a body with a method that keeps it', async (status, method, wanted) => {
    const server = await serveInTest((received, response) => {
      if (received.url === '/a') response.writeHead(status, { location: '/b' }).end()
      else response.end()
    })
    await vaultFor(server, { methods: ['POST', 'PUT', 'HEAD', 'GET'] }).use({
      ...{ reference: 'crm', authorization: permission(), url: `${server.origin}/a`, method },
      ...(method !== 'HEAD' && { body: 'x', headers: { 'content-type': 'text/plain' } }),
    })
    const [, second] = server.received
    const keeps = wanted === 'POST' || wanted === 'PUT'
    expect([second?.method, second?.body, second?.headers['content-type']]).toEqual([
      wanted,
      keeps ? 'x' : '',
      keeps ? 'text/plain' : undefined,
    ])
  })

  it('turn POST into GET like browsers, if the credential allows GET', async () => {
    const server = await serveInTest((received, response) => {
      if (received.url === '/a') response.writeHead(303, { location: '/b' }).end()
      else response.end(received.method)
    })
    const request = {
      reference: 'crm',
      url: `${server.origin}/a`,
      method: 'POST',
      body: 'x',
      headers: { 'content-type': 'text/plain' },
    }
    const both = vaultFor(server, { methods: ['POST', 'GET'] })
    expect(await (await both.use({ ...request, authorization: permission() })).text()).toBe('GET')
    expect(server.received[1]).toMatchObject({ body: '', method: 'GET' })
    expect(server.received[1]?.headers['content-type']).toBeUndefined()
    const postOnly = vaultFor(server, { methods: ['POST'] })
    await expect(postOnly.use({ ...request, authorization: permission() })).rejects.toMatchObject(
      vaultError('ERR_VAULT_ORIGIN_REFUSED'),
    )
  })

  it('end after five hops, or as many as configured', async () => {
    const server = await serveInTest(
      (_received, response) => void response.writeHead(302, { location: '/again' }).end(),
    )
    const request = { reference: 'crm', url: server.origin }
    await expect(vaultFor(server).use({ ...request, authorization: permission() })).rejects.toMatchObject(
      vaultError('ERR_VAULT_UPSTREAM'),
    )
    expect(server.received.length).toBe(6)
    await expect(
      vaultFor(server, {}, { redirects: 0 }).use({ ...request, authorization: permission() }),
    ).rejects.toMatchObject(vaultError('ERR_VAULT_UPSTREAM'))
    expect(server.received.length).toBe(7)
  })

  it('without a location are returned as responses', async () => {
    const server = await serveInTest((_received, response) => void response.writeHead(304).end())
    const response = await vaultFor(server).use({ reference: 'crm', authorization: permission(), url: server.origin })
    expect(response.status).toBe(304)
  })
})

describe('a failing upstream', () => {
  it('times out', async () => {
    const server = await serveInTest(() => undefined)
    const call = vaultFor(server, {}, { upstreamTimeoutMs: 50 }).use({
      reference: 'crm',
      authorization: permission(),
      url: server.origin,
    })
    await expect(call).rejects.toMatchObject({
      ...vaultError('ERR_VAULT_UPSTREAM'),
      message: expect.stringMatching(/TimeoutError/),
    })
  })

  it('is unreachable', async () => {
    const server = await serveInTest(() => undefined)
    await server.close()
    const call = vaultFor(server).use({ reference: 'crm', authorization: permission(), url: server.origin })
    await expect(call).rejects.toMatchObject({
      ...vaultError('ERR_VAULT_UPSTREAM'),
      message: expect.stringMatching(/ECONNREFUSED/),
    })
  })

  it('gets no request when the lookup of the rules times out', async () => {
    let sent = 0
    const hang = (): Promise<never> => new Promise(() => undefined)
    const fetch: typeof globalThis.fetch = async () => {
      sent += 1
      return new Response()
    }
    const vault = vaultOver(hang, { readTimeoutMs: 20, fetch })
    const message = 'the secret store timed out after 20 ms'
    const asked = { reference: 'crm', url: 'https://a.example' }
    const away = { ...vaultError('ERR_VAULT_UNAVAILABLE'), message }
    await expect(vault.use({ ...asked, authorization: permission() })).rejects.toMatchObject(away)
    await expect(vault.lease('crm', { authorization: permission() })).rejects.toMatchObject(away)
    expect(sent).toBe(0)
  })

  it('gets no request for an unknown credential, whose name is shown only if it looks like a name', async () => {
    const vault = memoryVault({ crm: { secret: value, origins: ['https://a.example'], processor: bearer() } })
    const lease = (name: string): Promise<unknown> => vault.lease(name, { authorization: permission() })
    await expect(lease('crn')).rejects.toMatchObject({
      ...vaultError('ERR_VAULT_UNKNOWN_REFERENCE'),
      message: 'the vault has no credential `crn`; add it to the vault, or correct the `credential` of the command',
    })
    await expect(lease(`canary ${'x'.repeat(200)}`)).rejects.toThrow(/^the vault has no credential of this name; /)
  })

  it('is abandoned when the caller gives up', async () => {
    const server = await serveInTest(() => undefined)
    const controller = new AbortController()
    const call = vaultFor(server).use(
      { reference: 'crm', authorization: permission(), url: server.origin },
      { signal: controller.signal },
    )
    setTimeout(() => controller.abort(new Error('enough')), 20)
    await expect(call).rejects.toThrow('enough')
  })

  it('leaves no listener on a signal that outlives the call [attack 86]', async () => {
    const { signal } = new AbortController()
    const answers: (() => Response)[] = [() => new Response('there'), () => new Response(null, { status: 204 })]
    const vault = memoryVault(
      { crm: { secret: value, origins: ['https://a.example'], processor: basic({ username: 'u' }), leasable: true } },
      { fetch: async () => (answers.shift() ?? Response.error)() },
    )
    const asked = { reference: 'crm', url: 'https://a.example' }
    const use = (): Promise<Response> => vault.use({ ...asked, authorization: permission() }, { signal })
    expect(await (await use()).text()).toBe('there')
    expect((await use()).status).toBe(204)
    await expect(use()).rejects.toMatchObject(vaultError('ERR_VAULT_UPSTREAM'))
    await vault.lease('crm', { authorization: permission(), signal })
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('SEC-03 fails with an error text that is not passed on [attack 77]', async () => {
    const failing: typeof fetch = async () => {
      throw Object.assign(new TypeError(`cannot send ${value}`), {
        code: 'E_TEST',
        input: value,
        cause: new Error(value),
      })
    }
    const vault = memoryVault(
      { crm: { secret: value, origins: ['https://a.example'], processor: basic({ username: 'u' }) } },
      { fetch: failing },
    )
    const error = await vault
      .use({ reference: 'crm', authorization: permission(), url: 'https://a.example' })
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({
      ...vaultError('ERR_VAULT_UPSTREAM'),
      message: 'the upstream https://a.example did not respond (E_TEST)',
    })
    expect((error as Error).cause).toMatchObject({ name: 'TypeError', message: 'E_TEST' })
  })
})
