import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Authorizer } from '../../src/core/authorization/authorize.ts'
import { ArgumentError } from '../../src/errors.ts'
import { createCallSender } from '../../src/http/call-sender.ts'
import { denialResponse } from '../../src/http/denial-response.ts'
import { readContainer } from '../../src/http/read-container.ts'
import { actor } from '../support/actors.ts'
import { call, chainOf, createService } from '../support/service.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)

/** A service over HTTP, and for each request it got the place of the container, its length and the answer. */
interface HttpService {
  readonly url: string
  readonly got: { readonly place: 'header' | 'body'; readonly length: number; readonly status: number }[]
  authorizer: Authorizer
}

let server: Server | undefined

afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function startService(authorizer = createService({ rememberProofs: true })): Promise<HttpService> {
  const got: HttpService['got'] = []
  const service = { url: '', got, authorizer }
  server = createServer(async (request, response) => {
    const { status, headers, body } = await answer(request)
    const { authorization } = request.headers
    const length = authorization?.length ?? Number(request.headers['content-length'])
    got.push({ place: authorization === undefined ? 'body' : 'header', length, status })
    response.writeHead(status, headers).end(body)
  })
  async function answer(request: IncomingMessage) {
    const read = await readContainer(request)
    if (!read.found) return { status: read.status, headers: {}, body: read.message }
    const decision = await service.authorizer.authorize(read.container)
    return decision.allowed ? { status: 200, headers: {}, body: 'done' } : denialResponse(decision.denial)
  }
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  service.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return service
}

const invocation = () => call({ issuer: bob, proofs })
const statuses = ({ got }: HttpService): number[] => got.splice(0).map(({ status }) => status)

describe('HTP-06 a sender of calls', () => {
  it('sends the same request again, even if the caller changes its objects between', async () => {
    const url = new URL('https://service.example/calls')
    const headers = new Headers({ 'x-trace': 'first' })
    const body = new TextEncoder().encode('first')
    const sent: string[] = []
    const answers = [200, 510, 200]
    const sender = createCallSender({
      async fetch(target, init) {
        const text = await new Response(init?.body).text()
        sent.push(`${String(target)} ${new Headers(init?.headers).get('x-trace')} ${text}`)
        if (sent.length > 1) {
          url.pathname = '/other'
          headers.set('x-trace', 'other')
          body.fill(0)
        }
        return new Response(null, { status: answers.shift() as number })
      },
    })
    await sender.send('https://service.example/', await invocation(), proofs, { body: 'warm' })
    await sender.send(url, await invocation(), proofs, { headers, body })
    expect(sent.slice(1)).toEqual(Array(2).fill('https://service.example/calls first first'))
  })

  it('sends each delegation to a service once, and again when it is asked for', async () => {
    const service = await startService()
    const sender = createCallSender()
    expect((await sender.send(service.url, await invocation(), proofs)).status).toBe(200)
    expect(await (await sender.send(service.url, await invocation(), proofs)).text()).toBe('done')
    const [first, second] = service.got
    expect(second?.length).toBeLessThan((first?.length ?? 0) - 300)
    expect(statuses(service)).toEqual([200, 200])

    service.authorizer = createService({ rememberProofs: true })
    expect((await sender.send(service.url, await invocation(), proofs)).status).toBe(200)
    expect((await sender.send(service.url, await invocation(), proofs)).status).toBe(200)
    expect(statuses(service)).toEqual([510, 200, 200])
  })

  it('sends everything to a service that remembers nothing', async () => {
    const service = await startService(createService())
    const sender = createCallSender()
    for (let n = 0; n < 5; n++) expect((await sender.send(service.url, await invocation(), proofs)).status).toBe(200)
    expect(statuses(service)).toEqual([200, 510, 200, 510, 200, 200, 200])
  })

  it('takes what was refused for not yet sent, and hands a refusal on', async () => {
    const service = await startService()
    const sender = createCallSender()
    const late = await call({ issuer: bob, proofs, clock: { now: () => 1 } } as never)
    for (let n = 0; n < 2; n++) {
      const response = await sender.send(service.url, late, proofs)
      expect(response.status).toBe(401)
      expect(await response.json()).toMatchObject({ code: 'expired', status: 401 })
    }
    const [first, second] = service.got
    expect(second?.length).toBe(first?.length)
  })

  it('sends what is too long for a header as the body, and a body of its own with it otherwise', async () => {
    const service = await startService()
    const sender = createCallSender({ headerCharacters: 100 })
    expect((await sender.send(service.url, await invocation(), proofs)).status).toBe(200)
    expect(service.got.splice(0)).toMatchObject([{ place: 'body' }])
    const named = { headers: { authorization: 'Bearer other' } }
    expect((await sender.send(service.url, await invocation(), proofs, named)).status).toBe(200)
    expect(service.got.splice(0)).toMatchObject([{ place: 'body' }])
    const request = { headers: { 'content-type': 'text/plain' }, body: 'a letter' }
    await expect(sender.send(service.url, await invocation(), proofs, request)).rejects.toThrow(/too many for a header/)
    expect((await createCallSender().send(service.url, await invocation(), proofs, request)).status).toBe(200)
    expect(service.got.splice(0)).toMatchObject([{ place: 'header' }])
  })

  it('HTP-09 leaves `Authorization` to the caller where the container goes into a header of its own', async () => {
    const seen: Headers[] = []
    const authorizer = createService()
    const fetch = async (url: unknown, init: RequestInit = {}): Promise<Response> => {
      const request = new Request(url as string, init)
      seen.push(request.headers)
      const read = await readContainer(request, { otherBearerTokens: true })
      if (!read.found) return new Response(read.message, { status: read.status })
      return new Response(null, { status: (await authorizer.authorize(read.container)).allowed ? 200 : 403 })
    }
    const headers = { authorization: 'Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln', 'x-ucan-container': 'Cold' }
    for (const headerCharacters of [8_192, 100]) {
      const sender = createCallSender({ fetch, headerCharacters, header: 'x-ucan-container' })
      const answer = await sender.send('https://a.example', await invocation(), proofs, { headers })
      expect(answer.status).toBe(200)
      expect(seen.at(-1)?.get('authorization')).toBe(headers.authorization)
      const plain = createCallSender({ fetch, headerCharacters })
      expect((await plain.send('https://a.example', await invocation(), proofs, { headers })).status).toBe(200)
      expect(seen.at(-1)?.get('authorization')).not.toBe(headers.authorization)
      expect(seen.at(-1)?.has('x-ucan-container')).toBe(false)
    }
  })

  it('follows no redirect, ends with its signal, and names its missing options', async () => {
    const asked: RequestInit[] = []
    const fetch = async (_: unknown, init: RequestInit = {}) => {
      asked.push(init)
      return new Response()
    }
    const sender = createCallSender({ fetch })
    const { signal } = new AbortController()
    await sender.send('https://example.com', await invocation(), proofs, { method: 'PUT', signal })
    expect(asked).toEqual([expect.objectContaining({ method: 'PUT', redirect: 'error', signal })])
    const token = await invocation()
    const wrong: readonly (readonly [() => unknown, string])[] = [
      [() => createCallSender('x' as never), 'options'],
      [() => createCallSender(null as never), 'options'],
      [() => sender.send('/mail', token, proofs), '`url`'],
      [() => sender.send('http://mail.example.com', token, proofs), '`url` is not encrypted; use https:'],
      [() => sender.send('http://10.0.0.1:8080/', token, proofs), '`url` is not encrypted; use https:'],
      [() => sender.send('ftp://mail.example.com', token, proofs), '`url` is not encrypted; use https:'],
      [() => sender.send('https://example.com', token, proofs, null as never), 'options argument of send'],
      [() => sender.send('https://example.com', token, proofs, { headers: { 'a b': 'canary' } }), '`headers`'],
      [() => createCallSender({ fetch: 1 as never }), '`fetch`'],
      [() => createCallSender({ headerCharacters: -1 }), '`headerCharacters`'],
      [() => createCallSender({ header: 'cookie' as never }), '`header`'],
      [() => sender.send('https://example.com', proofs[0] as never, proofs), '`invocation`'],
      [() => sender.send('https://example.com', token, token as never), '`proofs`'],
      [() => sender.send('https://example.com', token, proofs, { body: {} as never }), '`body`'],
    ]
    asked.length = 0
    for (const [attempt, name] of wrong) {
      const error: unknown = await (async () => attempt())().catch((reason: unknown) => reason)
      expect.soft(error, name).toBeInstanceOf(ArgumentError)
      expect.soft(String(error)).toContain(name)
      expect.soft(String(error)).not.toContain('canary')
    }
    expect(asked).toEqual([])
  })

  it('HTP-06 is not sent on by a redirect, of whatever status', async () => {
    const reached: string[] = []
    const elsewhere = createServer((request, response) => {
      reached.push(request.url ?? '')
      response.end()
    })
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`
    let status = 301
    server = createServer((_, response) => response.writeHead(status, { location }).end())
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    for (status of [301, 302, 303, 307, 308]) {
      for (const headerCharacters of [8_192, 10]) {
        const sent = createCallSender({ headerCharacters }).send(url, await invocation(), proofs)
        await expect(sent, String(status)).rejects.toThrow()
      }
    }
    elsewhere.close()
    expect(reached).toEqual([])
  })

  it('remembers a bounded number of services', async () => {
    const lengths: number[] = []
    const fetch = async (_: unknown, { headers }: RequestInit = {}) => {
      lengths.push(new Headers(headers).get('authorization')?.length ?? 0)
      return new Response()
    }
    const sender = createCallSender({ fetch })
    const token = await invocation()
    const send = (n: number) => sender.send(`https://${n}.example`, token, proofs)
    for (let n = 0; n < 257; n++) await send(n)
    await send(256)
    await send(0)
    const [whole] = lengths
    expect(lengths.at(-2)).toBeLessThan(whole ?? 0)
    expect(lengths.at(-1)).toBe(whole)
  })
})
