// node only: listens on sockets
import type { Server } from 'node:net'
import { ArgumentError } from '../errors.ts'
import { quote } from './quote.ts'

/** A loopback address, with a port or with 0 for any port that is free. */
export interface LoopbackAddress {
  readonly host: string
  readonly port: number
}

/**
 * Starts a server at a loopback address, which no other process can use while it listens.
 *
 * @param option - the option with the address, for the message.
 * @returns the address with the port that is used, as `place` in the form of a URL.
 * @throws ArgumentError as {@link startServer} does.
 */
export async function startAtAddress(
  server: Server,
  { host, port }: LoopbackAddress,
  option: string,
): Promise<{ readonly place: string; readonly port: number }> {
  const shown = host.includes(':') ? `[${host}]` : host
  const start = (): unknown => server.listen({ host, port, exclusive: true })
  await startServer(server, start, `${shown}:${port}`, option)
  const { port: used } = server.address() as { readonly port: number }
  return { place: `${shown}:${used}`, port: used }
}

/**
 * Starts a server.
 *
 * @param place - the path or address, for the message.
 * @throws ArgumentError when it cannot listen there, with the error of the platform as its cause.
 */
export function startServer(server: Server, start: () => unknown, place: string, option: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(new ArgumentError(`cannot listen on ${quote(place, 256)}: ${reasonOf(cause.code, option)}`, { cause })),
    )
    server.once('listening', resolve)
    // A connection that the system cannot accept, for want of memory for example, is lost; the others go on.
    server.on('error', () => undefined)
    start()
  })
}

function reasonOf(code: string | undefined, option: string): string {
  const change = `change ${option}`
  switch (code) {
    case 'EADDRINUSE':
      return `the address is already in use (EADDRINUSE); stop the process that uses it, or ${change}`
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return `this machine does not have the address (${code}); ${change}`
    case 'EACCES':
    case 'EPERM':
      return `permission denied (${code}); ${change}`
    default:
      return `${code ?? 'the server did not start'}; ${change}`
  }
}
