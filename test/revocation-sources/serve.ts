import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'

/** A server on this machine. */
export interface Served {
  readonly url: string
  /** Breaks every open connection. */
  cut(): void
  close(): Promise<void>
}

async function listen(server: Server): Promise<Served> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/revocations`,
    cut: () => server.closeAllConnections(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Serves a handler of the Fetch API. */
export function serveFetch(handler: (request: Request) => Promise<Response>): Promise<Served> {
  return listen(
    createServer(async (incoming, outgoing) => {
      const ended = new AbortController()
      outgoing.on('close', () => ended.abort())
      const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
        method: incoming.method ?? 'GET',
        headers: incoming.headers as Record<string, string>,
        signal: ended.signal,
        ...(incoming.method === 'POST' && { body: Readable.toWeb(incoming), duplex: 'half' }),
      } as RequestInit)
      const response = await handler(request)
      outgoing.writeHead(response.status, Object.fromEntries(response.headers))
      outgoing.flushHeaders()
      const reader = response.body?.getReader()
      ended.signal.addEventListener('abort', () => void reader?.cancel().catch(() => undefined))
      try {
        for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
          if (!outgoing.write(part.value)) await new Promise((resolve) => outgoing.once('drain', resolve))
        }
        outgoing.end()
      } catch {
        outgoing.destroy()
      }
    }),
  )
}

/** Serves event streams that a test writes by hand. The headers are sent first. */
export function serveStream(
  task: (outgoing: ServerResponse, lastEventId: string | undefined) => void,
): Promise<Served> {
  return listen(
    createServer((incoming, outgoing) => {
      outgoing.on('error', () => undefined)
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
      outgoing.flushHeaders()
      task(outgoing, incoming.headers['last-event-id'] as string | undefined)
    }),
  )
}
