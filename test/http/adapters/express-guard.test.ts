// node only: starts servers
import { once } from 'node:events'
import { createServer, request as open, type ServerResponse } from 'node:http'
import { connect, createServer as createServer2, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { ArgumentError } from '../../../src/errors.ts'
import type { HandlerOptions } from '../../../src/http/adapters/answer.ts'
import { expressGuard } from '../../../src/http/adapters/express-guard.ts'
import { callOf } from '../../../src/http/adapters/route-guard.ts'
import { bindRequest } from '../../../src/http/binding/request-arguments.ts'
import { bindToRequest } from '../../../src/http/binding/request-binding.ts'
import { bearer } from '../../../src/vault/processors/bearer.ts'
import { memoryVault } from '../../../src/vault/stores/memory/memory-vault.ts'
import { freePort } from '../../support/free-port.ts'
import { listenInTest } from '../../support/listen-in-test.ts'
import { agent, ask, bob, bound, container, newGuard, other, owner, self, send } from './guarded.ts'

/** Listens at a free port until the test ends. */
async function listenAt(server: Http2Server, port = 0): Promise<number> {
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

describe('HTP-60 a guard before a handler of Express', () => {
  it('gives it the arguments and a fetch with the credential, and records the outcome', async () => {
    const upstream = await listenInTest(
      createServer((request, response) => response.end(String(request.headers.authorization))),
    )
    const api = `http://127.0.0.1:${upstream}`
    const vault = memoryVault({ mail: { secret: 'canary', processor: bearer(), origins: [api] } })
    const { guard, outcomes, kinds } = newGuard({ vault, commands: [{ ...send, credential: 'mail' }] })
    const app = express()
    app.post('/mail', expressGuard(guard, { command: send }), async (request, response) => {
      const { args, fetch, subject } = callOf(request, send)
      const to: string = args.to
      response.json({ to, subject, upstream: await (await fetch(`${api}/messages`)).text() })
    })
    const port = await listenInTest(createServer(app))
    const url = `http://127.0.0.1:${port}/mail`
    const result = await agent.call(send, bob, { audience: self.did, url })
    expect(result).toMatchObject({
      ok: true,
      value: { to: 'bob@example.com', subject: owner.did, upstream: 'Bearer [redacted]' },
    })
    await vi.waitUntil(() => outcomes().length === 1)
    expect(kinds()).toEqual(['intent', 'released', 'outcome'])
    expect(outcomes()).toMatchObject([{ status: 'ok' }])
  })

  it('runs no handler without a call, or for one that is denied, replayed or of another command', async () => {
    const { guard } = newGuard()
    let runs = 0
    const app = express()
    app.post('/mail', expressGuard(guard, { command: send }), (_request, response) => response.json({ run: ++runs }))
    const port = await listenInTest(createServer(app))
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
    expect(await ask(port, sent)).toMatchObject({ status: 200, mark: 'executed', cache: 'no-store', body: '{"run":1}' })
    expect(await ask(port, sent)).toMatchObject({ status: 401, body: expect.stringContaining('replayed') })
    expect(runs).toBe(1)
  })

  it('records a handler that fails, one whose client leaves, and one that does not end', async () => {
    const { guard, outcomes } = newGuard({ deadlines: { handlerMs: 300 } })
    const app = express()
    const reported: unknown[] = []
    let left: ServerResponse | undefined
    app.post('/fails', expressGuard(guard, { command: send }), () => {
      throw new Error('canary')
    })
    app.post(
      '/waits',
      expressGuard(guard, { command: send, onError: (error) => reported.push(error) }),
      (_, response) => {
        left = response
      },
    )
    app.use((error: Error, _request: unknown, response: express.Response, _next: unknown) => {
      reported.push(error.message)
      response.status(500).end()
    })
    const port = await listenInTest(createServer(app))
    expect(await ask(port, await container(), {}, '/fails')).toMatchObject({ status: 500, mark: 'failed' })
    await vi.waitUntil(() => outcomes().length === 1)
    expect(outcomes()).toMatchObject([{ status: 'error', code: 'HTTP_500' }])
    expect(reported).toEqual(['canary'])

    const request = open({ port, path: '/waits', method: 'POST', headers: { 'x-ucan-container': await container() } })
    request.on('error', () => undefined).end()
    await vi.waitUntil(() => left !== undefined)
    request.destroy()
    await vi.waitUntil(() => outcomes().length === 2)
    expect(outcomes()[1]).toMatchObject({ status: 'unknown' })
    expect(await ask(port, await container(), {}, '/waits')).toMatchObject({ status: 500, mark: 'failed' })
    await vi.waitUntil(() => outcomes().length === 3)
    expect(outcomes()[2]).toMatchObject({ status: 'unknown' })
    // The handler that answers too late.
    expect(() => left?.end()).not.toThrow()
  })

  it.each<[string, (response: ServerResponse) => unknown, string]>([
    ['nothing', (response) => response.end('x'), 'no-store'],
    [
      'a header',
      (response) => response.setHeader('Cache-Control', 'public, max-age=60').end('x'),
      'private, max-age=60',
    ],
    ['a head', (response) => response.writeHead(200, { 'cache-control': 'public' }).end('x'), 'private'],
    [
      'a head with a list',
      (response) => response.writeHead(200, 'OK', ['Cache-Control', 's-maxage=9']).end('x'),
      'private',
    ],
    ['a mark', (response) => response.writeHead(200, { 'Procura-Answer': 'refused' }).end('x'), 'no-store'],
  ])('keeps shared caches and other marks out where the handler sets %s', async (_, handle, cache) => {
    const { guard } = newGuard()
    const guarding = expressGuard(guard, { command: send })
    const port = await listenInTest(
      createServer((request, response) => void guarding(request, response, () => handle(response))),
    )
    expect(await ask(port, await container())).toEqual({ status: 200, mark: 'executed', cache, body: 'x' })
  })

  it.each<[string, never[]]>([
    ['a flat list', ['set-cookie', 'a=1', 'set-cookie', 'b=2'] as never[]],
    [
      'a list of pairs',
      [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ] as never[],
    ],
    ['an object', { 'set-cookie': ['a=1', 'b=2'] } as never],
  ])('sends the headers that the handler gives with the head, each value of a list included: %s', async (_, head) => {
    const { guard } = newGuard()
    const guarding = expressGuard(guard, { command: send })
    const port = await listenInTest(
      createServer(
        (request, response) =>
          void guarding(request, response, () => {
            response.setHeader('set-cookie', 'before')
            response.writeHead(200, head).end('x')
          }),
      ),
    )
    const headers = { 'x-ucan-container': await container() }
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers })
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  })

  it('binds a call to its request, whose body a parser has read, and serves HTTP/2', async () => {
    const { guard } = newGuard()
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const bind = bindToRequest({ origins: [origin] })
    const app = express()
    const raw = express.raw({ type: '*/*' })
    app.post('/mail', raw, expressGuard(guard, { command: bound, bind }), (request, response) => {
      response.json({ path: callOf(request, bound).args.path, body: String(request.body) })
    })
    const server = createServer(app)
    await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening))
    const args = { ...(await bindRequest({ url: `${origin}/mail`, method: 'POST', body: 'text' })) }
    const moved = await container(bound as never, args)
    expect(await ask(port, moved, { body: 'other' })).toMatchObject({ status: 403 })
    expect(await ask(port, moved, { body: 'text' })).toMatchObject({
      status: 200,
      body: '{"path":"/mail","body":"text"}',
    })
    server.close()

    const guarding = expressGuard(guard, { command: send })
    const server2 = createServer2((request, response) => {
      void guarding(request, response, () => response.end(callOf(request, send).args.to))
    })
    const session = connect(`http://127.0.0.1:${await listenAt(server2)}`)
    const stream = session.request({ ':method': 'POST', ':path': '/', 'x-ucan-container': await container() })
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    expect(headers).toMatchObject({ ':status': 200, 'procura-answer': 'executed', 'cache-control': 'no-store' })
    let text = ''
    for await (const part of stream) text += String(part)
    expect(text).toBe('bob@example.com')
    session.close()
  })

  it('refuses a handler without its guard, and options that would fail each call', async () => {
    const { guard } = newGuard()
    expect(() => callOf({}, send)).toThrow(/no call came with this request; put a guard of `\/mail\/send`/)
    const app = express()
    const guarding = expressGuard(guard, { command: send })
    const faults: string[] = []
    app.post('/mail', guarding, (request, response) => {
      try {
        callOf(request, other)
      } catch (error) {
        faults.push((error as Error).message)
      }
      response.end()
    })
    await ask(await listenInTest(createServer(app)), await container())
    expect(faults).toEqual([expect.stringMatching(/is of `\/mail\/send`, and not of `\/mail\/list`/)])
    const make = (options: object) => () => expressGuard(guard, options as HandlerOptions & { command: typeof send })
    expect(make({})).toThrow(/`command` must be a command definition/)
    expect(make({ command: '/mail/send' })).toThrow(/`command` must be a command definition/)
    expect(make({ command: { ...send, command: '/mail/sned' } })).toThrow(/has no handler|does not know/)
    for (const more of [{ takes: 'revocations' }, { revocationsAt: '/r' }, { healthAt: '/h' }, { commands: [] }])
      expect(make({ command: send, ...more })).toThrow(ArgumentError)
    expect(() => expressGuard({} as never, { command: send })).toThrow(/`guard`/)
  })
})
