import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../../src/core/authorization/replay-store.ts'
import { memoryRevocationStore } from '../../../src/core/revocation/memory-revocation-store.ts'
import { expressHandler } from '../../../src/http/adapters/express.ts'
import { containerBodies, fastifyHandler, unreadBodies } from '../../../src/http/adapters/fastify.ts'
import { fetchHandler } from '../../../src/http/adapters/fetch.ts'
import { honoHandler } from '../../../src/http/adapters/hono.ts'
import { on } from '../../../src/service/on.ts'
import { createService, type Service } from '../../../src/service/service.ts'
import { clock } from '../../support/actors.ts'
import { service as self } from '../../support/service.ts'
import { alice, containerOf, send } from './routes.ts'
import { type Listening, listen } from './servers.ts'

/** A service whose handler returns the body of the request, or nothing of it. */
function echo(reads = true): Service {
  return createService({
    audience: self.did,
    subjects: [alice.did],
    handlers: [on(send, async (_call, { request }) => (reads ? { body: await request?.text() } : 'done'))],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    audit: { sink: memoryAuditSink() },
    clock,
  })
}

type Start = (service: Service, onError: (error: unknown) => void) => Promise<Listening>

const inExpress =
  (...parsers: readonly unknown[]): Start =>
  async (service, onError) => {
    const app = express()
    for (const parser of parsers) app.use(parser as never)
    app.post('/', expressHandler(service, { onError }))
    return listen(createServer(app))
  }

const inFastify =
  (plugin: typeof containerBodies): Start =>
  async (service, onError) => {
    const app = Fastify()
    await app.register(plugin)
    app.post('/', fastifyHandler(service, { onError }))
    await app.listen({ port: 0, host: '127.0.0.1' })
    return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
  }

const inHono: Start = async (service, onError) => {
  const app = new Hono()
  app.use(async (c, next) => {
    await c.req.text()
    await next()
  })
  app.post('/', honoHandler(service, { onError }))
  return listen(createAdaptorServer({ fetch: app.fetch }) as never)
}

const lost = 'TypeError: a parser of the framework has read the body of the request, and kept no bytes; make the route'

describe('HTP-20 the body of the request for a handler', () => {
  it.each<readonly [string, Start, string, string, string]>([
    ['Express without a parser', inExpress(), 'application/json', '{"a":1}', '{"a":1}'],
    ['Express with express.json', inExpress(express.json()), 'application/json', '{"a":1}', lost],
    ['Express with express.json, of another type', inExpress(express.json()), 'text/csv', 'a,b', 'a,b'],
    ['Express with express.raw', inExpress(express.raw({ type: '*/*' })), 'text/csv', 'ä,b', 'ä,b'],
    ['Express with express.text', inExpress(express.text({ type: '*/*' })), 'text/csv', 'ä,b', 'ä,b'],
    ['Fastify with its parser of JSON', inFastify(containerBodies), 'application/json', '{"a":1}', lost],
    ['Fastify with its parser of text', inFastify(containerBodies), 'text/plain', 'ä,b', 'ä,b'],
    ['Fastify with unreadBodies', inFastify(unreadBodies), 'application/json', '{"a":1}', '{"a":1}'],
    ['Hono after c.req.text', inHono, 'application/json', '{"a":1}', '{"a":1}'],
  ])('is the one that was sent, or its loss is an error: %s', async (_title, start, type, body, expected) => {
    for (const reads of [true, false]) {
      const errors: unknown[] = []
      const server = await start(echo(reads), (error) => void errors.push(error))
      try {
        const headers = { 'x-ucan-container': await containerOf(), 'content-type': type }
        const response = await fetch(`http://127.0.0.1:${server.port}/`, { method: 'POST', headers, body })
        const answer: unknown = await response.json()
        if (reads && expected === lost) {
          expect(answer).toEqual({ title: 'The call failed', status: 500, code: 'handler_failed' })
          expect(errors.map(String)).toEqual([expect.stringContaining(lost)])
        } else expect([answer, errors]).toEqual([reads ? { body: expected } : 'done', []])
      } finally {
        await server.close()
      }
    }
  })

  it('is an error where a server of `Request` has read it, and none of a GET whose binding has read it', async () => {
    const headers = { 'x-ucan-container': await containerOf() }
    const used = new Request('https://service.example/', { method: 'POST', headers, body: '{"a":1}' })
    await used.text()
    const errors: unknown[] = []
    expect((await fetchHandler(echo(), { onError: (error) => void errors.push(error) })(used)).status).toBe(500)
    expect(errors).toEqual([expect.any(TypeError)])

    const bind = { read: async () => ({ bound: true, args: { to: 'bob' }, body: new Uint8Array(0) }) }
    for (const method of ['GET', 'HEAD']) {
      const request = new Request('https://service.example/', {
        method,
        headers: { 'x-ucan-container': await containerOf() },
      })
      const response = await fetchHandler(echo(), { bind: bind as never })(request)
      expect([response.status, await response.json()]).toEqual([200, { body: '' }])
    }
  })

  it('is empty if it was the container', async () => {
    for (const start of [inExpress(), inExpress(express.json()), inFastify(containerBodies), inFastify(unreadBodies)]) {
      const server = await start(echo(), () => undefined)
      try {
        const headers = { 'content-type': 'application/x-ucan-container' }
        const body = await containerOf()
        const response = await fetch(`http://127.0.0.1:${server.port}/`, { method: 'POST', headers, body })
        expect(await response.json()).toEqual({ body: '' })
      } finally {
        await server.close()
      }
    }
  })
})
