// node only: listens on a port

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A network between a client and a server, which can fail. */
export interface Proxy {
  readonly port: number
  /** Ends all connections, and takes no new one. */
  cut(): void
  /** Lets nothing through, and ends nothing. */
  stall(): void
  /** Delays each packet of the server. */
  delay(milliseconds: number): void
  /** Ends each connection that has one when the next answer arrives, instead of delivering it. */
  loseNextAnswer(): void
  /** Lets everything through again. */
  heal(): void
  /** Connects to another server from now on. Connections to the last one stay as they are. */
  target(port: number): void
  close(): Promise<void>
}

/** Listens on a port of its own, and connects to another one. */
export async function proxyTo(port: number): Promise<Proxy> {
  let target = port
  const pairs = new Set<readonly [client: Socket, server: Socket]>()
  let state: 'open' | 'cut' | 'stalled' | 'losing' = 'open'
  let delayMs = 0

  function end(pair: readonly [Socket, Socket]): void {
    pairs.delete(pair)
    for (const socket of pair) socket.destroy()
  }

  const proxy = createServer((client) => {
    if (state === 'cut') {
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
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')

  const all = (): readonly Socket[] => [...pairs].flat()
  return {
    port: (proxy.address() as AddressInfo).port,
    cut() {
      state = 'cut'
      for (const pair of pairs) end(pair)
    },
    stall() {
      state = 'stalled'
      for (const socket of all()) socket.pause()
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
    },
    target(other) {
      target = other
    },
    async close() {
      for (const pair of pairs) end(pair)
      proxy.close()
      await once(proxy, 'close')
    },
  }
}
