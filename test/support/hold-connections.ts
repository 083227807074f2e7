import { connect, type Socket } from 'node:net'

/** Opens connections to a port of this machine, one after another, and sends nothing. */
export async function holdConnections(port: number, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = []
  for (let at = 0; at < count; at++) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    await new Promise((resolve) => socket.once('connect', resolve))
    sockets.push(socket)
  }
  return sockets
}
