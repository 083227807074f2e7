// node only: listens on a port

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { freePort } from '../support/free-port.ts'

/** A network between a client and a server, which can fail. */
export interface Proxy {
  readonly port: number
  /** How many connections clients have opened. */
  readonly accepted: number
  /** Ends all connections, and refuses new ones. */
  cut(): void
  /** Ends all connections, and each new one as soon as it is accepted, as a load balancer without a server does. */
  hangUp(): void
  /** Lets nothing through, and ends nothing. */
  stall(): void
  /** Lets nothing through on the connections that there are, for ever. New ones work. */
  forget(): void
  /** Delays each packet of the server. */
  delay(milliseconds: number): void
  /** Ends each connection that has one when the next answer arrives, instead of delivering it. */
  loseNextAnswer(): void
  /** Lets everything through again, and accepts connections at the same port. */
  heal(): void
  /** Connects to another server from now on. Connections to the last one stay as they are. */
  target(port: number): void
  close(): Promise<void>
}

/** Listens on a port of its own, at an address of this machine, and connects to another port. */
export async function proxyTo(port: number, address = '127.0.0.1'): Promise<Proxy> {
  let target = port
  const pairs = new Set<readonly [client: Socket, server: Socket]>()
  const forgotten = new Set<readonly [client: Socket, server: Socket]>()
  let state: 'open' | 'hungUp' | 'stalled' | 'losing' = 'open'
  let delayMs = 0

  function end(pair: readonly [Socket, Socket]): void {
    pairs.delete(pair)
    forgotten.delete(pair)
    for (const socket of pair) socket.destroy()
  }

  let accepted = 0
  const proxy = createServer((client) => {
    accepted += 1
    if (state === 'hungUp') {
      client.destroy()
      return
    }
    const server = connect(target, '127.0.0.1')
    const pair = [client, server] as const
    pairs.add(pair)
    for (const socket of pair) {
      socket.setNoDelay(true)
      socket.on('error', () => end(pair)).on('close', () => end(pair))
      if (state === 'stalled') socket.pause()
    }
    client.on('data', (data) => server.write(data))
    server.on('data', (data) => {
      if (state === 'losing') {
        state = 'open'
        end(pair)
      } else if (delayMs > 0) setTimeout(() => client.write(data), delayMs)
      else client.write(data)
    })
  })
  // Of the ports below those that connections get, so that none takes it while `cut` has closed the listener.
  const ownPort = await freePort()
  const listen = () => proxy.listen(ownPort, address)
  await once(listen(), 'listening')

  const all = (): readonly Socket[] => [...pairs].flat()
  return {
    port: ownPort,
    get accepted() {
      return accepted
    },
    cut() {
      proxy.close()
      for (const pair of pairs) end(pair)
    },
    hangUp() {
      state = 'hungUp'
      for (const pair of pairs) end(pair)
    },
    stall() {
      state = 'stalled'
      for (const socket of all()) socket.pause()
    },
    forget() {
      for (const pair of pairs) {
        for (const socket of pair) socket.removeAllListeners('data').pause()
        forgotten.add(pair)
        pairs.delete(pair)
      }
    },
    delay(milliseconds) {
      delayMs = milliseconds
    },
    loseNextAnswer() {
      state = 'losing'
    },
    heal() {
      state = 'open'
      delayMs = 0
      for (const socket of all()) socket.resume()
      if (!proxy.listening) listen()
    },
    target(other) {
      target = other
    },
    async close() {
      for (const pair of [...pairs, ...forgotten]) end(pair)
      proxy.close()
      await once(proxy, 'close')
    },
  }
}
