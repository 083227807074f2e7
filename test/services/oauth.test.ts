import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { clientCredentials } from '../../src/vault/processors/client-credentials.ts'
import { refreshToken } from '../../src/vault/processors/refresh-token.ts'
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { type TokenExchange, tokenExchangeVault } from '../../src/vault/stores/oauth/token-exchange.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { OWNER, permission, serve, type TestServer, vaultError } from '../vault/support.ts'
import { CLIENT_ID, CLIENT_SECRET, type OAuthServer, startOAuthServer } from './oauth-server.ts'

let oauth: OAuthServer
let api: TestServer
let folder: string
beforeAll(async () => {
  oauth = await startOAuthServer()
  folder = mkdtempSync(join(tmpdir(), 'procura-oauth-'))
  api = await serve(async (received, response) => {
    const token = await oauth.known(String(received.headers.authorization).replace('Bearer ', ''))
    const { accountId, clientId, scope } = token ?? {}
    response.writeHead(token === undefined ? 401 : 200).end(JSON.stringify({ accountId, clientId, scope }))
  })
})
afterAll(async () => {
  await Promise.all([oauth.close(), api.close()])
  rmSync(folder, { recursive: true, force: true })
})

const endpoint = (): string => `${oauth.issuer}/token`
const scopes = { '/crm/read': 'contacts:read', '/crm/write': 'contacts:read contacts:write' }
const use = async (vault: Vault, path = '/crm/read'): Promise<Record<string, unknown>> => {
  const response = await vault.use({
    reference: 'crm',
    authorization: permission({ path }),
    url: `${api.origin}/contacts`,
  })
  expect(response.status).toBe(200)
  return (await response.json()) as Record<string, unknown>
}

describe('client credentials of a real server', () => {
  for (const [authentication, clientId] of [
    ['basic', CLIENT_ID],
    ['post', 'posting'],
  ] as const) {
    it(`gives a narrowed token to a client that authenticates by ${authentication}`, async () => {
      const processor = clientCredentials({ tokenEndpoint: endpoint(), clientId, authentication, scopes })
      const vault = memoryVault({ crm: { secret: CLIENT_SECRET, origins: [api.origin], processor } })
      expect(await use(vault)).toEqual({ clientId, scope: 'contacts:read' })
      expect(await use(vault, '/crm/write')).toEqual({ clientId, scope: 'contacts:read contacts:write' })
    })
  }

  it('refuses a wrong secret', async () => {
    const processor = clientCredentials({ tokenEndpoint: endpoint(), clientId: CLIENT_ID })
    const vault = memoryVault({ crm: { secret: 'canary-wrong', origins: [api.origin], processor } })
    await expect(use(vault)).rejects.toMatchObject({
      ...vaultError('ERR_VAULT_CONFIGURATION'),
      message: expect.stringContaining('invalid_client'),
    })
  })
})

describe('refresh tokens of a real server', () => {
  it('are rotated and stored by several vaults over one file, and each is used once', async () => {
    const path = join(folder, 'credentials')
    const key = { bytes: new Uint8Array(32).fill(7) }
    // Six exchanges wait for each other, and each writes the file. A busy disk needs longer than the defaults.
    const options = { path, key, lockTimeoutMs: 100_000, readTimeoutMs: 100_000 }
    const vaults = [
      await openFileVault({ ...options, create: true }),
      await openFileVault(options),
      await openFileVault(options),
    ] as const
    const token = await oauth.refreshToken('ann', 'openid offline_access contacts:read contacts:write')
    await vaults[0].put('crm', {
      secret: { refreshToken: token, clientSecret: CLIENT_SECRET },
      origins: [api.origin],
      processor: refreshToken({ tokenEndpoint: endpoint(), clientId: CLIENT_ID, scopes }),
    })
    const answers = await Promise.all(vaults.flatMap((vault) => [use(vault), use(vault, '/crm/write'), use(vault)]))
    expect(answers.every(({ accountId, clientId }) => accountId === 'ann' && clientId === CLIENT_ID)).toBe(true)
    expect(answers[0]?.['scope']).toBe('contacts:read')
    // six exchanges: two scopes in each of three vaults
    expect((await vaults[0].list()).at(-1)?.version).toBe('7')
  })

  it('that were used before are refused, and the server ends the grant', async () => {
    const token = await oauth.refreshToken('bob', 'openid offline_access contacts:read')
    const processor = refreshToken({ tokenEndpoint: endpoint(), clientId: CLIENT_ID })
    const vaultOf = (): Vault =>
      memoryVault({
        crm: { secret: { refreshToken: token, clientSecret: CLIENT_SECRET }, origins: [api.origin], processor },
      })
    await use(vaultOf())
    await expect(use(vaultOf())).rejects.toMatchObject(vaultError('ERR_VAULT_REVOKED'))
  })
})

describe('token exchange with a real server', () => {
  const vaultOf = (exchange: Partial<TokenExchange> = {}, revocation = true): Vault =>
    tokenExchangeVault({
      tokenEndpoint: endpoint(),
      ...(revocation && { revocationEndpoint: `${oauth.issuer}/token/revocation` }),
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      credentials: {
        crm: {
          origins: [api.origin],
          processor: bearer(),
          leasable: true,
          scopes,
          subjectToken: async ({ subject }) => ({
            token: await oauth.accessToken(subject, 'contacts:read contacts:write'),
          }),
          actorToken: async () => ({ token: await oauth.clientToken('posting') }),
          ...exchange,
        },
      },
    })

  it('gives a token of the owner, narrowed to the command, with an actor named', async () => {
    expect(await use(vaultOf())).toEqual({ accountId: OWNER, clientId: CLIENT_ID, scope: 'contacts:read' })
    expect(oauth.exchanges.at(-1)).toMatchObject({ subject: OWNER, actor: 'posting', scope: 'contacts:read' })
  })

  it('revokes it after the call', async () => {
    const lease = await vaultOf().lease('crm', { authorization: permission() })
    const token = lease.secret.reveal()
    expect(lease).toMatchObject({ kind: 'derived', downscoped: true })
    expect(await oauth.known(token)).toMatchObject({ accountId: OWNER })
    await lease.revoke()
    expect(await oauth.known(token)).toBeUndefined()
  })

  it('lets it end by itself where no revocation is configured', async () => {
    const lease = await vaultOf({}, false).lease('crm', { authorization: permission() })
    const token = lease.secret.reveal()
    await lease.revoke()
    expect(await oauth.known(token)).toMatchObject({ accountId: OWNER })
  })

  it('refuses what the owner could not do', async () => {
    const subjectToken: TokenExchange['subjectToken'] = async ({ subject }) => ({
      token: await oauth.accessToken(subject, 'contacts:read'),
    })
    await expect(use(vaultOf({ subjectToken }), '/crm/write')).rejects.toMatchObject(vaultError('ERR_VAULT_DOWNSCOPE'))
  })

  it('shows nothing of the tokens that were refused', async () => {
    const subjectToken: TokenExchange['subjectToken'] = async () => ({ token: 'canary-unknown' })
    const error = (await use(vaultOf({ subjectToken })).catch((caught: unknown) => caught)) as Error
    expect(error).toMatchObject(vaultError('ERR_VAULT_REVOKED'))
    expect(`${error.message} ${error.stack}`).not.toContain('canary')
  })
})
