import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { freePort } from '../support/free-port.ts'
import { permission, serve, type TestServer, vaultError } from '../vault/support.ts'
import { service } from './nginx.service.ts'
import { launch } from './service.ts'

const prefix = '/v1/public'
const paths = ['..', '.', '...'].flatMap((dots) =>
  ['', ';', '%3b', '%3B', '%3bx=1', ';x=1', '%20', '%09', '%00', '%20;', '%3f', '%23', '%253b', '%2f', '%5c', '%0d%0a']
    .map((end) => `${prefix}/${dots}${end}/admin`)
    .concat(`${prefix}/${dots}%3b`),
)
let folder: string
let backEnd: TestServer
let proxy: { readonly port: number; stop(): Promise<void> }
let vault: Vault

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-nginx-'))
  // takes parameters off before it looks for dot segments, as servlet containers do
  backEnd = await serve(({ url, headers }, response) => {
    const path = decodeURIComponent(url).replaceAll(/;[^/]*/g, '')
    const { pathname } = new URL(path, 'http://h')
    response.writeHead(200).end(headers.authorization === 'Bearer canary' ? pathname : 'nobody')
  })
  const port = await freePort()
  const configuration = `
    daemon off;
    pid ${folder}/pid;
    error_log ${folder}/error.log;
    events {}
    http {
      access_log off;
      client_body_temp_path ${folder}/body;
      proxy_temp_path ${folder}/proxy;
      fastcgi_temp_path ${folder}/fastcgi;
      uwsgi_temp_path ${folder}/uwsgi;
      scgi_temp_path ${folder}/scgi;
      server {
        listen 127.0.0.1:${port};
        location /v1/ { proxy_pass ${backEnd.origin}/v1/; }
      }
    }`
  writeFileSync(join(folder, 'nginx.conf'), configuration)
  const isReady = async (): Promise<boolean> => (await raw(port, '/')).length > 0
  const found = service.find()
  if (found === undefined) throw new Error('nginx is missing')
  proxy = { port, ...(await launch(found, { arguments: ['-c', join(folder, 'nginx.conf')], isReady })) }
  const origins = [`http://127.0.0.1:${port}`]
  vault = memoryVault({ api: { secret: 'canary', origins, processor: bearer(), pathPrefix: prefix } })
})
afterAll(async () => {
  await proxy?.stop()
  await backEnd?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The response to a path exactly as written here, with the credential. */
function raw(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: 'Bearer canary' }
    request({ host: '127.0.0.1', port, path, headers }, (response) => resolve(text(response)))
      .on('error', reject)
      .end()
  })
}

describe('nginx before a server that strips parameters', () => {
  it('is led out of a prefix by an encoded semicolon at the beginning of a segment', async () => {
    expect(await raw(proxy.port, `${prefix}/..%3b/admin`)).toBe('/v1/admin')
  })

  it('ORG-07 is sent nothing that leaves the prefix', async () => {
    const outcomes = new Set<string>()
    for (const path of paths) {
      const url = `http://127.0.0.1:${proxy.port}${path}`
      const served = await vault.use({ reference: 'api', authorization: permission(), url }).then(
        (response) => response.text(),
        (error: unknown) => error,
      )
      if (typeof served !== 'string') expect(served, path).toMatchObject(vaultError('ERR_VAULT_ORIGIN_REFUSED'))
      else expect(served, path).toMatch(/^\/v1\/public(?:\/|$)/)
      outcomes.add(typeof served)
    }
    expect(outcomes).toEqual(new Set(['string', 'object']))
    expect(
      await (
        await vault.use({
          reference: 'api',
          authorization: permission(),
          url: `http://127.0.0.1:${proxy.port}${prefix}/a%3bb`,
        })
      ).text(),
    ).toBe(`${prefix}/a`)
  })
})
