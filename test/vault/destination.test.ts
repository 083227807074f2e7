import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { checkDestination } from '../../src/vault/request/destination.ts'
import { safeHeaders } from '../../src/vault/request/headers.ts'
import { parseRules } from '../../src/vault/rules/credential-rules.ts'
import { shortRuns } from '../property/runs.ts'
import { meanings, texts } from '../support/path-readers.ts'
import { vaultError } from './support.ts'

const whole = parseRules('a', {
  origins: ['https://api.example.com'],
  processor: bearer(),
  methods: ['GET', 'POST'],
})
const below = parseRules('a', { origins: ['https://api.example.com'], processor: bearer(), pathPrefix: '/v1/crm' })

const refused = expect.objectContaining(vaultError('ERR_VAULT_ORIGIN_REFUSED'))

describe('the destination of a credential', () => {
  it('is the URL that was compared', () => {
    expect(checkDestination(whole, 'https://api.example.com/a?b=c#d', 'GET').href).toBe('https://api.example.com/a?b=c')
    expect(checkDestination(whole, 'HTTPS://API.example.com:443/', 'POST').href).toBe('https://api.example.com/')
    expect(checkDestination(below, 'https://api.example.com/v1/crm', 'GET').pathname).toBe('/v1/crm')
    expect(checkDestination(below, 'https://api.example.com/v1/crm/x', 'GET').pathname).toBe('/v1/crm/x')
  })

  const elsewhere = [
    'https://evil.example/',
    'https://api.example.com.evil.example/',
    'https://evil.example/https://api.example.com/',
    'https://evil.example?https://api.example.com/',
    'https://evil.example#.api.example.com',
    'https://evil.example\\@api.example.com/',
    'https://api.example.com:8443/',
    'http://api.example.com/',
    '//evil.example/',
    'https:evil.example',
    'https://api.example.com%2eevil.example/',
    'https://api.examplе.com/',
    'https://169.254.169.254/',
    'file:///etc/passwd',
    'data:text/plain,x',
    'javascript:0',
    'blob:https://api.example.com/x',
    'https://[::1]/',
    '/relative',
    '',
    'https://',
  ]
  for (const target of elsewhere) {
    it(`ORG-03 cannot be ${JSON.stringify(target)} [attack 76]`, () => {
      expect(() => checkDestination(whole, target, 'GET')).toThrow(refused)
    })
  }

  it('ORG-03 is refused with its origin, the allowed origins, and the remedy', () => {
    expect(() => checkDestination(whole, 'https://evil.test/?key=canary', 'GET')).toThrow(
      'the credential may not be sent to `https://evil.test`, only to `https://api.example.com`; correct the URL, or add the origin to the `origins` of the credential',
    )
    const origins = ['a', 'b', 'c', 'd', 'e'].map((name) => `https://${name}.example`)
    const many = parseRules('a', { origins, processor: bearer() })
    expect(() => checkDestination(many, 'https://evil.test', 'GET')).toThrow(
      /only to `https:\/\/a\.example`, `https:\/\/b\.example`, `https:\/\/c\.example`, `https:\/\/d\.example`, …; /,
    )
  })

  it('ORG-04 cannot have user information [attack 76]', () => {
    for (const target of [
      'https://evil.example@api.example.com/',
      'https://a:b@api.example.com/',
      'https://:b@api.example.com/',
    ]) {
      expect(() => checkDestination(whole, target, 'GET')).toThrow(/user information/)
    }
  })

  it('is refused with a list of the allowed methods', () => {
    expect(() => checkDestination(whole, 'https://api.example.com/', 'post')).toThrow(
      'the credential may not be used with method `post`; its `methods` are GET, POST',
    )
  })

  it('ORG-05 cannot have another method', () => {
    for (const method of ['DELETE', 'get', 'HEAD', 'TRACE', 'POST\r\nX: y', '']) {
      expect(() => checkDestination(whole, 'https://api.example.com/', method)).toThrow(refused)
    }
  })

  it('ORG-06 is compared by whole path segments, after dot segments are resolved', () => {
    for (const path of [
      '/',
      '/v1',
      '/v1/crmx',
      '/v1/crm/../admin',
      '/v1/crm/%2e%2e/admin',
      '/v1//crm/x',
      '/V1/crm',
      '/v2/v1/crm',
    ]) {
      expect(() => checkDestination(below, `https://api.example.com${path}`, 'GET')).toThrow(/below/)
    }
  })

  it('ORG-07 cannot contain a sequence that a server could decode into a dot segment', () => {
    for (const path of [
      '/x%2f..%2fadmin',
      '/%2F',
      '/..%5cadmin',
      '/%252e%252e/admin',
      '/a%00',
      '/..;/admin',
      '/.;x/y',
      '/x/..;a=b/c',
      '/..%3b/admin',
      '/..%3B/admin',
      '/..%3bx=1/admin',
      '/.%3b/admin',
      '/x/..%3b',
      '/..%20/admin',
      '/..%09/admin',
      '/%20../admin',
      '/..%20;/admin',
      '/..%C2%A0/admin',
      '/..%E2%80%8B/admin',
      '/..%0d%0a/admin',
      '/..%7f/admin',
      '/..%3f/admin',
      '/..%23/admin',
      '/..%20x/admin',
      '/.../admin',
      '/..%253b/admin',
      '/..%u003b/admin',
      '/%u002e%u002e/admin',
      '/%c0%ae%c0%ae/admin',
      '/%E0%80%AE./admin',
      '/\uff0e\uff0e/admin',
      '/%EF%BC%8E%EF%BC%8E/admin',
      '/\u2025/admin',
      '/..\uff1b/admin',
      '/a%EF%BC%8F..%EF%BC%8Fadmin',
      '/a%0d%0aX-Injected:%20b',
      '/a%ff',
      '/100%',
    ]) {
      expect(() => checkDestination(below, `https://api.example.com/v1/crm${path}`, 'GET')).toThrow(refused)
    }
    for (const path of [
      '/a%20b',
      '/a;v=1/b',
      '/a%3bb',
      '/.well-known/x',
      '/..a',
      '/%C3%BC',
      '/a//b/',
      '/a.b/c..',
      '/~a+b',
    ]) {
      expect(checkDestination(below, `https://api.example.com/v1/crm${path}`, 'GET').pathname).toBe(`/v1/crm${path}`)
    }
    // If the whole origin is allowed, no path is above the prefix.
    expect(checkDestination(whole, 'https://api.example.com/100%25', 'GET').pathname).toBe('/100%25')
  })

  const runs = shortRuns(20_000)
  it(`ORG-06, ORG-07 stays below the prefix for servers that decode, trim, fold, cut and join paths, ${runs.title}`, () => {
    let sent = 0
    fc.assert(
      fc.property(texts, (text) => {
        const target = `https://api.example.com/v1/crm/${text}`
        let url: URL
        try {
          url = checkDestination(below, target, 'GET')
        } catch (error) {
          expect(error).toMatchObject(vaultError('ERR_VAULT_ORIGIN_REFUSED'))
          return
        }
        sent += 1
        const outside = meanings(url.pathname).filter((place) => place !== '/v1/crm' && !place.startsWith('/v1/crm/'))
        expect(outside, target).toEqual([])
      }),
      runs,
    )
    expect(sent).toBeGreaterThan(runs.numRuns / 50)
  })

  it('ORG-09 gets no credential that a caller has added', () => {
    const given = {
      Authorization: 'Bearer x',
      Cookie: 'a=b',
      'Proxy-Authorization': 'x',
      'X-Api-Key': 'x',
      'X-Vault-Token': 'x',
      DPoP: 'x',
      Accept: 'text/plain',
      'Idempotency-Key': '1',
      'X-Amz-Target': 'a.B',
      'x-special': 's',
    }
    const processor = { ...bearer(), headers: ['authorization', 'x-special'] }
    expect([...safeHeaders(given, { headers: undefined, processor })]).toEqual([
      ['accept', 'text/plain'],
      ['idempotency-key', '1'],
      ['x-amz-target', 'a.B'],
    ])
  })

  it('ORG-09 gets no header with a usual name of a key, token, session or user', () => {
    const names = [
      ...['Authorization', 'X-Authorization', 'Authentication', 'Cookie', 'Cookie2', 'X-Auth-Token', 'X-AuthToken'],
      ...['X-API-Key', 'Api-Key', 'ApiKey', 'X-ApiKey', 'DD-API-KEY', 'DD-Application-Key', 'X-Goog-Api-Key', 'X-Key'],
      ...['Ocp-Apim-Subscription-Key', 'X-Functions-Key', 'X-RapidAPI-Key', 'X-Auth-Key', 'X-Appwrite-Key'],
      ...['Private-Token', 'X-GitLab-Token', 'Job-Token', 'Deploy-Token', 'X-Shopify-Access-Token', 'X-Vault-Token'],
      ...['X-Consul-Token', 'X-Amz-Security-Token', 'X-CSRF-Token', 'X-XSRF-Token', 'X-CSRFToken', 'X-Figma-Token'],
      ...['X-Session-Token', 'X-Session-Id', 'Session', 'X-User-Token', 'DPoP', 'Signature', 'Signature-Input'],
      ...['X-Hub-Signature-256', 'CF-Access-JWT-Assertion', 'CF-Access-Client-Secret', 'X-Goog-IAP-JWT-Assertion'],
      ...['Sudo', 'Impersonate-User', 'Impersonate-Group', 'Impersonate-Extra-Scopes', 'Stripe-Account'],
      ...['X-Remote-User', 'Remote-User', 'X-Remote-Group', 'X-Remote-Extra-Scopes', 'X-WebAuth-User', 'X-User'],
      ...['X-User-Id', 'X-Username', 'X-Authenticated-UserId', 'X-Auth-Request-Email', 'X-MS-Client-Principal-Id'],
      ...[
        'X-Amzn-Oidc-Data',
        'X-Apigateway-Api-Userinfo',
        'Tailscale-User-Login',
        'X-Client-Cert',
        'X-SSL-Client-Cert',
      ],
      ...['Client-Cert', 'X-Credential', 'X-Password', 'X-Client-Secret', 'X-Honeycomb-Team', 'X-Tableau-Auth'],
    ]
    for (const name of names)
      expect([...safeHeaders({ [name]: 'x' }, { headers: undefined, processor: bearer() })], name).toEqual([])
  })

  it('ORG-09 gets no header that makes the server read a second resource, unless the credential lists it', () => {
    const names = [
      ...[
        'X-Amz-Copy-Source',
        'X-Amz-Copy-Source-Range',
        'X-Goog-Copy-Source',
        'X-Ms-Copy-Source',
        'X_Amz_Copy_Source',
      ],
      ...['X-Ms-Rename-Source', 'X-Amz-Rename-Source', 'X-Copy-From', 'X-Copy-From-Account', 'X-Oss-Copy-Source'],
    ]
    for (const name of names) {
      const given = { [name]: '/other/secret' }
      expect([...safeHeaders(given, { headers: undefined, processor: bearer() })], name).toEqual([])
      const { headers } = parseRules('a', { origins: ['https://a.example'], processor: bearer(), headers: [name] })
      expect([...safeHeaders(given, { headers, processor: bearer() }).keys()], name).toEqual([name.toLowerCase()])
    }
  })

  it('ORG-10 gets no header that reroutes or frames a request', () => {
    const names = [
      ...[
        'Host',
        'Forwarded',
        'X-Forwarded',
        'X-Forwarded-Host',
        'X-Forwarded-For',
        'X-Forwarded-Prefix',
        'X-Forward-For',
      ],
      ...[
        'X-Original-URL',
        'X-Original-URI',
        'X-Original-Host',
        'X-Original-Method',
        'X-Original-Path',
        'X-MS-Original-URL',
      ],
      ...['X-Rewrite-Url', 'X-Rewrite-URI', 'X-Override-URL', 'X-Request-URI', 'X-Envoy-Original-Path'],
      ...['X-Envoy-External-Address', 'X-Waws-Unencoded-Url', 'X-HTTP-DestinationURL', 'Destination', 'X-URL'],
      ...['X-HTTP-Method-Override', 'HTTP-Method-Override', 'X-Method-Override', 'X-HTTP-Method', 'X-Method'],
      ...['X-Host', 'X-HTTP-Host-Override', 'X-Backend-Host', 'X-Proxy-Url', 'X-Middleware-Subrequest'],
      ...[
        'X-Real-IP',
        'Client-IP',
        'X-Client-IP',
        'True-Client-IP',
        'CF-Connecting-IP',
        'X-Azure-ClientIP',
        'X-Remote-Addr',
      ],
      ...['Front-End-Https', 'X-Scheme', 'X-Url-Scheme', 'Connection', 'TE', 'Content-Length', 'Transfer-Encoding'],
      ...['Upgrade', 'Expect', 'Trailer', 'Keep-Alive', 'HTTP2-Settings', 'Proxy-Authorization', 'Proxy-Connection'],
    ]
    for (const name of names)
      expect([...safeHeaders({ [name]: 'x' }, { headers: undefined, processor: bearer() })], name).toEqual([])
  })

  it('ORG-09, ORG-10 gets the headers that carry neither authority nor a place', () => {
    const names = [
      ...['accept', 'accept-language', 'user-agent', 'content-type', 'content-language'],
      ...['content-encoding', 'content-disposition', 'content-md5', 'digest', 'if-match', 'if-none-match', 'prefer'],
      ...['if-modified-since', 'cache-control', 'date', 'link', 'depth', 'origin', 'referer', 'x-requested-with'],
      ...['idempotency-key', 'x-idempotency-key', 'x-request-id', 'x-correlation-id', 'traceparent', 'tracestate'],
      ...['baggage', 'x-amz-target', 'x-amz-meta-note', 'x-amz-acl', 'x-amz-storage-class', 'x-ms-version'],
      ...['x-amz-server-side-encryption-aws-kms-key-id', 'x-amz-server-side-encryption-customer-key', 'soapaction'],
      ...['x-amz-user-agent', 'x-ms-continuation-token', 'x-next-token', 'x-goog-user-project', 'mcp-session-id'],
      ...['mcp-protocol-version', 'x-github-api-version', 'notion-version', 'anthropic-version', 'openai-organization'],
      ...['stripe-version', 'x-original-filename', 'surrogate-key', 'x-payment-method', 'last-event-id'],
    ]
    const given = Object.fromEntries(names.map((name) => [name, 'x']))
    expect([...safeHeaders(given, { headers: undefined, processor: bearer() }).keys()]).toEqual([...names].sort())
  })

  it('SEC-09 gets no header that asks for a part of a response or for another encoding, unless it is listed', () => {
    const given = { Range: 'bytes=0-2', 'If-Range': '"a"', 'Accept-Charset': 'utf-16' }
    expect([...safeHeaders(given, { headers: undefined, processor: bearer() })]).toEqual([])
    expect([...safeHeaders(given, { headers: ['range'], processor: bearer() }).keys()]).toEqual(['range'])
  })

  it('ORG-09, ORG-10 gets no such header with underscores, which CGI-like servers read as the same name', () => {
    const given = {
      X_HTTP_Method_Override: 'DELETE',
      X_Original_URL: '/admin',
      x_forwarded_host: 'x',
      'X-Forwarded_For': 'x',
      X_Api_Key: 'x',
      x_special: 's',
      'x.http.method.override': 'DELETE',
      'x-http_method.override': 'DELETE',
      my_header: 'm',
    }
    const processor = { ...bearer(), headers: ['authorization', 'x-special'] }
    expect([...safeHeaders(given, { headers: undefined, processor })]).toEqual([['my_header', 'm']])
    expect([
      ...safeHeaders({ 'X-Special': 's' }, { headers: undefined, processor: { ...bearer(), headers: ['x_special'] } }),
    ]).toEqual([])
  })
})
