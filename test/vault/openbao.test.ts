import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { Secret } from '../../src/vault/secret.ts'
import {
  appRole,
  fixedToken,
  jwtLogin,
  type OpenBaoCredential,
  type OpenBaoLogin,
  openbaoSource,
  openbaoVault,
  wrappedAppRole,
} from '../../src/vault/stores/openbao/openbao-vault.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { NAMESPACE, type OpenBaoFake, ROLE_ID, SECRET_ID, startOpenBao } from './openbao-fake.ts'
import { invalidArgument, movableClock, NOON, permission, serve, vaultError } from './support.ts'

let bao: OpenBaoFake
beforeEach(async () => {
  bao = await startOpenBao()
})
afterEach(async () => {
  await bao.close()
  expect(bao.violations).toEqual([])
})

const kv = { engine: 'kv', path: 'crm/api', leasable: true } as const
const database = { engine: 'database', role: 'readonly', leasable: true } as const
const login = appRole({ roleId: ROLE_ID, secretId: SECRET_ID })

function vaultOf(credentials: Readonly<Record<string, OpenBaoCredential>>, extra: object = {}): Vault {
  const resilience = { attempts: 1, attemptTimeoutMs: 1_000 }
  return openbaoVault({
    address: bao.address,
    namespace: NAMESPACE,
    login,
    credentials,
    clock: movableClock(),
    resilience,
    ...extra,
  })
}
const lease = (vault: Vault, name = 'a'): ReturnType<Vault['lease']> =>
  vault.lease(name, { authorization: permission() })

describe('an unavailable server', () => {
  it('VLT-16 is visible in `state`, and its cached secrets end with `forget`', async () => {
    bao.putKv('crm/api', { token: 'canary-1' })
    const resilience = { attempts: 1, failures: 2, maxStale: 600 }
    const credentials = { a: { ...kv, field: 'token' } }
    const vault = openbaoVault({ address: bao.address, namespace: NAMESPACE, login, credentials, resilience })
    expect((await lease(vault)).stale).toBe(false)
    expect(vault.state()).toBe('closed')
    bao.mode = 'sealed'
    for (let count = 0; count < 3; count++) expect((await lease(vault)).stale).toBe(true)
    expect(vault.state()).toBe('open')
    vault.forget('a')
    await expect(lease(vault)).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    expect(JSON.stringify(vault)).not.toContain('canary-1')
  })
})

describe('a server whose login fails', () => {
  it.each([429, 500])('VLT-49 is away for each secret when it answers %i [attack 82]', async (status) => {
    let asked = 0
    const fetch = async (): Promise<Response> => {
      asked += 1
      return new Response('{}', { status })
    }
    const names = Array.from({ length: 20 }, (_, at) => `secret-${at}`)
    const credentials = Object.fromEntries(names.map((name) => [name, kv]))
    const vault = openbaoVault({ address: bao.address, login, credentials, fetch, resilience: { attempts: 1 } })
    for (const name of names)
      await expect(lease(vault, name)).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    expect([asked, vault.state()]).toEqual([5, 'open'])
  })
})

describe('the KV engine', () => {
  it('returns a secret, whole or one field of it', async () => {
    bao.putKv('crm/api', { token: 'canary-1', user: 'u' })
    const vault = vaultOf({ a: { ...kv, field: 'token' }, whole: kv })
    const { secret, ...release } = await lease(vault)
    expect(secret.reveal()).toBe('canary-1')
    expect(release).toMatchObject({ adapter: 'openbao', kind: 'static', version: '1', downscoped: false, stale: false })
    expect((await lease(vault, 'whole')).secret.revealField('user')).toBe('u')
    expect(bao.logins).toEqual(['approle'])
  })

  it('returns the newest version, or the configured one', async () => {
    bao.putKv('crm/api', { token: 'one' })
    bao.putKv('crm/api', { token: 'two' })
    const vault = vaultOf({ a: kv, first: { ...kv, version: 1 }, ninth: { ...kv, version: 9 } })
    expect((await lease(vault)).secret.revealField('token')).toBe('two')
    expect((await lease(vault, 'first')).version).toBe('1')
    await expect(lease(vault, 'ninth')).rejects.toMatchObject(vaultError('ERR_VAULT_UNKNOWN_REFERENCE'))
  })

  it('reads below the path of the address, with or without a slash at its end', async () => {
    const asked: string[] = []
    for (const address of ['https://proxy.example/bao', 'https://proxy.example/bao/']) {
      const fetch = async (target: RequestInfo | URL): Promise<Response> => {
        asked.push(String(target))
        return Response.json({ errors: [] }, { status: 404 })
      }
      await expect(lease(vaultOf({ a: kv }, { address, login: fixedToken('t'), fetch }))).rejects.toThrow()
    }
    expect(asked).toEqual(Array.from({ length: 2 }, () => 'https://proxy.example/bao/v1/secret/data/crm/api'))
  })

  it('has no secret at an empty path, or after a deletion', async () => {
    const vault = vaultOf({ a: kv })
    await expect(lease(vault)).rejects.toMatchObject(vaultError('ERR_VAULT_UNKNOWN_REFERENCE'))
    bao.putKv('crm/api', { token: 'one' })
    await lease(vault)
    bao.deleteKv('crm/api')
    await expect(lease(vault)).rejects.toMatchObject(vaultError('ERR_VAULT_UNKNOWN_REFERENCE'))
  })

  it('stores a successor, unless another client has stored one before', async () => {
    bao.putKv('crm/api', { refreshToken: 'one' })
    const { leasable: _, ...place } = kv
    const source = openbaoSource({
      address: bao.address,
      namespace: NAMESPACE,
      login,
      secrets: { a: place, part: { ...place, field: 'x' } },
    })
    const secret = Secret.ofFields({ refreshToken: 'two' })
    expect(await source.replace?.('a', { secret, expectedVersion: '1' })).toBe('2')
    expect((await source.read('a', { scope: '' }))?.secret.revealField('refreshToken')).toBe('two')
    await expect(source.replace?.('a', { secret, expectedVersion: '1' })).rejects.toMatchObject(
      vaultError('ERR_VAULT_CONFIGURATION'),
    )
    await expect(source.replace?.('part', { secret, expectedVersion: '2' })).rejects.toMatchObject(
      vaultError('ERR_VAULT_CONFIGURATION'),
    )
  })

  it('VLT-37 returns another version: the lease is refused [attack 83]', async () => {
    bao.putKv('crm/api', { token: 'one' })
    bao.putKv('crm/api', { token: 'two' })
    const vault = vaultOf({ a: kv, first: { ...kv, version: 1 } })
    await lease(vault)
    const versioned =
      (version: number) =>
      (_path: string, answer: Record<string, unknown>): Record<string, unknown> => {
        const data = answer['data'] as { metadata?: object } | null
        if (data?.metadata === undefined) return answer
        return { ...answer, data: { ...data, metadata: { ...data.metadata, version } } }
      }
    bao.tamper = versioned(1)
    await expect(lease(vault)).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
    bao.tamper = versioned(2)
    await expect(lease(vault, 'first')).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
  })

  it('VLT-37 returns an older version: the lease is refused, unless the secret was created again later [attack 83]', async () => {
    bao.putKv('crm/api', { token: 'one' }, 10)
    bao.putKv('crm/api', { token: 'two' }, 20)
    const vault = vaultOf({ a: { ...kv, field: 'token' } })
    const read = async (): Promise<string> => (await lease(vault)).secret.reveal()
    expect(await read()).toBe('two')
    bao.destroyKv('crm/api')
    await expect(read()).rejects.toMatchObject(vaultError('ERR_VAULT_UNKNOWN_REFERENCE'))
    // A lagging replica, and one whose clock does not move.
    for (const second of [10, 20]) {
      bao.putKv('crm/api', { token: 'stale' }, second)
      await expect(read()).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
      bao.destroyKv('crm/api')
    }
    bao.putKv('crm/api', { token: 'anew' }, 30)
    expect(await read()).toBe('anew')
    bao.tamper = (_path, answer) => {
      const data = answer['data'] as { metadata?: object } | null
      if (data?.metadata === undefined) return answer
      return { ...answer, data: { ...data, metadata: { ...data.metadata, version: 0, created_time: 'x' } } }
    }
    await expect(read()).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
  })

  it('VLT-37 returns the version before the one just stored: the read is refused [attack 83]', async () => {
    bao.putKv('crm/api', { token: 'spent' })
    const { leasable: _, ...place } = kv
    const source = openbaoSource({ address: bao.address, namespace: NAMESPACE, login, secrets: { a: place } })
    const secret = Secret.ofFields({ token: 'next' })
    expect(await source.replace?.('a', { secret, expectedVersion: '1' })).toBe('2')
    // A lagging replica.
    bao.destroyKv('crm/api')
    bao.putKv('crm/api', { token: 'spent' })
    await expect(source.read('a', { scope: '' })).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
  })

  it('VLT-37 returns an older version in a response that a later request has overtaken: it is accepted', async () => {
    bao.putKv('crm/api', { token: 'one' })
    const { leasable: _, ...place } = kv
    let asked = 0
    let goOn: () => void = () => undefined
    let isOnItsWay: () => void = () => undefined
    const onItsWay = new Promise<void>((resolve) => {
      isOnItsWay = resolve
    })
    const source = openbaoSource({
      address: bao.address,
      namespace: NAMESPACE,
      login,
      secrets: { a: place },
      fetch: async (input, init) => {
        const response = await fetch(input, init)
        if (!String(input).includes('crm/api')) return response
        asked += 1
        if (asked > 1) return response
        await new Promise<void>((resolve) => {
          goOn = resolve
          isOnItsWay()
        })
        return response
      },
    })
    const slow = source.read('a', { scope: '' })
    await onItsWay
    bao.putKv('crm/api', { token: 'two' })
    expect((await source.read('a', { scope: '' }))?.version).toBe('2')
    goOn()
    expect((await slow)?.version).toBe('1')
  })

  it('returns a malformed response: the lease is refused [attack 83]', async () => {
    const vault = vaultOf({ a: { ...kv, field: 'token' }, whole: kv })
    const metadata = { version: 1, destroyed: false, deletion_time: '' }
    for (const data of [
      null,
      [],
      {},
      { data: null, metadata },
      { data: { token: 'x' } },
      { data: { token: 5 }, metadata },
      { data: { token: '' }, metadata: { ...metadata, version: '1' } },
      { data: { other: 'x' }, metadata },
    ]) {
      bao.putKv('crm/api', { token: 'canary-1' })
      bao.tamper = (path, answer) => (path.includes('/data/') ? { ...answer, data } : answer)
      await expect(lease(vault), JSON.stringify(data)).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
    }
    bao.tamper = (path, answer) =>
      path.includes('/data/') ? { ...answer, data: { data: { a: { b: 'c' } }, metadata } } : answer
    await expect(lease(vault, 'whole')).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
    bao.tamper = (path, answer) =>
      path.includes('/data/')
        ? { ...answer, data: { data: { token: 'x' }, metadata: { ...metadata, destroyed: true } } }
        : answer
    await expect(lease(vault)).rejects.toMatchObject(vaultError('ERR_VAULT_REVOKED'))
  })
})

describe('the database engine', () => {
  it('VLT-12 creates credentials for one call, and revokes them when they are given back', async () => {
    const vault = vaultOf({ a: database })
    const [one, two] = await Promise.all([lease(vault), lease(vault)])
    expect(one.secret.revealField('username')).not.toBe(two.secret.revealField('username'))
    expect(one).toMatchObject({ kind: 'dynamic', expiresAt: NOON + 600 })
    expect(bao.leases.size).toBe(2)
    await one.revoke()
    await one.revoke()
    expect([...bao.leases.values()]).toEqual([{ username: two.secret.revealField('username') }])
    await two[Symbol.asyncDispose]()
    expect(bao.leases.size).toBe(0)
  })

  it('VLT-12 revokes them after Vault.use', async () => {
    const upstream = await serve((_received, response) => void response.end('ok'))
    const vault = vaultOf({ a: { ...database, origins: [upstream.origin], processor: bearer({ field: 'password' }) } })
    const response = await vault.use({ reference: 'a', authorization: permission(), url: upstream.origin })
    expect(bao.leases.size).toBe(1)
    await response.text()
    await expect.poll(() => bao.leases.size).toBe(0)
    await upstream.close()
  })

  it('VLT-37 returns a lease of another role: it is refused and revoked [attack 83]', async () => {
    bao.tamper = (_path, answer) =>
      answer['lease_id'] === '' ? answer : { ...answer, lease_id: 'database/creds/admin/x' }
    await expect(lease(vaultOf({ a: database }))).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
    const revoked = bao.server.received.filter(({ url }) => url.includes('sys/leases/revoke'))
    expect(revoked.map(({ body }) => JSON.parse(String(body)).lease_id)).toEqual(['database/creds/admin/x'])
    bao.tamper = (path, answer) => (path.includes('creds') ? { ...answer, data: { username: 'u' } } : answer)
    await expect(lease(vaultOf({ a: database }))).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
  })

  it('VLT-12 revokes credentials that arrive after the call has timed out', async () => {
    const slow = vaultOf(
      { a: database },
      {
        readTimeoutMs: 30,
        fetch: async (input: URL, init: RequestInit) => {
          const { signal: _, ...rest } = init
          const response = await fetch(input, rest)
          if (String(input).includes('creds')) await new Promise((resolve) => setTimeout(resolve, 80))
          return response
        },
      },
    )
    await expect(lease(slow)).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    await expect.poll(() => bao.server.received.filter(({ url }) => url.includes('revoke')).length).toBe(1)
    expect(bao.leases.size).toBe(0)
  })
})

describe('a login', () => {
  const withLogin = (other: OpenBaoLogin, extra: object = {}): Vault => vaultOf({ a: kv }, { login: other, ...extra })
  beforeEach(() => bao.putKv('crm/api', { token: 'canary-1' }))

  it('happens once for all waiting calls, and again before the token expires', async () => {
    const clock = movableClock()
    const vault = vaultOf({ a: kv, b: kv, c: kv }, { clock })
    await Promise.all(['a', 'b', 'c'].map((name) => lease(vault, name)))
    clock.add(799)
    await lease(vault)
    expect(bao.logins.length).toBe(1)
    clock.add(1)
    await Promise.all(['a', 'b', 'c'].map((name) => lease(vault, name)))
    expect(bao.logins.length).toBe(2)
  })

  it('happens again when the server has revoked the token early', async () => {
    const vault = withLogin(login)
    await lease(vault)
    bao.revokeTokens()
    await Promise.all([lease(vault), lease(vault)])
    expect(bao.logins.length).toBe(2)
  })

  it('can use a token of the platform', async () => {
    await lease(withLogin(jwtLogin({ role: 'dev-role', jwt: () => bao.jwt() })))
    expect(bao.logins).toEqual(['jwt'])
    for (const jwt of [bao.jwt({ exp: 1 }), `${bao.jwt().slice(0, -4)}AAAA`, '', 7 as never]) {
      await expect(lease(withLogin(jwtLogin({ role: 'dev-role', jwt: async () => jwt })))).rejects.toMatchObject(
        vaultError('ERR_VAULT_CONFIGURATION'),
      )
    }
  })

  it('VLT-36 can use a wrapped secret id, if it was wrapped for the role and nobody has unwrapped it before', async () => {
    const wrapped = (wrappingToken: string): OpenBaoLogin =>
      wrappedAppRole({ roleId: ROLE_ID, roleName: 'app', wrappingToken })
    const token = bao.wrapSecretId()
    const vault = withLogin(wrapped(token))
    await lease(vault)
    bao.revokeTokens()
    await lease(vault)
    expect(bao.logins.length).toBe(2)
    await expect(lease(withLogin(wrapped(token)))).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
    const foreign = bao.wrapSecretId('sys/wrapping/wrap')
    await expect(lease(withLogin(wrapped(foreign)))).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
    expect(bao.server.received.filter(({ url }) => url.endsWith('unwrap')).length).toBe(1)
  })

  it('can use a token that another process renews', async () => {
    await lease(withLogin(login))
    const token = String(bao.server.received.at(-1)?.headers['x-vault-token'])
    await lease(withLogin(fixedToken(token)))
    await expect(lease(withLogin(fixedToken('s.canary-old')))).rejects.toMatchObject(
      vaultError('ERR_VAULT_CONFIGURATION'),
    )
    expect(bao.logins.length).toBe(1)
  })

  it('is refused for a wrong secret id, and tried again at the next call', async () => {
    const vault = withLogin(appRole({ roleId: ROLE_ID, secretId: 'canary-wrong' }))
    for (let count = 0; count < 2; count += 1) {
      const error = (await lease(vault).catch((caught: unknown) => caught)) as Error
      expect(error).toMatchObject(vaultError('ERR_VAULT_CONFIGURATION'))
      expect(error.message).toBe('openbao refused the login with status 400; check the role and its secret')
    }
  })
})

describe('a failing server [attack 82]', () => {
  const modes = [
    ['sealed', 'ERR_VAULT_UNAVAILABLE'],
    ['hangs', 'ERR_VAULT_UNAVAILABLE'],
    ['breaks off', 'ERR_VAULT_UNAVAILABLE'],
    ['garbage', 'ERR_VAULT_INTEGRITY'],
    ['huge', 'ERR_VAULT_INTEGRITY'],
    ['redirects', 'ERR_VAULT_CONFIGURATION'],
  ] as const
  for (const [mode, code] of modes) {
    it(`VLT-28, SEC-06 ${mode}: no secret is released until it works again`, async () => {
      bao.putKv('crm/api', { token: 'canary-1' })
      const vault = vaultOf({ a: kv })
      bao.mode = mode
      const error = (await lease(vault).catch((caught: unknown) => caught)) as Error
      expect(error).toMatchObject(vaultError(code))
      expect(`${error.message} ${String(error.cause)}`).not.toContain('canary')
      bao.mode = 'well'
      expect((await lease(vault)).version).toBe('1')
      bao.mode = mode
      await expect(lease(vault)).rejects.toMatchObject(vaultError(code))
    })
  }

  it('is unreachable', async () => {
    const gone = await startOpenBao()
    await gone.close()
    await expect(lease(vaultOf({ a: kv }, { address: gone.address }))).rejects.toThrow(/ECONNREFUSED/)
  })
})

describe('openbaoVault', () => {
  it('refuses invalid options', () => {
    const make =
      (extra: object, credential: object = kv): (() => unknown) =>
      () =>
        vaultOf({ a: credential as OpenBaoCredential }, extra)
    const refused = expect.objectContaining(invalidArgument)
    for (const address of ['http://bao.example:8200', 'bao.example', 'https://u:p@bao.example']) {
      expect(make({ address }), address).toThrow(refused)
    }
    for (const path of ['', '../sys/seal', 'a/../b', 'a//b', 'a/', '/a', 'a?version=2', 'a#b', 'a%2f', 'a.']) {
      expect(make({}, { engine: 'kv', path }), path).toThrow(refused)
    }
    expect(make({}, { engine: 'kv', path: 'a', mount: '../sys' })).toThrow(refused)
    expect(make({}, { engine: 'database', role: 'a/../../x' })).toThrow(refused)
    expect(make({}, { engine: 'pki', path: 'a' })).toThrow(refused)
    expect(() => appRole({ roleId: 'a', secretId: 'b', mount: 'a b' })).toThrow(refused)
  })
})
