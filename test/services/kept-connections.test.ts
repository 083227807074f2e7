import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeHandler } from '../../src/http/adapters/node.ts'
import { bindToRequest } from '../../src/http/binding/request-binding.ts'
import { containerOf, serviceWith } from '../http/adapters/routes.ts'
import { type Listening, listen } from '../http/adapters/servers.ts'
import { exchange } from '../http/adapters/socket.ts'
import { freePort } from '../support/free-port.ts'
import { service as caddy } from './caddy.service.ts'
import { service as haproxy } from './haproxy.service.ts'
import { service as nginx } from './nginx.service.ts'
import { launch } from './service.ts'

interface Places {
  readonly folder: string
  readonly port: number
  readonly service: number
}

/** Proxies that send the requests of several clients over one connection, as they arrive. */
const proxies = [
  {
    ...nginx,
    file: ({
      folder,
      port,
      service,
    }: Places) => `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
worker_processes 1;
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((one) => `${one}_temp_path ${folder}/${one};`).join('\n  ')}
  upstream service { server 127.0.0.1:${service}; keepalive 1; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
    }
  }
}
`,
    args: (file: string) => ['-c', file],
  },
  {
    ...caddy,
    file: ({ port, service }: Places) =>
      `{\nadmin off\n}\nhttp://:${port} {\nbind 127.0.0.1\nreverse_proxy 127.0.0.1:${service}\n}\n`,
    args: (file: string) => ['run', '--adapter', 'caddyfile', '--config', file],
  },
  {
    ...haproxy,
    file: ({ port, service }: Places) => `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend clients
  bind 127.0.0.1:${port}
  default_backend service
backend service
  server only 127.0.0.1:${service}
`,
    args: (file: string) => ['-db', '-f', file],
  },
]

const request = (lines: readonly string[], body = '', path = '/mail'): Uint8Array =>
  Buffer.from(`${[`POST ${path} HTTP/1.1`, 'host: a', 'connection: close', ...lines].join('\r\n')}\r\n\r\n${body}`)
const inBody = 'content-type: application/x-ucan-container'
const inChunks = 'transfer-encoding: chunked'
const chunked = (length: number): string => `${length.toString(16)}\r\n${'C'.repeat(length)}\r\n0\r\n\r\n`

const refused: readonly (readonly [title: string, bytes: Uint8Array, status: number])[] = [
  ['a body in chunks that is too long', request([inBody, inChunks], chunked(524_288)), 413],
  ['a body that is announced as too long', request([inBody, 'content-length: 524288'], 'C'.repeat(524_288)), 413],
  ['an unread body without a container', request([inChunks], chunked(524_288)), 401],
  [
    'a body in chunks, too long to be bound',
    request(['x-ucan-container: BAAA', inChunks], chunked(1_200_000), '/bound'),
    413,
  ],
  ['a body that is no container', request([inBody, 'content-length: 4'], 'zzzz'), 400],
]

describe.each(proxies)('$name with kept connections', ({ find, name, file, args }) => {
  let folder: string
  let service: Listening
  let proxy: { readonly port: number; stop(): Promise<void> }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'procura-kept-'))
    const plain = nodeHandler(serviceWith())
    const bound = nodeHandler(serviceWith(), { bind: bindToRequest({ origins: ['http://a'] }) })
    service = await listen(
      createServer((given, response) => void (given.url === '/bound' ? bound : plain)(given, response)),
    )
    const port = await freePort()
    writeFileSync(join(folder, 'configuration'), file({ folder, port, service: service.port }))
    const found = find()
    if (found === undefined) throw new Error(`${name} is missing`)
    const isReady = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/`)).status === 401
    const environment = { HOME: folder }
    proxy = { port, ...(await launch(found, { arguments: args(join(folder, 'configuration')), environment, isReady })) }
  })
  afterAll(async () => {
    await proxy?.stop()
    await service?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it.each(refused)('HTP-48 serves the next client after %s', async (_title, bytes, status) => {
    for (let round = 0; round < 3; round++) {
      expect((await exchange(proxy.port, bytes)).status).toBe(status)
      const next = await exchange(
        proxy.port,
        request([`x-ucan-container: ${await containerOf()}`, 'content-length: 0']),
      )
      expect([next.status, next.body]).toEqual([200, '"done"'])
    }
  })
})
