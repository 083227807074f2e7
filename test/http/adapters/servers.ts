// node only: starts servers
/**
 * The same routes on a server of each framework.
 *
 * @module
 */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import type { HandlerOptions } from '../../../src/http/adapters/answer.ts'
import { expressHandler } from '../../../src/http/adapters/express.ts'
import { containerBodies, fastifyHandler, unreadBodies } from '../../../src/http/adapters/fastify.ts'
import { fetchHandler } from '../../../src/http/adapters/fetch.ts'
import { honoHandler } from '../../../src/http/adapters/hono.ts'
import { nodeHandler } from '../../../src/http/adapters/node.ts'
import type { Service } from '../../../src/service/service.ts'

/** A service at a path. Each server has its own. */
export interface Route {
  readonly service: Service
  readonly options: HandlerOptions
}

/** The routes of one server. */
export type Routes = ReadonlyMap<string, Route>

/** A server that listens. */
export interface Listening {
  readonly port: number
  close(): Promise<void>
}

/** Starts a server of each framework. */
export const frameworks: Readonly<Record<string, (routes: Routes) => Promise<Listening>>> = {
  async fetch(routes) {
    const handlers = new Map([...routes].map(([path, { service, options }]) => [path, fetchHandler(service, options)]))
    const fetch = (request: Request): Promise<Response> | Response =>
      handlers.get(new URL(request.url).pathname)?.(request) ?? new Response('no route', { status: 404 })
    return listen(createAdaptorServer({ fetch }) as Server)
  },
  async hono(routes) {
    const app = new Hono()
    for (const [path, { service, options }] of routes) app.all(path, honoHandler(service, options))
    return listen(createAdaptorServer({ fetch: app.fetch }) as Server)
  },
  async express(routes) {
    const app = express()
    app.disable('x-powered-by')
    app.use(express.json())
    for (const [path, { service, options }] of routes) app.all(path, expressHandler(service, options))
    return listen(createServer(app))
  },
  async fastify(routes) {
    const app = Fastify()
    await app.register([...routes.values()].some(({ options }) => options.bind) ? unreadBodies : containerBodies)
    for (const [url, { service, options }] of routes) {
      app.route({ method: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'], url, handler: fastifyHandler(service, options) })
    }
    await app.listen({ port: 0, host: '127.0.0.1' })
    return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
  },
  async node(routes) {
    const handlers = new Map([...routes].map(([path, { service, options }]) => [path, nodeHandler(service, options)]))
    const server = createServer((request, response) => {
      const handler = handlers.get(request.url?.split('?')[0] ?? '')
      if (handler === undefined) response.writeHead(404).end('no route')
      else void handler(request, response)
    })
    return listen(server)
  },
}

/** Starts a server with one handler for every path. */
export type Mount = (service: Service, options: HandlerOptions) => Promise<Listening>

/** One handler for every path, in each framework. */
export const mounts: Readonly<Record<string, Mount>> = {
  node: (service, options) => listen(createServer(nodeHandler(service, options))),
  fetch: (service, options) => listen(createAdaptorServer({ fetch: fetchHandler(service, options) }) as Server),
  hono: (service, options) =>
    listen(createAdaptorServer({ fetch: new Hono().all('*', honoHandler(service, options)).fetch }) as Server),
  // Mounted: Express takes the path of the mount away.
  express: (service, options) => listen(createServer(express().use('/api', expressHandler(service, options)))),
  async fastify(service, options) {
    const app = Fastify()
    app.register(containerBodies)
    app.all('/*', fastifyHandler(service, options))
    await app.listen({ port: 0, host: '127.0.0.1' })
    return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
  },
}

/** Listens on a free port of this machine. */
export async function listen(server: Server): Promise<Listening> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => void server.close(() => resolve()))
    },
  }
}
