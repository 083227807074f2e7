// node only: starts servers
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { watchConnections } from '../../src/support/watch-connections.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const pem = (name: string): Buffer => readFileSync(new URL(`../fixtures/crypto/tls/${name}.pem`, import.meta.url))
const tls = { key: pem('key'), cert: pem('certificate'), allowHTTP1: true }

const servers = {
  http: () => createServer(),
  https: () => createHttpsServer(tls),
  'HTTP/1 in http2': () => createSecureServer(tls),
}

describe('the connections of a server', () => {
  const cases = Object.entries(servers).flatMap(([name, make]) =>
    ['before', 'after'].map((when) => ({ name, make, when })),
  )
  it.each(cases)(
    'keep no response of a client that left: $name, connected $when it is watched',
    async ({ name, make, when }) => {
      const responses: WeakRef<ServerResponse>[] = []
      const server = make()
      server.on('request', (_: unknown, response: ServerResponse) => void responses.push(new WeakRef(response)))
      if (when === 'after') watchConnections(server as never)
      await once(server.listen(0, '127.0.0.1'), 'listening')
      try {
        const { port } = server.address() as AddressInfo
        // A promise of the event would keep the socket, and its responses.
        let accepted = 0
        server.on(name === 'http' ? 'connection' : 'secureConnection', () => void accepted++)
        const socket =
          name === 'http'
            ? connect(port, '127.0.0.1')
            : connectTls({
                port,
                host: '127.0.0.1',
                rejectUnauthorized: false,
                ALPNProtocols: ['http/1.1'],
              })
        await expect.poll(() => accepted).toBe(1)
        if (when === 'before') watchConnections(server as never)
        socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(20))
        await expect.poll(() => responses.length).toBe(20)
        socket.destroy()
        await expect
          .poll(() => {
            collect()
            return responses.filter((response) => response.deref() !== undefined).length
          })
          .toBe(0)
      } finally {
        server.close()
      }
    },
  )
})
