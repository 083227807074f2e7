// node only: listens on sockets
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * A port that nothing listens at, on either loopback address. It lies below the ports that systems choose for
 * connections and for servers without a port of their own (from 32768 or 49152), so that none of these takes it before
 * its test does.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    if ((await isFree('127.0.0.1', port)) && (await isFree('::1', port))) return port
  }
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      // A machine without IPv6 has nobody there.
      else if (host === '::1' && (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT')) resolve(true)
      else reject(error)
    })
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
