// node only: starts servers
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { watchConnections } from '../../src/support/watch-connections.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

describe('the connections of a server', () => {
  it('keep no response of a client that left, also of several requests at once', async () => {
    const responses: WeakRef<ServerResponse>[] = []
    const server = createServer((_, response) => void responses.push(new WeakRef(response)))
    watchConnections(server as never)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    try {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
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
  })
})
