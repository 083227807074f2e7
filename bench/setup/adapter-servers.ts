/**
 * Servers of each framework, on which a request is not checked, checked as a JWT, or taken by a service. All answer
 * with the same JSON.
 *
 * @module
 */

import { createServer, type Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { jwtVerify } from 'jose'
import { expressHandler } from 'procura/http/express'
import { fastifyHandler } from 'procura/http/fastify'
import { fetchHandler } from 'procura/http/fetch'
import { honoHandler } from 'procura/http/hono'
import { nodeHandler } from 'procura/http/node'
import type { Service } from 'procura/service'

/** A service, or a check of the value of `Authorization`. Rejects when the value is refused. */
export type Check = Service | ((authorization: string | undefined) => Promise<void> | undefined)

/** The answer of all servers. */
export const answer: { readonly ok: boolean } = { ok: true }

/** Checks nothing. */
export const noCheck = (): undefined => undefined

/** Checks a JWT as middleware does. */
export function jwtCheck(key: CryptoKey): Check {
  return async (authorization) => {
    await jwtVerify(authorization?.replace('Bearer ', '') ?? '', key, { issuer: 'issuer', audience: 'service' })
  }
}

/** Makes a server that does not listen yet. */
export const frameworks: Readonly<Record<string, (check: Check) => Promise<Server> | Server>> = {
  'node:http': (check) => {
    if (typeof check !== 'function') return createServer(nodeHandler(check))
    return createServer(async (request, response) => {
      await check(request.headers.authorization)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(answer))
    })
  },
  fetch: (check) => {
    if (typeof check !== 'function') return createAdaptorServer({ fetch: fetchHandler(check) }) as Server
    const fetch = async (request: Request): Promise<Response> => {
      await check(request.headers.get('authorization') ?? undefined)
      return Response.json(answer)
    }
    return createAdaptorServer({ fetch }) as Server
  },
  hono: (check) => {
    const app = new Hono()
    if (typeof check !== 'function') app.post('/', honoHandler(check))
    else {
      app.post('/', async (c) => {
        await check(c.req.header('authorization'))
        return c.json(answer)
      })
    }
    return createAdaptorServer({ fetch: app.fetch }) as Server
  },
  express: (check) => {
    const app = express()
    if (typeof check !== 'function') app.post('/', expressHandler(check))
    else {
      app.post('/', async (request, response) => {
        await check(request.headers.authorization)
        response.json(answer)
      })
    }
    return createServer(app)
  },
  fastify: async (check) => {
    const app = Fastify()
    if (typeof check !== 'function') app.post('/', fastifyHandler(check))
    else {
      app.post('/', async (request) => {
        await check(request.headers.authorization)
        return answer
      })
    }
    await app.ready()
    return app.server
  },
}
