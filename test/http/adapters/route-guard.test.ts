// node only: starts servers
import { createServer, request as open, type Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { GuardedCall } from '../../../src/guard/call.ts'
import { expressGuard } from '../../../src/http/adapters/express-guard.ts'
import { containerBodies, fastifyGuard } from '../../../src/http/adapters/fastify.ts'
import { fetchGuard } from '../../../src/http/adapters/fetch.ts'
import { honoGuard } from '../../../src/http/adapters/hono.ts'
import { callOf, type RouteGuardOptions } from '../../../src/http/adapters/route-guard.ts'
import { bindRequest } from '../../../src/http/binding/request-arguments.ts'
import { bindToRequest } from '../../../src/http/binding/request-binding.ts'
import { bearer } from '../../../src/vault/processors/bearer.ts'
import { memoryVault } from '../../../src/vault/stores/memory/memory-vault.ts'
import { freePort } from '../../support/free-port.ts'
import { listenInTest } from '../../support/listen-in-test.ts'
import { agent, ask, bob, bound, container, newGuard, other, owner, self, send } from './guarded.ts'

/** The answer of a handler, in no form of a framework. */
interface Reply {
  readonly status: number
  readonly text: string
  readonly cache?: string
}

type Handle = (call: GuardedCall, body: () => Promise<string>) => Promise<Reply> | Reply

/** Serves `/mail` with a handler behind a guard, by the way of each framework. */
type Serve = (
  guard: ReturnType<typeof newGuard>['guard'],
  options: RouteGuardOptions,
  handle: Handle,
) => Promise<Server>

const frameworks: Readonly<Record<string, Serve>> = {
  async express(guard, options, handle) {
    const app = express()
    app.use(express.raw({ type: 'text/plain' }))
    app.post('/mail', expressGuard(guard, options), async (request, response) => {
      const { status, text, cache } = await handle(callOf(request, options.command), async () => String(request.body))
      if (cache !== undefined) response.set('cache-control', cache)
      response.status(status).send(text)
    })
    app.use((_error: Error, _request: unknown, response: express.Response, _next: unknown) => {
      response.status(500).send('app')
    })
    return createServer(app)
  },
  async fastify(guard, options, handle) {
    const app = Fastify()
    app.removeAllContentTypeParsers()
    await app.register(containerBodies)
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    app.setErrorHandler((_error, _request, reply) => reply.code(500).send('app'))
    app.post('/mail', { preHandler: fastifyGuard(guard, options) }, async (request, reply) => {
      const { status, text, cache } = await handle(callOf(request, options.command), async () => String(request.body))
      if (cache !== undefined) reply.header('cache-control', cache)
      return reply.code(status).send(text)
    })
    onTestFinished(() => app.close())
    await app.ready()
    return app.server
  },
  async hono(guard, options, handle) {
    const app = new Hono()
    app.onError((_error, context) => context.text('app', 500))
    app.post('/mail', honoGuard(guard, options), async (context) => {
      const { status, text, cache } = await handle(callOf(context, options.command), () => context.req.text())
      return new Response(text, { status, headers: cache === undefined ? {} : { 'cache-control': cache } })
    })
    return createAdaptorServer({ fetch: app.fetch }) as Server
  },
  async fetch(guard, options, handle) {
    const route = fetchGuard(guard, options, async (request: Request) => {
      const { status, text, cache } = await handle(callOf(request, options.command), () => request.text())
      return new Response(text, { status, headers: cache === undefined ? {} : { 'cache-control': cache } })
    })
    return createAdaptorServer({ fetch: (request) => route(request) }) as Server
  },
}

describe.each(Object.entries(frameworks))('HTP-60 HTP-61 HTP-62 a guard before a handler of %s', (name, serve) => {
  it('gives it the arguments and a fetch with the credential, and records the outcome', async () => {
    const upstream = await listenInTest(
      createServer((request, response) => response.end(String(request.headers.authorization))),
    )
    const api = `http://127.0.0.1:${upstream}`
    const vault = memoryVault({ mail: { secret: 'canary', processor: bearer(), origins: [api] } })
    const { guard, kinds, outcomes } = newGuard({ vault, commands: [{ ...send, credential: 'mail' }] })
    const handle: Handle = async ({ args: given, fetch, subject }) => {
      const args = given as typeof bob
      const text = JSON.stringify({ to: args.to, subject, upstream: await (await fetch(`${api}/x`)).text() })
      return { status: 200, text }
    }
    const port = await listenInTest(await serve(guard, { command: send }, handle))
    const response = await ask(port, await container())
    expect(response).toMatchObject({ status: 200, mark: 'executed' })
    expect(response.cache).toMatch(/^(?:no-store|private)$/)
    expect(JSON.parse(response.body)).toEqual({ ...bob, subject: owner.did, upstream: 'Bearer [redacted]' })
    await vi.waitUntil(() => outcomes().length === 1)
    expect(kinds()).toEqual(['intent', 'released', 'outcome'])
    expect(outcomes()).toMatchObject([{ status: 'ok' }])
  })

  it('takes a container in the body, and answers the client of an agent', async () => {
    const { guard } = newGuard()
    const port = await listenInTest(
      await serve(guard, { command: send }, ({ args }) => ({ status: 200, text: JSON.stringify(args) })),
    )
    const body = await container()
    const headers = { 'content-type': 'application/x-ucan-container' }
    expect(await ask(port, undefined, { body, headers })).toMatchObject({ status: 200, body: JSON.stringify(bob) })
    const url = `http://127.0.0.1:${port}/mail`
    expect(await agent.call(send, bob, { audience: self.did, url })).toMatchObject({ ok: true })
  })

  it('runs no handler without a call, or for one that is denied, replayed or of another command', async () => {
    const { guard } = newGuard()
    let runs = 0
    const port = await listenInTest(
      await serve(guard, { command: send }, () => ({ status: 201, text: `run ${++runs}` })),
    )
    expect(await ask(port, undefined)).toMatchObject({
      status: 401,
      body: expect.stringContaining('container_missing'),
    })
    expect(await ask(port, 'x')).toMatchObject({ status: 400, mark: 'refused' })
    const denied = await ask(port, await container(send, { to: 'eve@evil.test' }))
    expect(denied).toMatchObject({ status: 403, mark: 'refused', body: expect.stringContaining('policy_unsatisfied') })
    const args = { ...(await bindRequest({ url: `http://127.0.0.1:${port}/mail`, method: 'POST' })) }
    expect(await ask(port, await container(bound as never, args))).toMatchObject({ status: 403, mark: 'refused' })
    expect(runs).toBe(0)
    const sent = await container()
    expect(await ask(port, sent)).toMatchObject({ status: 201, mark: 'executed', body: 'run 1' })
    expect(await ask(port, sent)).toMatchObject({ status: 401, body: expect.stringContaining('replayed') })
    expect(runs).toBe(1)
  })

  it('records a handler that fails, and keeps shared caches out', async () => {
    const { guard, outcomes } = newGuard()
    let isFaulty = true
    const port = await listenInTest(
      await serve(guard, { command: send, onError: () => undefined }, () => {
        if (isFaulty) throw new Error('canary')
        return { status: 200, text: 'x', cache: 'private, max-age=60' }
      }),
    )
    const failed = await ask(port, await container())
    expect(failed).toMatchObject({ status: 500, mark: 'failed' })
    // A function from a request to a response has no page for errors of its own.
    expect(failed.body).toEqual(name === 'fetch' ? expect.stringContaining('handler_failed') : 'app')
    await vi.waitUntil(() => outcomes().length === 1)
    expect(outcomes()).toMatchObject([{ status: 'error' }])
    isFaulty = false
    expect(await ask(port, await container())).toEqual({
      status: 200,
      mark: 'executed',
      cache: 'private, max-age=60',
      body: 'x',
    })
  })

  it('records a client that leaves and a handler that does not end as unknown', async () => {
    const { guard, outcomes } = newGuard({ deadlines: { handlerMs: 300 } })
    let begun = 0
    const late: (() => void)[] = []
    const port = await listenInTest(
      await serve(guard, { command: send, onError: () => undefined }, () => {
        begun += 1
        return new Promise((resolve) => late.push(() => resolve({ status: 200, text: 'late' })))
      }),
    )
    const request = open({ port, path: '/mail', method: 'POST', headers: { 'x-ucan-container': await container() } })
    request.on('error', () => undefined).end()
    await vi.waitUntil(() => begun === 1)
    request.destroy()
    await vi.waitUntil(() => outcomes().length === 1)
    expect(outcomes()).toMatchObject([{ status: 'unknown' }])
    expect(await ask(port, await container())).toMatchObject({ status: 500, mark: 'failed' })
    await vi.waitUntil(() => outcomes().length === 2)
    expect(outcomes()[1]).toMatchObject({ status: 'unknown' })
    // The handler that answers too late harms nobody.
    for (const end of late) end()
    const next = ask(port, await container())
    await vi.waitUntil(() => begun === 3)
    late.at(-1)?.()
    expect(await next).toMatchObject({ status: 200, body: 'late' })
  })

  it('binds a call to its request, whose body the handler still reads', async () => {
    const { guard } = newGuard()
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const server = await serve(
      guard,
      { command: bound, bind: bindToRequest({ origins: [origin] }) },
      async (_, body) => ({
        status: 200,
        text: await body(),
      }),
    )
    await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening))
    onTestFinished(() => void server.close())
    const args = { ...(await bindRequest({ url: `${origin}/mail`, method: 'POST', body: 'text' })) }
    const moved = await container(bound as never, args)
    const headers = { 'content-type': 'text/plain' }
    expect(await ask(port, moved, { body: 'other', headers })).toMatchObject({ status: 403 })
    expect(await ask(port, moved, { body: 'text', headers })).toMatchObject({ status: 200, body: 'text' })
  })

  it('refuses a handler of another command, and options that would fail each call', async () => {
    const { guard } = newGuard()
    const faults: string[] = []
    const app = await serve(guard, { command: send }, (call) => {
      try {
        callOf({}, send)
      } catch (error) {
        faults.push((error as Error).message)
      }
      return { status: 200, text: call.command }
    })
    expect(await ask(await listenInTest(app), await container())).toMatchObject({ body: '/mail/send' })
    expect(faults).toEqual([expect.stringMatching(/no call came with this request; put a guard of `\/mail\/send`/)])
    const make = (options: object) => serve(guard, options as RouteGuardOptions, () => ({ status: 200, text: '' }))
    await expect(make({})).rejects.toThrow(/`command` must be a command definition/)
    await expect(make({ command: { ...send, command: '/mail/sned' } })).rejects.toThrow(/has no handler/)
    for (const more of [{ takes: 'revocations' }, { revocationsAt: '/r' }, { healthAt: '/h' }, { commands: [] }])
      await expect(make({ command: send, ...more })).rejects.toThrow(/Guard/)
  })
})

describe('HTP-61 the headers of a response behind honoGuard', () => {
  it('have those of other middlewares, once, for a result and for a denial', async () => {
    const { guard } = newGuard()
    const app = new Hono()
    app.use(cors({ origin: 'https://app.example' }))
    app.post('/mail', honoGuard(guard, { command: send }), (context) => {
      context.header('set-cookie', 'a=1')
      context.header('set-cookie', 'b=2', { append: true })
      expect(() => callOf(context, other)).toThrow(/is of `\/mail\/send`, and not of `\/mail\/list`/)
      return context.json(callOf(context, send).args)
    })
    const post = async (call: string) =>
      await app.request('/mail', {
        method: 'POST',
        headers: { 'x-ucan-container': call, origin: 'https://app.example' },
      })
    const allowed = await post(await container())
    expect(await allowed.json()).toEqual(bob)
    expect(allowed.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    const denied = await post(await container(send, { to: 'eve@evil.test' }))
    expect(denied.status).toBe(403)
    for (const { headers } of [allowed, denied])
      expect(headers.get('access-control-allow-origin')).toBe('https://app.example')
  })
})
