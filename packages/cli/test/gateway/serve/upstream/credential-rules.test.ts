import { memoryVault } from 'procura/vault/memory'
import { describe, expect, it } from 'vitest'
import { permission } from '../../../../../../test/vault/support.ts'
import type { CredentialUser } from '../../../../src/gateway/serve/upstream/credential-rules.ts'
import { type ApiConfig, credentialRulesOf, type HttpServerConfig } from '../../../../src/index.ts'

const secret = 'canary-of-a-server'
const secretHeaders = { credential: 'mail', names: ['X-Api-Key'] }
const http = {
  type: 'http',
  url: 'https://mail.example/mcp',
  headers: {},
  secretHeaders,
} as unknown as HttpServerConfig
const api = { type: 'api', origin: 'https://mail.example', methods: ['GET'], secretHeaders } as unknown as ApiConfig

/** Uses the credential of the server `mail` for a command: `use` is a request to a URL. */
async function tryAll(config: CredentialUser, path: string, url = 'https://mail.example/mcp'): Promise<string> {
  const sent: string[] = []
  const vault = memoryVault(
    { mail: { ...credentialRulesOf('mail', config), secret } },
    {
      fetch: async (target) => {
        sent.push(String(target))
        return new Response('ok')
      },
    },
  )
  const lease = await vault.lease('mail', { authorization: permission({ path }) }).then(
    (one) => one.secret.reveal(),
    () => undefined,
  )
  await vault.use({ reference: 'mail', authorization: permission({ path }), url }).catch(() => undefined)
  return [...(lease === secret ? ['leased'] : []), ...sent.map(() => 'sent')].join()
}

const others = [
  '/',
  '/mcp',
  '/mcp/crm',
  '/gateway',
  '/gateway/start',
  '/gateway/start/crm',
  '/gateway/connect',
  '/http/crm',
]

describe('the rules of a credential of the gateway', () => {
  it('let the secret of a program be read for a start of this program, and for nothing else [GTW-11]', async () => {
    const stdio = { type: 'stdio' } as const
    expect(await tryAll(stdio, '/gateway/start/mail')).toBe('leased')
    for (const path of [...others, '/mcp/mail', '/mcp/mail/send', '/gateway/session/mail', '/gateway/start/mail-2'])
      expect(await tryAll(stdio, path), path).toBe('')
  })

  it('send a secret header for this server or API to its origin, and give it to no program [GTW-12] [GTW-61]', async () => {
    for (const path of ['/mcp/mail', '/mcp/mail/send', '/gateway/session/mail']) {
      expect(await tryAll(http, path), path).toBe('sent')
      for (const url of ['https://evil.example/mcp', 'https://mail.example:8443/mcp', 'http://mail.example/mcp'])
        expect(await tryAll(http, path, url), url).toBe('')
    }
    for (const path of ['/http/mail', '/gateway/http/mail']) {
      expect(await tryAll(api, path), path).toBe('sent')
      expect(await tryAll(api, path, 'https://evil.example/'), path).toBe('')
    }
    for (const path of [...others, '/gateway/start/mail']) {
      expect(await tryAll(http, path), path).toBe('')
      expect(await tryAll(api, path), path).toBe('')
    }
    expect([await tryAll(http, '/http/mail'), await tryAll(api, '/mcp/mail/send')]).toEqual(['', ''])
  })
})
