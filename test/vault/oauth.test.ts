import { describe, expect, it, vi } from 'vitest'
import { parseCommand } from '../../src/core/capability/command.ts'
import { parseDid } from '../../src/core/did/did.ts'
import { VaultError } from '../../src/errors.ts'
import type { RemoteVault } from '../../src/vault/resilience/remote-vault.ts'
import { Secret } from '../../src/vault/secret.ts'
import { authorizationDetailsFor } from '../../src/vault/stores/oauth/authorization-details.ts'
import {
  type AuthorizationDetails,
  type TokenExchange,
  tokenExchangeSource,
  tokenExchangeVault,
} from '../../src/vault/stores/oauth/token-exchange.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { present } from '../support/present.ts'
import {
  AGENT,
  invalidArgument,
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

const accessToken = 'urn:ietf:params:oauth:token-type:access_token'
const good = { access_token: 'canary-at', issued_token_type: accessToken, token_type: 'Bearer', expires_in: 60 }

async function start(answer: object | ((received: Received) => object | number) = good): Promise<TestServer> {
  return serveInTest((received, response) => {
    if (received.url === '/revoke') return void response.end()
    const given = typeof answer === 'function' ? answer(received) : answer
    if (typeof given === 'number') return void response.writeHead(given).end()
    response.writeHead('error' in given ? 400 : 200).end(JSON.stringify(given))
  })
}

function vaultOf(server: TestServer, exchange: Partial<TokenExchange> = {}, extra: object = {}): RemoteVault {
  return tokenExchangeVault(
    present({
      tokenEndpoint: `${server.origin}/token`,
      clientId: 'c',
      clientSecret: 'canary-cs',
      clock: movableClock(),
      resilience: { attempts: 1 },
      credentials: { crm: { subjectToken: async () => ({ token: 'canary-st' }), leasable: true, ...exchange } },
      ...extra,
    }),
  )
}

const lease = (vault: Vault, facts: object = {}): ReturnType<Vault['lease']> =>
  vault.lease('crm', { authorization: permission(facts) })

describe('token exchange', () => {
  it('sends a request as in RFC 8693', async () => {
    const calls: object[] = []
    const server = await start({ ...good, scope: 'contacts:read' })
    const vault = vaultOf(server, {
      subjectToken: async (call) => {
        calls.push(call)
        return { token: 'canary-st', type: 'urn:ietf:params:oauth:token-type:jwt' }
      },
      actorToken: async () => ({ token: 'canary-actor' }),
      scopes: { '/crm': 'contacts:read contacts:list' },
      audience: ['crm', 'billing'],
      resource: ['https://crm.example'],
    })
    const made = await lease(vault)
    expect(made).toMatchObject({
      adapter: 'oauth-token-exchange',
      kind: 'derived',
      downscoped: true,
      expiresAt: NOON + 60,
    })
    expect(made.secret.reveal()).toBe('canary-at')
    expect(calls).toEqual([{ subject: OWNER, invoker: AGENT }])
    expect([...new URLSearchParams(server.received[0]?.body)]).toEqual([
      ['grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange'],
      ['requested_token_type', accessToken],
      ['subject_token', 'canary-st'],
      ['subject_token_type', 'urn:ietf:params:oauth:token-type:jwt'],
      ['actor_token', 'canary-actor'],
      ['actor_token_type', accessToken],
      ['audience', 'crm'],
      ['audience', 'billing'],
      ['resource', 'https://crm.example'],
      ['scope', 'contacts:read contacts:list'],
    ])
  })

  it('authenticates its client in the header, in the form, or not at all', async () => {
    const sent = async (extra: object): Promise<unknown> => {
      const server = await start()
      const { version } = await lease(vaultOf(server, {}, extra))
      expect(version).toMatch(/^[0-9a-f]{16}$/)
      const [{ headers, body } = { headers: {}, body: '' }] = server.received
      const form = new URLSearchParams(body)
      return [headers.authorization, form.get('client_id'), form.get('client_secret')]
    }
    const pair = Buffer.from('c:canary-cs').toString('base64')
    expect(await sent({})).toEqual([`Basic ${pair}`, null, null])
    expect(await sent({ authentication: 'post' })).toEqual([undefined, 'c', 'canary-cs'])
    expect(await sent({ authentication: 'none', clientSecret: undefined })).toEqual([undefined, 'c', null])
  })

  it('reports that the server refused to revoke a token', async () => {
    const server = await serveInTest((received, response) => {
      if (received.url === '/token') return void response.end(JSON.stringify(good))
      response.writeHead(400).end()
    })
    const made = await lease(vaultOf(server, {}, { revocationEndpoint: `${server.origin}/revoke` }))
    await expect(made.revoke()).rejects.toMatchObject(vaultError('ERR_VAULT_CONFIGURATION'))
  })

  it('has no token for a name that it does not know', async () => {
    const server = await start()
    const exchanges = { crm: { subjectToken: async () => ({ token: 'canary-st' }) } }
    const clock = movableClock()
    const tokenEndpoint = `${server.origin}/token`
    const source = tokenExchangeSource({ tokenEndpoint, clientId: 'c', clientSecret: 'canary-cs', clock, exchanges })
    expect(await source.read('billing', { scope: '{}' })).toBe(undefined)
    expect(server.received).toEqual([])
  })

  it('reports when a token is not narrowed', async () => {
    expect((await lease(vaultOf(await start()))).downscoped).toBe(false)
  })

  it('shares a token only between calls of one subject, invoker and scope', async () => {
    const server = await start()
    const vault = vaultOf(server, { scopes: { '/crm/read': 'r', '/crm/write': 'w' } })
    await Promise.all([
      lease(vault),
      lease(vault),
      lease(vault, { path: '/crm/write' }),
      lease(vault, { invoker: OWNER }),
    ])
    expect(server.received.length).toBe(3)
  })

  it('VLT-31 refuses a token that permits more than was requested, and revokes it', async () => {
    const server = await start({ ...good, scope: 'r admin' })
    const vault = vaultOf(server, { scopes: { '/': 'r' } }, { revocationEndpoint: `${server.origin}/revoke` })
    await expect(lease(vault)).rejects.toMatchObject(vaultError('ERR_VAULT_DOWNSCOPE'))
    expect(server.received.map(({ url }) => url)).toEqual(['/token', '/revoke'])
    expect(new URLSearchParams(server.received[1]?.body).get('token')).toBe('canary-at')
  })

  it.each([
    [{ scope: ['r', 'admin'] }, 'ERR_VAULT_DOWNSCOPE'],
    [{ scope: { admin: true } }, 'ERR_VAULT_INTEGRITY'],
    [{ scope: 7 }, 'ERR_VAULT_INTEGRITY'],
    [{ refresh_token: ['x'] }, 'ERR_VAULT_INTEGRITY'],
    [{ expires_in: ['60'] }, 'ERR_VAULT_INTEGRITY'],
  ] as const)('VLT-31 refuses an answer whose fields are not of their types: %j', async (change, code) => {
    const server = await start({ ...good, ...change })
    await expect(lease(vaultOf(server, { scopes: { '/': 'r' } }))).rejects.toMatchObject(vaultError(code))
  })

  it('VLT-31 takes a scope that is a list, and a lifetime that is a string', async () => {
    const server = await start({ ...good, scope: ['r'], expires_in: '60', refresh_token: null })
    expect(await lease(vaultOf(server, { scopes: { '/': 'r w' } }))).toMatchObject({ downscoped: true })
  })

  it('revokes each token after its call, and tries again after a failure', async () => {
    let failing = true
    const server = await serveInTest((received, response) => {
      if (received.url === '/token') return void response.end(JSON.stringify(good))
      response.writeHead(failing ? 503 : 200).end()
    })
    const vault = vaultOf(server, {}, { revocationEndpoint: `${server.origin}/revoke` })
    const [one] = await Promise.all([lease(vault), lease(vault)])
    expect(server.received.length).toBe(2)
    await expect(one?.revoke()).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    failing = false
    await one?.revoke()
    await one?.revoke()
    expect(server.received.filter(({ url }) => url === '/revoke').length).toBe(2)
  })

  it('SEC-02 disposes of each token: of the subject and the actor when it was sent, and of the exchanged one when it was revoked', async () => {
    let isFailing = true
    const server = await serveInTest((received, response) => {
      if (received.url === '/token') return void response.end(JSON.stringify(good))
      response.writeHead(isFailing ? 503 : 200).end()
    })
    const given = new Secret('canary-st')
    const tokens = {
      subjectToken: async () => ({ token: given }),
      actorToken: async () => ({ token: 'canary-actor' }),
    }
    const revealed = vi.spyOn(Secret.prototype, 'reveal')
    const used = (text: string): readonly boolean[] =>
      (revealed.mock.contexts as readonly Secret[]).flatMap((secret, at) =>
        revealed.mock.results[at]?.value === text ? [secret.disposed] : [],
      )
    try {
      const made = await lease(vaultOf(server, tokens, { revocationEndpoint: `${server.origin}/revoke` }))
      expect([used('canary-st'), used('canary-actor')]).toEqual([[true], [true]])
      // A token of the program is its own.
      expect(given.disposed).toBe(false)
      await expect(made.revoke()).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
      // It is still needed: the next revocation sends it again.
      expect(used('canary-at')).toEqual([false])
      isFailing = false
      await made.revoke()
      expect([used('canary-at'), made.secret.disposed]).toEqual([[true, true], true])
    } finally {
      revealed.mockRestore()
    }
  })

  it.each([200, 503])('SEC-02 disposes of a token that is refused, with a revocation that gets %i', async (status) => {
    const server = await serveInTest((received, response) => {
      if (received.url === '/token') return void response.end(JSON.stringify({ ...good, scope: 'r admin' }))
      response.writeHead(status).end()
    })
    const copied = vi.spyOn(Secret.prototype, 'copy')
    try {
      const vault = vaultOf(server, { scopes: { '/': 'r' } }, { revocationEndpoint: `${server.origin}/revoke` })
      await expect(lease(vault)).rejects.toMatchObject(vaultError('ERR_VAULT_DOWNSCOPE'))
      const secrets = [
        ...(copied.mock.contexts as readonly Secret[]),
        ...copied.mock.results.map(({ value }) => value as Secret),
      ]
      expect([secrets.length, secrets.filter(({ disposed }) => !disposed)]).toEqual([2, []])
    } finally {
      copied.mockRestore()
    }
  })

  const answers: readonly (readonly [string, object | number, string])[] = [
    [
      'a token of another type',
      { ...good, issued_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      'ERR_VAULT_INTEGRITY',
    ],
    ['a token that is not an access token', { ...good, token_type: 'N_A' }, 'ERR_VAULT_INTEGRITY'],
    ['a refused target', { error: 'invalid_target' }, 'ERR_VAULT_DOWNSCOPE'],
    ['a refused subject', { error: 'invalid_grant' }, 'ERR_VAULT_REVOKED'],
    ['a server that is away', 502, 'ERR_VAULT_UNAVAILABLE'],
  ]
  for (const [what, answer, code] of answers) {
    it(`refuses ${what}`, async () => {
      await expect(lease(vaultOf(await start(() => answer)))).rejects.toMatchObject({ code })
    })
  }

  it('SEC-03 shows nothing of the reason why a subject token is missing', async () => {
    const subjectToken = (): Promise<never> => Promise.reject(new Error('no session canary-session'))
    const error = (await lease(vaultOf(await start(), { subjectToken })).catch((caught: unknown) => caught)) as Error
    expect(error).toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    expect(`${error.stack} ${String(error.cause)}`).not.toContain('canary')
  })

  it('VLT-52 refuses no other calls when one subject has no token to exchange [attack 82]', async () => {
    const server = await start()
    const away = (): Promise<never> => Promise.reject(new VaultError('ERR_VAULT_UNAVAILABLE', 'no session'))
    const subjectToken = async ({ subject }: { readonly subject: string }): Promise<{ readonly token: string }> =>
      subject === STRANGER ? away() : { token: 'st' }
    const vault = vaultOf(server, { subjectToken })
    for (let times = 0; times < 8; times += 1) {
      await expect(lease(vault, { subject: STRANGER })).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    }
    expect(vault.state()).toBe('closed')
    await lease(vault)
  })

  it('VLT-52 refuses no other calls when the token of one subject does not come [attack 82]', async () => {
    const server = await start()
    let hanging = 0
    const subjectToken = async ({ subject }: { readonly subject: string }): Promise<{ readonly token: string }> => {
      if (subject !== STRANGER) return { token: 'st' }
      hanging += 1
      return new Promise(() => undefined)
    }
    const vault = vaultOf(server, { subjectToken }, { resilience: { attempts: 3, attemptTimeoutMs: 20, failures: 2 } })
    for (let times = 0; times < 4; times += 1) {
      await expect(lease(vault, { subject: STRANGER })).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    }
    expect([hanging, vault.state()]).toEqual([4, 'closed'])
  })

  it('VLT-49 refuses no other calls when the server answers that it is not available for one subject [attack 82]', async () => {
    for (const error of ['slow_down', 'temporarily_unavailable', 'server_error']) {
      const server = await start(({ body }) => (body.includes('of-stranger') ? { error } : good))
      const subjectToken = async ({ subject }: { readonly subject: string }): Promise<{ readonly token: string }> => ({
        token: subject === STRANGER ? 'st-of-stranger' : 'st',
      })
      const vault = vaultOf(server, { subjectToken }, { resilience: { retryAfterMs: 1 } })
      for (let times = 0; times < 8; times += 1) {
        await expect(lease(vault, { subject: STRANGER })).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
      }
      expect([server.received.length, vault.state()], error).toEqual([5, 'closed'])
      await lease(vault)
    }
  })

  for (const status of [429, 500]) {
    it(`VLT-49 refuses no other calls when the server answers ${status} to the token of one subject [attack 82]`, async () => {
      let isBusy = true
      let now = 0
      const server = await start(({ body }) => (isBusy && body.includes('canary-st-of-stranger') ? status : good))
      const subjectToken = async ({ subject }: { readonly subject: string }): Promise<{ readonly token: string }> => ({
        token: subject === STRANGER ? 'canary-st-of-stranger' : 'canary-st',
      })
      const vault = vaultOf(
        server,
        { subjectToken },
        { resilience: { attempts: 3, retryAfterMs: 1, monotonicMs: () => now } },
      )
      const requests = (): number => server.received.filter(({ body }) => body.includes('of-stranger')).length
      const stranger = (): Promise<unknown> => lease(vault, { subject: STRANGER })
      for (let times = 0; times < 8; times += 1) {
        await expect(stranger()).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
        await lease(vault)
      }
      expect([requests(), vault.state()]).toEqual([5, 'closed'])

      // The subject is probed as a store is, and nobody waits for it.
      now += 5_000
      await Promise.allSettled([stranger(), stranger(), lease(vault)])
      expect([requests(), vault.state()]).toEqual([6, 'closed'])
      isBusy = false
      await expect(stranger()).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
      now += 5_000
      await stranger()
      await Promise.all([stranger(), stranger()])
    })
  }

  it('VLT-52 reads for others while the tokens of many calls do not come [attack 82]', async () => {
    const server = await start()
    const hanging: string[] = []
    let letGo = (): void => undefined
    const gate = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const subjectToken = async ({ invoker }: { readonly invoker: string }): Promise<{ readonly token: string }> => {
      if (invoker !== AGENT) {
        hanging.push(invoker)
        await gate
      }
      return { token: 'st' }
    }
    const vault = vaultOf(server, { subjectToken }, { resilience: { concurrency: 2, attemptTimeoutMs: 60_000 } })
    const waiting = [OWNER, STRANGER].flatMap((subject) =>
      Array.from({ length: 10 }, (_, at) =>
        lease(vault, { subject, invoker: parseDid(`did:web:agent-${at}.example`) }).catch(() => undefined),
      ),
    )
    await Promise.all([lease(vault), lease(vault, { subject: STRANGER })])
    expect([hanging.length, server.received.length]).toEqual([20, 2])
    letGo()
    await Promise.all(waiting)
  })

  it('VLT-52 is probed by another call while the token of one does not come [attack 82]', async () => {
    let now = 0
    let answer: object | number = 503
    const server = await start(() => answer)
    let letGo = (): void => undefined
    const gate = new Promise<void>((resolve) => {
      letGo = resolve
    })
    let asked = 0
    const subjectToken = async ({ subject }: { readonly subject: string }): Promise<{ readonly token: string }> => {
      asked += 1
      if (subject === STRANGER) await gate
      return { token: 'st' }
    }
    const resilience = { attempts: 1, attemptTimeoutMs: 60_000, monotonicMs: () => now }
    const vault = vaultOf(server, { subjectToken }, { resilience })
    for (let times = 0; times < 5; times += 1) await lease(vault).catch(() => undefined)
    // A call that is refused needs no token.
    await expect(lease(vault)).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    expect([asked, vault.state()]).toEqual([5, 'open'])
    answer = good
    now += 5_000
    const waiting = lease(vault, { subject: STRANGER })
    await lease(vault)
    expect(vault.state()).toBe('closed')
    letGo()
    await waiting
  })

  it('VLT-51 counts calls with other arguments apart: the failures of one delegate stop no other [attack 82]', async () => {
    const server = await start(({ body }) => {
      const details = new URLSearchParams(body).get('authorization_details') ?? '[]'
      return details.includes('odd') ? 500 : { ...good, authorization_details: JSON.parse(details) as unknown }
    })
    const authorizationDetails = { '/crm': [{ type: 'customer', id: '{id}' }] }
    const vault = vaultOf(server, { authorizationDetails }, { resilience: { attempts: 3, retryAfterMs: 1 } })
    for (let id = 0; id < 20; id += 1) {
      await expect(lease(vault, { args: { id: `odd-${id}` } })).rejects.toMatchObject(
        vaultError('ERR_VAULT_UNAVAILABLE'),
      )
    }
    // Each is another secret, so each is tried as often as a reading may be.
    expect([server.received.length, vault.state()]).toEqual([60, 'closed'])
    await lease(vault, { args: { id: 'c-1' } })
  })

  it('VLT-16 uses no kept token after the token of its subject could not be obtained', async () => {
    let answer: object | number = good
    const server = await start(() => answer)
    let hasSession = true
    const subjectToken = async (): Promise<{ readonly token: string }> => {
      if (!hasSession) throw new Error('signed out')
      return { token: 'st' }
    }
    const vault = vaultOf(server, { subjectToken }, { resilience: { attempts: 1, maxStale: 60 } })
    await lease(vault)
    answer = 503
    expect(await lease(vault)).toMatchObject({ stale: true })
    hasSession = false
    await expect(lease(vault)).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    hasSession = true
    await expect(lease(vault)).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
  })

  it('VLT-49 counts a server behind a gateway as away for everybody, and probes it for one subject [attack 82]', async () => {
    let now = 0
    let status: number | undefined = 503
    const server = await start(() => status ?? good)
    const vault = vaultOf(server, {}, { resilience: { attempts: 1, monotonicMs: () => now } })
    for (let times = 0; times < 5; times += 1) await lease(vault, { subject: STRANGER }).catch(() => undefined)
    expect(vault.state()).toBe('open')
    await expect(lease(vault)).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    expect(server.received.length).toBe(5)
    // An answer for one subject shows that the server is there again.
    status = 429
    now += 5_000
    await expect(lease(vault, { subject: STRANGER })).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    status = undefined
    await lease(vault)
    expect(vault.state()).toBe('closed')
  })

  it('VLT-52 does not treat the call of a subject without a token as a successful probe [attack 82]', async () => {
    const server = await start()
    let now = 0
    const subjectToken = async ({ subject }: { readonly subject: string }): Promise<{ readonly token: string }> => {
      if (subject === STRANGER) throw new VaultError('ERR_VAULT_UNAVAILABLE', 'no session')
      return { token: 'st' }
    }
    let away = true
    const vault = vaultOf(
      server,
      { subjectToken },
      {
        fetch: (...request: Parameters<typeof fetch>) => (away ? Promise.reject(new Error('away')) : fetch(...request)),
        resilience: { attempts: 1, monotonicMs: () => now },
      },
    )
    for (let times = 0; times < 5; times += 1) await lease(vault).catch(() => undefined)
    expect(vault.state()).toBe('open')
    now += 5_000
    await expect(lease(vault, { subject: STRANGER })).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    expect(vault.state()).toBe('open')
    away = false
    await lease(vault)
    expect(vault.state()).toBe('closed')
  })

  it('refuses invalid options', async () => {
    const server = await start()
    for (const extra of [
      { tokenEndpoint: 'http://as.example/token' },
      { revocationEndpoint: 'x' },
      { clientId: '' },
      { authentication: 'none' },
      { clientSecret: undefined },
      { clientSecret: '' },
    ]) {
      expect(() => vaultOf(server, {}, extra), JSON.stringify(extra)).toThrow(expect.objectContaining(invalidArgument))
    }
    expect(() => vaultOf(server, { scopes: { '/a': 'two  spaces' } })).toThrow(expect.objectContaining(invalidArgument))
    expect(() => vaultOf(server, { authorizationDetails: { pay: [{ type: 'payment' }] } })).toThrow(
      expect.objectContaining({
        ...invalidArgument,
        message: expect.stringMatching(/^tokenExchangeSource: credential `crm`: `authorizationDetails`: /),
      }),
    )
  })
})

describe('authorization details', () => {
  const table: Readonly<Record<string, AuthorizationDetails>> = {
    '/payments': [{ type: 'payment', actions: ['list'] }],
    '/payments/pay': [
      {
        type: 'payment',
        actions: ['initiate'],
        locations: ['https://bank.example/{account}'],
        amount: { value: '{amount}', currency: 'EUR' },
        instant: true,
        note: '{note}',
      },
    ],
  }
  const args = { account: 'DE-1', amount: 12.5, note: 'any "text" {here}' }
  const asked = [
    {
      type: 'payment',
      actions: ['initiate'],
      locations: ['https://bank.example/DE-1'],
      amount: { value: 12.5, currency: 'EUR' },
      instant: true,
      note: 'any "text" {here}',
    },
  ]

  it('are filled with the signed arguments, by the longest command that covers the call', () => {
    expect(JSON.parse(authorizationDetailsFor(table, parseCommand('/payments/pay'), args))).toEqual(asked)
    expect(JSON.parse(authorizationDetailsFor(table, parseCommand('/payments/list'), {}))).toEqual([
      { type: 'payment', actions: ['list'] },
    ])
  })

  it('VLT-40 can have text around an argument, which must then consist of plain characters', () => {
    const filled = (name: string, account: string): unknown =>
      JSON.parse(authorizationDetailsFor({ '/': [{ type: 'payment', name }] }, parseCommand('/pay'), { account }))
    expect(filled('{account}', 'a/b')).toEqual([{ type: 'payment', name: 'a/b' }])
    for (const [text, expected] of [
      ['{account}/read', 'DE-1/read'],
      ['of {account}', 'of DE-1'],
      ['{account}{account}', 'DE-1DE-1'],
    ] as const) {
      expect(filled(text, 'DE-1')).toEqual([{ type: 'payment', name: expected }])
      expect(() => filled(text, 'a/b')).toThrow(expect.objectContaining(vaultError('ERR_VAULT_DOWNSCOPE')))
    }
  })

  it('VLT-40 are refused when an argument is ambiguous or missing', () => {
    const fill =
      (other: object): (() => unknown) =>
      () =>
        authorizationDetailsFor(table, parseCommand('/payments/pay'), { ...args, ...other })
    for (const other of [
      { account: '../admin' },
      { account: 'a/b' },
      { account: '.' },
      { account: '..' },
      { account: '' },
      { account: 'a?b' },
      { amount: [1] },
      { amount: undefined },
      { note: null },
    ]) {
      expect(fill(other), JSON.stringify(other)).toThrow(expect.objectContaining(vaultError('ERR_VAULT_DOWNSCOPE')))
    }
    expect(() => authorizationDetailsFor(table, parseCommand('/mail'), args)).toThrow(/no authorization details/)
    const flags = { '/': [{ type: 'payment', instant: '{instant}', of: 'x{instant}' }] }
    expect(JSON.parse(authorizationDetailsFor(flags, parseCommand('/pay'), { instant: false }))).toEqual([
      { type: 'payment', instant: false, of: 'xfalse' },
    ])
  })

  it('VLT-40 must be returned by the server unchanged, or fewer', async () => {
    const grant = async (authorization_details: unknown): Promise<unknown> => {
      const server = await start({ ...good, authorization_details })
      return lease(vaultOf(server, { authorizationDetails: table }), { path: '/payments/pay', args })
    }
    const server = await start({ ...good, authorization_details: asked })
    await lease(vaultOf(server, { authorizationDetails: table }), { path: '/payments/pay', args })
    const sent = new URLSearchParams(server.received[0]?.body).getAll('authorization_details')
    expect(sent.map((text) => JSON.parse(text))).toEqual([asked])
    const reordered = asked.map((entry) => Object.fromEntries(Object.entries(entry).reverse()))
    expect(await grant(asked)).toMatchObject({ downscoped: true })
    expect(await grant(reordered)).toMatchObject({ downscoped: true })
    for (const wider of [
      undefined,
      [],
      'x',
      [...asked, { type: 'admin' }],
      [{ ...asked[0], actions: ['initiate', 'cancel'] }],
      [{ type: 'payment' }],
    ]) {
      await expect(grant(wider), JSON.stringify(wider)).rejects.toMatchObject(vaultError('ERR_VAULT_DOWNSCOPE'))
    }
  })
})

describe('the configured authorization details', () => {
  const make = (details: unknown) => (): unknown =>
    tokenExchangeVault({
      tokenEndpoint: 'https://id.example/token',
      clientId: 'c',
      authentication: 'none',
      credentials: {
        crm: { subjectToken: async () => ({ token: 'a' }), leasable: true, authorizationDetails: { '/': details } },
      },
    } as never)

  it('are objects with a type', () => {
    expect(make([{ type: 'a', limit: 1, open: false, list: ['{to}', { deep: 'x' }] }])).not.toThrow()
  })

  it.each([
    [[]],
    [[{ field: 'x' }]],
    [[{ type: 7 }]],
    [[{ type: 'a', field: null }]],
    [[{ type: 'a', field: undefined }]],
    [[{ type: 'a', field: [null] }]],
    [[{ type: 'a', field: Number.NaN }]],
    [[{ type: 'a', field: () => 1 }]],
    [[{ type: 'a' }, 'x']],
    [{ type: 'a' }],
  ])('GRD-09 VLT-40 are refused when the vault is made, if a value is missing or of a wrong type: %j', (details) => {
    expect(make(details)).toThrow(expect.objectContaining(invalidArgument))
  })

  it('GRD-09 VLT-40 are refused when one contains itself', () => {
    const circle: Record<string, unknown> = { type: 'a' }
    circle['field'] = circle
    expect(make([circle])).toThrow(expect.objectContaining(invalidArgument))
  })
})
