// node only: listens on a port

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A network between a client and a server, which can fail. */
export interface Proxy {
  readonly port: number
  /** How many connections clients have opened. */
  readonly accepted: number
  /** Ends all connections, and takes no new one. */
  cut(): void
  /** Lets nothing through, and ends nothing. */
  stall(): void
  /** Lets nothing through on the connections that there are, for ever. New ones work. */
  forget(): void
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

/** Listens on a port of its own, at an address of this machine, and connects to another port. */
export async function proxyTo(port: number, address = '127.0.0.1'): Promise<Proxy> {
  let target = port
  const pairs = new Set<readonly [client: Socket, server: Socket]>()
  const forgotten = new Set<readonly [client: Socket, server: Socket]>()
  let state: 'open' | 'cut' | 'stalled' | 'losing' = 'open'
  let delayMs = 0

  function end(pair: readonly [Socket, Socket]): void {
    pairs.delete(pair)
    forgotten.delete(pair)
    for (const socket of pair) socket.destroy()
  }

  let accepted = 0
  const proxy = createServer((client) => {
    accepted += 1
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
  proxy.listen(0, address)
  await once(proxy, 'listening')

  const all = (): readonly Socket[] => [...pairs].flat()
  return {
    port: (proxy.address() as AddressInfo).port,
    get accepted() {
      return accepted
    },
    cut() {
      state = 'cut'
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
