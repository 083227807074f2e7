import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An upstream service on this machine that demands a bearer key and remembers what it was sent. */
export interface Upstream {
  readonly origin: string
  readonly requests: {
    readonly method: string
    readonly path: string
    readonly authorization: string | undefined
    readonly body: string
  }[]
  close(): Promise<void>
}

/** Starts it. */
export async function startUpstream(key: string): Promise<Upstream> {
  const requests: Upstream['requests'] = []
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '' } = request
    const { authorization } = request.headers
    requests.push({ method, path, authorization, body: await read(request) })
    if (path === '/hang') return
    const known = authorization === `Bearer ${key}`
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ ok: known, echo: authorization }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => void server.close(() => resolve()))
    },
  }
}

async function read(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}
