import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { revealCredentials } from 'procura/vault/file'
import { afterEach, describe, expect, it } from 'vitest'
import { checkedAddress, LoginFault } from '../../../src/cli/login/login-fetch.ts'
import { openGateway, readGatewayConfig } from '../../../src/index.ts'
import { type GatewayHome, makeGatewayHome } from '../../gateway/serve/gateway-home.ts'
import { logIn, type Person } from './log-in.ts'
import { type OauthOptions, type OauthWorld, startOauthWorld } from './oauth-world.ts'

let world: OauthWorld
let home: GatewayHome

async function begin(options: OauthOptions = {}, server: object = {}): Promise<void> {
  world = await startOauthWorld(options)
  home = await makeGatewayHome({ mail: { type: 'http', url: world.url, ...server } })
}

afterEach(async () => {
  await home.remove()
  await world.close()
})

const login = (words?: readonly string[], person?: Person): ReturnType<typeof logIn> =>
  logIn(world, home.folder, words, person)

async function secretOf(name: string): Promise<string | undefined> {
  const found = await revealCredentials({
    path: join(home.folder, 'vault'),
    key: { keyFile: join(home.folder, 'vault.key') },
  })
  return found.get(name)?.reveal()
}

const gatewayJson = (): { servers: Record<string, { login?: string }> } =>
  JSON.parse(readFileSync(join(home.folder, 'gateway.json'), 'utf8'))

describe('procura login', () => {
  it('gets a code with PKCE for the resource, and stores the refresh token [LGN-01] [LGN-08]', async () => {
    await begin()
    const { code, out, err, pages } = await login()
    expect([code, out, err]).toEqual([
      0,
      `logged in to mail at ${world.issuer}, for \`mail\``,
      expect.stringContaining('start the gateway with `procura start'),
    ])
    const asked = pages[0]?.searchParams
    expect([asked?.get('code_challenge_method'), asked?.get('resource'), asked?.get('response_type')]).toEqual([
      'S256',
      world.url,
      'code',
    ])
    expect(asked?.get('redirect_uri')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/)
    const exchange = world.seen.find(({ form }) => form.get('grant_type') === 'authorization_code')?.form
    expect([exchange?.get('resource'), exchange?.get('code_verifier')?.length]).toEqual([world.url, 43])
    expect(gatewayJson().servers['mail']?.login).toBe('mail.login')
    expect(JSON.parse((await secretOf('mail.login')) ?? '')).toEqual({ refreshToken: expect.any(String) })
  })

  it('stores rules for the token endpoint and the origin of the server alone [LGN-11]', async () => {
    await begin()
    expect((await login()).code).toBe(0)
    const [rules] = (await home.vault.list()).filter(({ name }) => name === 'mail.login').map((one) => one.rules)
    expect(rules).toMatchObject({
      origins: [new URL(world.url).origin],
      commands: ['/gateway/session/mail', '/mcp/mail'],
      processor: {
        description: { type: 'refresh-token', tokenEndpoint: `${world.issuer}/token`, resource: world.url },
      },
    })
  })

  it('is used by the gateway, which renews its tokens [LGN-08]', async () => {
    await begin()
    expect((await login()).code).toBe(0)
    const gateway = await openGateway({ config: await readGatewayConfig(join(home.folder, 'gateway.json')) })
    try {
      expect(gateway.servers()).toEqual([{ name: 'mail', type: 'http', tools: 1, waiting: 0 }])
      expect(world.refreshes()).toBe(1)
    } finally {
      await gateway.close()
    }
  })

  it('takes a client that is registered, and its secret from standard input [LGN-09]', async () => {
    await begin()
    const { code, pages } = await login(['mail', '--client-id', 'known'], { input: 'canary-client-secret\n' })
    expect([code, pages[0]?.searchParams.get('client_id')]).toEqual([0, 'known'])
    expect(JSON.parse((await secretOf('mail.login')) ?? '')).toEqual({
      refreshToken: expect.any(String),
      clientSecret: 'canary-client-secret',
    })
    expect(world.seen.filter(({ url }) => url === '/reg')).toEqual([])
  })

  it('takes the last address of a browser elsewhere, and no other one [LGN-10]', async () => {
    await begin()
    let page: URL | undefined
    const questions: string[] = []
    const { code, err } = await login(['mail'], {
      async browser(shown) {
        page = shown
      },
      async typed(question) {
        questions.push(question)
        if (questions.length === 1) return 'http://127.0.0.1:1/callback?code=a&state=b'
        return world.consent(page as URL)
      },
    })
    expect([code, questions.length]).toEqual([0, 2])
    expect(err).toContain('that is not the address at which this login ends')
    expect(questions[0]).toContain('paste its last address')
  })

  it('stores an access token where there is no refresh token, and says what follows [LGN-08]', async () => {
    await begin({ withoutRefresh: true })
    const { code, err } = await login()
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/gave no refresh token: when the token of mail ends, run `procura login mail --home/),
    ])
    expect(await secretOf('mail.login')).toMatch(/^Bearer \S+$/)
  })

  it('asks for no login where the words or the vault are wrong [LGN-08]', async () => {
    await begin({}, { secretHeaders: { Authorization: 'mail.A' } })
    const faults = [
      [['mail'], '`mail` has a key in its headers'],
      [['nobody'], 'the gateway has no server `nobody`; it reaches over HTTP: `mail`'],
      [[], 'the name of the server is missing'],
    ] as const
    for (const [words, fault] of faults) {
      const { code, err, pages } = await login(words)
      expect([code, err, pages]).toEqual([2, expect.stringContaining(fault), []])
    }
    expect(world.seen).toEqual([])
  })

  it('stores nothing where the address of the server has changed meanwhile [LGN-08]', async () => {
    await begin()
    const { code, err } = await login(['mail'], {
      async browser(page) {
        home.configure((config) => {
          config['servers'] = { mail: { type: 'http', url: 'https://other.example/mcp' } }
        })
        await world.visit(page)
      },
    })
    expect([code, err]).toEqual([2, expect.stringContaining('the address of mail has changed during the login')])
    expect([await secretOf('mail.login'), gatewayJson().servers['mail']?.login]).toEqual([undefined, undefined])
  })
})

describe('the listener of a login', () => {
  it('refuses visits without its state, and goes on [LGN-06]', async () => {
    await begin()
    const answers: number[] = []
    const { code } = await login(['mail'], {
      async browser(page) {
        const uri = page.searchParams.get('redirect_uri') as string
        const state = page.searchParams.get('state') as string
        const visits: readonly (readonly [string, RequestInit])[] = [
          [`${uri}?code=stolen&state=guess`, {}],
          [`${uri}?code=stolen`, {}],
          [`${uri}?error=access_denied`, {}],
          [`${uri}?code=stolen&state=${state}&state=${state}`, {}],
          [`${uri.replace('/callback', '/other')}?code=stolen&state=${state}`, {}],
          [`${uri}?code=stolen&state=${state}`, { method: 'POST' }],
        ]
        for (const [visit, request] of visits) answers.push((await fetch(visit, request)).status)
        const named = await fetch(`${uri.replace('127.0.0.1', 'localhost')}?code=stolen&state=${state}`).catch(
          () => undefined,
        )
        answers.push(named?.status ?? 400)
        answers.push((await world.visit(page)).status)
      },
    })
    expect([code, answers]).toEqual([0, [400, 400, 400, 400, 400, 400, 400, 200]])
  })

  it('ends with a refusal of the person [LGN-06]', async () => {
    await begin()
    const { code, err } = await login(['mail'], {
      async browser(page) {
        const last = new URL(page.searchParams.get('redirect_uri') as string)
        last.search = String(
          new URLSearchParams({
            error: 'access_denied',
            state: page.searchParams.get('state') as string,
            iss: world.issuer,
          }),
        )
        await fetch(last)
      },
    })
    expect([code, err]).toEqual([
      2,
      expect.stringContaining(`the access was refused at ${world.issuer}; nothing is stored`),
    ])
  })

  it('takes no code of another authorization server [LGN-07]', async () => {
    await begin()
    for (const change of [
      (url: URL) => url.searchParams.set('iss', 'https://other.example'),
      (url: URL) => url.searchParams.delete('iss'),
    ]) {
      const { code, err } = await login(['mail'], {
        async browser(page) {
          const last = new URL(await world.consent(page))
          change(last)
          await fetch(last)
        },
      })
      expect([code, err]).toEqual([2, expect.stringMatching(/did not give a token \(OAUTH_INVALID_RESPONSE\)/)])
    }
    expect(world.seen.filter(({ url }) => url === '/token')).toEqual([])
  })
})

/** Answers a path of one of the servers. */
function at(
  path: string,
  answer: (world: OauthWorld) => readonly [status: number, body: unknown, headers?: Record<string, string>],
): OauthOptions {
  return {
    instead(request, response, made) {
      if (request.url !== path) return false
      const [status, body, headers = {}] = answer(made)
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
      return true
    },
  }
}

const metadata = '/.well-known/oauth-protected-resource/mcp'
const authorization = '/.well-known/oauth-authorization-server'

const asMetadata = ({ issuer }: OauthWorld): Record<string, unknown> => ({
  ...{ issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token` },
  ...{ registration_endpoint: `${issuer}/reg`, code_challenge_methods_supported: ['S256'] },
})

describe('a hostile server', () => {
  const faults: readonly (readonly [string, OauthOptions, RegExp])[] = [
    [
      'metadata about another server',
      at(metadata, ({ issuer }) => [200, { resource: 'https://victim.example/mcp', authorization_servers: [issuer] }]),
      /the metadata at http:\S+ are not about http:\S+\/mcp/,
    ],
    [
      'metadata about a path beside it',
      at(metadata, ({ url, issuer }) => [200, { resource: `${url}2`, authorization_servers: [issuer] }]),
      /are not about/,
    ],
    [
      'no authorization server',
      at(metadata, ({ url }) => [200, { resource: url }]),
      /name no authorization server; it needs a key in a header/,
    ],
    [
      'a redirect of its metadata',
      at(metadata, ({ issuer }) => [302, {}, { location: `${issuer}/secret` }]),
      /answered with a redirect, which is not followed/,
    ],
    [
      'an authorization server in the clear',
      at(metadata, ({ url }) => [200, { resource: url, authorization_servers: ['http://as.example'] }]),
      /names an address at as\.example that is not one of https/,
    ],
    [
      'metadata without an end',
      at(authorization, (made) => [200, { ...asMetadata(made), long: 'x'.repeat(300_000) }]),
      /answered with more than 262144 bytes/,
    ],
    [
      'another issuer',
      at(authorization, (made) => [200, { ...asMetadata(made), issuer: 'https://victim.example' }]),
      /are those of another authorization server/,
    ],
    [
      'an issuer in another spelling',
      at(authorization, (made) => [200, { ...asMetadata(made), issuer: made.issuer.replace('http', 'HTTP') }]),
      /are those of another authorization server/,
    ],
    [
      'no PKCE',
      at(authorization, (made) => [200, { ...asMetadata(made), code_challenge_methods_supported: ['plain'] }]),
      /does not support PKCE with S256/,
    ],
    [
      'a token endpoint in the clear',
      at(authorization, (made) => [200, { ...asMetadata(made), token_endpoint: 'http://as.example/token' }]),
      /names an address at as\.example that is not one of https/,
    ],
    [
      'a page that is a file',
      at(authorization, (made) => [200, { ...asMetadata(made), authorization_endpoint: 'file:///etc/passwd' }]),
      /that is not one of https/,
    ],
    [
      'no registration',
      at(authorization, (made) => [200, { ...asMetadata(made), registration_endpoint: undefined }]),
      /registers no clients; register one there, with the redirect URI http:\/\/127\.0\.0\.1\/callback, and pass its id with --client-id/,
    ],
  ]
  it.each(faults)('is refused with %s [LGN-02] [LGN-03] [LGN-04] [LGN-05] [LGN-09]', async (_, options, fault) => {
    await begin(options)
    const { code, err, pages } = await login()
    expect([code, err, pages]).toEqual([2, expect.stringMatching(fault), []])
    expect(await secretOf('mail.login')).toBeUndefined()
  })

  it('cannot name an address of this machine from elsewhere [LGN-03]', () => {
    const server = new URL('https://mcp.example/')
    for (const host of [
      '127.0.0.1',
      'localhost',
      'a.localhost',
      '[::1]',
      '127.9.9.9',
      '0.0.0.0',
      'localhost.',
      '[::ffff:127.0.0.1]',
      '2130706433',
    ])
      for (const scheme of ['http', 'https'])
        expect(() => checkedAddress(`${scheme}://${host}/x`, server)).toThrow(LoginFault)
    for (const address of ['http://as.example', 'https://a:b@as.example', 'javascript:1', 7, ''])
      expect(() => checkedAddress(address, server)).toThrow(LoginFault)
    expect(checkedAddress('https://as.example/x', server).href).toBe('https://as.example/x')
  })

  it.each([
    ['of another type', 200, { access_token: 'canary-access', token_type: 'mac', refresh_token: 'canary-refresh' }],
    ['that is a list', 200, { access_token: ['canary-access'], refresh_token: 'canary-refresh', token_type: 'Bearer' }],
    ['beside an error', 400, { error: 'canary-error token', error_description: 'canary-2', access_token: 'canary-1' }],
  ])('gets no token %s into a message [LGN-08]', async (_, status, answer) => {
    await begin(at('/token', () => [status, answer]))
    const { code, out, err } = await login()
    expect(code).toBe(2)
    expect(out + err).not.toContain('canary')
    expect(await secretOf('mail.login')).toBeUndefined()
  })
})
