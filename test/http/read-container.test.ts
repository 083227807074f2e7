import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { compressContainer, encodeContainer, encodeContainerBytes } from '../../src/core/container/container.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { readContainer } from '../../src/http/read-container.ts'
import { archive, archiveText } from '../../src/ucanto/archive.ts'
import { delegate as ucantoDelegate } from '../../src/ucanto/delegate.ts'
import { actor } from '../support/actors.ts'
import { guardOptionsFor, mailOptions } from '../support/guard.ts'
import { call, chainOf, service } from '../support/service.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const secret = 'canary-c07d1e55aa90'
const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { note: z.string() } })
const media = 'application/x-ucan-container'
const sink = memoryAuditSink()
let upstream: Upstream
let server: ReturnType<typeof createServer>
let port: number
let ran = 0

beforeAll(async () => {
  upstream = await startUpstream(secret)
  const guard = createGuard({
    ...guardOptionsFor(alice, send),
    ...mailOptions(send, upstream, secret),
    audit: { sink, denials: { perIssuer: 1_000 } },
    receipts: service,
  })
  server = createServer(async (request, response) => {
    const read = await readContainer(request)
    const answer = (status: number, body: object): unknown =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (!read.found) return answer(read.status, { message: read.message })
    try {
      const result = await guard.use(read.container, async (handled) => {
        ran += 1
        return (await handled.fetch(`${upstream.origin}/send`)).status
      })
      if (!result.allowed) return answer(403, { code: result.denial.code })
      return answer(200, { value: result.value, receipt: result.receipt?.cid.toString() })
    } catch (error) {
      return answer(502, { code: (error as { code?: string }).code })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await upstream.close()
})

type Header = readonly [name: string, value: string]
interface Answer {
  readonly status: number
  readonly text: string
}

/** Sends a request exactly as written here: no client drops, joins or sorts headers. */
async function post(headers: readonly Header[], body: string | Uint8Array = ''): Promise<Answer> {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  const lines = ['POST /call HTTP/1.1', 'host: x', 'connection: close', `content-length: ${bytes.length}`]
  const socket = connect(port, '127.0.0.1')
  socket.write(`${[...lines, ...headers.map(([name, value]) => `${name}: ${value}`)].join('\r\n')}\r\n\r\n`)
  socket.write(bytes)
  let text = ''
  try {
    for await (const chunk of socket) text += String(chunk)
  } catch {
    // The server has closed the connection before it read everything; its response is still valid.
  }
  return { status: Number(text.split(' ')[1]), text }
}

async function containerOf(note = ''): Promise<string> {
  return encodeContainer([await call({ issuer: bob, proofs, args: { note } }), ...proofs])
}

/** A container of about so many characters. */
async function containerOfLength(length: number): Promise<string> {
  const shortest = (await containerOf()).length
  return containerOf('x'.repeat(Math.floor(((length - shortest) * 3) / 4)))
}

const asBearer = (container: string): Header => ['Authorization', `Bearer ${container}`]
const asHeader = (container: string): Header => ['X-UCAN-Container', container]
const typed: Header = ['Content-Type', media]

describe('a call over HTTP', () => {
  it('HTP-01 is taken from whichever of the three places it is in', async () => {
    const bytes = encodeContainerBytes([await call({ issuer: bob, proofs, args: { note: 'b' } }), ...proofs])
    const compressed = await compressContainer([await call({ issuer: bob, proofs, args: { note: 'c' } }), ...proofs])
    const requests = [
      post([asBearer(await containerOf())]),
      post([['authorization', `bearer ${await containerOf()}`]]),
      post([asHeader(await containerOf())]),
      post([asHeader(await containerOf()), ['Authorization', 'Basic dTpw']]),
      post([typed], await containerOf()),
      post([['content-type', `${media.toUpperCase()}; charset=utf-8`]], await containerOf()),
      post([typed], bytes),
      post([asBearer(compressed)]),
      post([asBearer(await containerOf()), ['Content-Type', 'application/json']], '{"file":1}'),
    ]
    for (const answer of await Promise.all(requests)) {
      expect(answer.status, answer.text).toBe(200)
      expect(answer.text).toMatch(/"value":200,"receipt":"bafyrei[a-z0-9]+"/)
      expect(answer.text).not.toContain(secret)
    }
  })

  it('HTP-04 is requested by a 401 when it is missing, and not searched for elsewhere', async () => {
    const container = await containerOf()
    const nowhere: readonly (readonly [readonly Header[], string])[] = [
      [[], ''],
      [[], container],
      [[['Cookie', `authorization=${container}`]], ''],
      [[['Authorization', `Basic ${container}`]], ''],
      [[['Authorization', '']], ''],
      [[['Content-Type', 'application/json']], JSON.stringify({ container })],
      [[['Content-Type', 'application/x-www-form-urlencoded']], `access_token=${container}`],
    ]
    for (const [headers, body] of nowhere) {
      const answer = await post(headers, body)
      expect(answer.status).toBe(401)
      for (const place of ['`Authorization: Bearer`', '`X-UCAN-Container`', `a body of \`${media}\``]) {
        expect(answer.text).toContain(place)
      }
    }
    expect((await post([asBearer(container)])).status).toBe(200)
  })

  it('HTP-02 has at most 8,192 characters in a header, and HTP-03 349,529 bytes in a body', async () => {
    const status = async (request: Request): Promise<number> => {
      const reading = await readContainer(request)
      return reading.found ? 200 : reading.status
    }
    const inHeader = (length: number): Request =>
      new Request('https://a.example', { headers: { authorization: `Bearer ${'B'.repeat(length)}` } })
    const inBody = (length: number): Request =>
      new Request('https://a.example', { method: 'POST', headers: { 'content-type': media }, body: 'B'.repeat(length) })
    expect([await status(inHeader(8_192)), await status(inHeader(8_193))]).toEqual([200, 431])
    expect([await status(inBody(349_529)), await status(inBody(349_530))]).toEqual([200, 413])
  })

  it('HTP-02 goes in a header up to 8 KiB, and beyond that as a body, as the response explains [attack 84]', async () => {
    const [short, long, longest] = await Promise.all([8_090, 8_300, 17 * 1_024].map(containerOfLength))
    if (short === undefined || long === undefined || longest === undefined) throw new Error('no containers')
    expect((await post([asBearer(short)])).status).toBe(200)
    for (const place of [asBearer, asHeader]) {
      const answer = await post([place(long)])
      expect(answer.status).toBe(431)
      expect(answer.text).toContain(`longer than 8192 characters; send it as a body of \`${media}\``)
    }
    // The server itself refuses what is longer than all headers may be.
    expect((await post([asBearer(longest)])).status).toBe(431)
    for (const container of [long, longest]) {
      const answer = await post([typed], container)
      expect(answer.status, answer.text).toBe(200)
      expect(answer.text.length).toBeLessThan(1_000)
    }
    const many = Array.from({ length: 500 }, (_, index): Header => [`x-${index}`, 'y'])
    expect((await post([...many, asBearer(await containerOf())])).status).toBe(200)
  })

  it('HTP-03 goes in a body up to the largest container, and no more of it is read [attack 84]', async () => {
    const most = 349_529
    const announced = await post([typed], 'C'.repeat(most + 1))
    expect([announced.status, announced.text.includes(`longer than ${most} bytes`)]).toEqual([413, true])
    expect(await readContainer(requestOf([typed], 'C'.repeat(most + 1)))).toMatchObject({ status: 413 })
    const chunked = await fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      headers: { 'content-type': media },
      body: endless(most + 100_000),
      duplex: 'half',
    } as RequestInit).then(
      ({ status }) => status,
      () => 'closed',
    )
    expect([413, 'closed']).toContain(chunked)
    // Long, and not a container: the guard refuses it.
    expect((await post([typed], 'C'.repeat(most))).status).toBe(403)
    expect((await post([typed, ['Content-Encoding', 'gzip']], 'x')).status).toBe(400)
    expect((await post([typed])).status).toBe(403)
  })

  it('HTP-01 in two places is refused, also the same twice; nothing is done, recorded or used up [attack 85]', async () => {
    const [one, two] = [await containerOf('one'), await containerOf('two')]
    const mixes: readonly (readonly [what: string, headers: readonly Header[], body: string])[] = [
      ['two headers of one name', [asBearer(one), asBearer(two)], ''],
      ['the same header twice', [asBearer(one), asBearer(one)], ''],
      ['two headers of the other name', [asHeader(one), asHeader(two)], ''],
      ['one of each name', [asBearer(one), asHeader(two)], ''],
      ['the same in each name', [asBearer(one), asHeader(one)], ''],
      ['a header and the body', [asBearer(one), typed], two],
      ['the other header and the body', [asHeader(one), typed], two],
      ['the same in a header and the body', [asBearer(one), typed], one],
      ['all three', [asBearer(one), asHeader(two), typed], one],
      ['two joined by a comma', [asBearer(`${one}, ${two}`)], ''],
      ['two joined by a comma in the other header', [asHeader(`${one},${two}`)], ''],
      ['another scheme beside', [['Authorization', 'Basic dTpw'], asBearer(one)], ''],
      ['two types of the body', [typed, ['Content-Type', 'text/plain']], one],
      ['a space within', [asBearer(`${one} ${two}`)], ''],
      ...unclear(one).flatMap(([what, value]): typeof mixes => [
        [`${what}, alone`, [['Authorization', value]], ''],
        [`${what}, and a body`, [['Authorization', value], typed], two],
        [`${what}, and the other header`, [['Authorization', value], asHeader(two)], ''],
      ]),
      ['the other header with underscores', [['X_UCAN_Container', one]], ''],
      ['the other header in two spellings', [['X_UCAN_Container', one], asHeader(two)], ''],
      ['the other header with dots', [['X.UCAN.Container', one], asBearer(two)], ''],
      ['the other header with another mark', [['X~UCAN-Container', one], asBearer(two)], ''],
      ['the other header with underscores, and a body', [['x_ucan-container', one], typed], two],
    ]
    const [before, reached, records] = [ran, upstream.requests.length, sink.records().length]
    for (const [what, headers, body] of mixes) {
      const answer = await post(headers, body)
      expect(answer.status, what).toBe(400)
      for (const sent of [one, two]) expect(answer.text, what).not.toContain(sent.slice(0, 40))
      const reading = await readContainer(requestOf(headers, body))
      expect(reading, what).toMatchObject({ found: false, status: 400 })
    }
    expect([ran, upstream.requests.length, sink.records().length]).toEqual([before, reached, records])
    expect((await post([asBearer(one)])).status).toBe(200)
    expect((await post([asBearer(two)])).status).toBe(200)
  })

  it('HTP-51 is found behind the scheme and any number of spaces, in any case', async () => {
    for (const value of ['Bearer', 'bearer', 'BEARER ', 'bEARER   ']) {
      const answer = await post([['Authorization', `${value} ${await containerOf()}`]])
      expect(answer.status, value).toBe(200)
    }
  })

  it('HTP-08 can be beside another bearer token, if the service permits that', async () => {
    const container = await containerOf()
    const options = { otherBearerTokens: true }
    const read = async (headers: readonly Header[], body = ''): Promise<unknown> => {
      const reading = await readContainer(requestOf(headers, body), options)
      return reading.found ? reading.container : reading.status
    }
    const others = [
      'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIn0.c2ln',
      'v4.public.eyJkYXRhIjoiMSJ9',
      'gho_16C7e42F292c6912E7710c838347Ae178B4a',
      'BQDxOpaque-Token_of_a_music_service',
      'CfDJ8opaque_Token',
      'PopaqueToken==',
      'mF_9.B5f-4.1JqM',
    ]
    for (const other of others) {
      expect(await read([asBearer(other), asHeader(container)]), other).toBe(container)
      expect(await read([asBearer(other), typed], container), other).toBe(container)
      expect(await read([asBearer(other)]), other).toBe(401)
      const strict = await readContainer(requestOf([asBearer(other), asHeader(container)], ''))
      expect(strict, other).toMatchObject({ status: 400 })
    }
    expect(await read([asBearer(container)])).toBe(container)
    for (const wrong of ['yes', 1, null]) {
      const call = readContainer(requestOf([], ''), { otherBearerTokens: wrong as never })
      await expect(call).rejects.toThrow('`otherBearerTokens` must be true or false')
    }
  })

  it('HTP-08 is refused when there are two containers in any form, even if one is malformed [attack 85]', async () => {
    const tokens = [await call({ issuer: bob, proofs, args: { note: 'x'.repeat(400) } }), ...proofs]
    const plain = encodeContainerBytes(tokens).subarray(1)
    const packed = gzipSync(plain)
    const other = await ucantoDelegate({ issuer: alice, audience: bob.did, command: '/mail/send', subject: alice.did })
    const car = await archive(other)
    const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
    const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
    const forms = [
      `C${base64url(plain)}`,
      `B${base64(plain)}`,
      ...['P', 'F'].map((first) => first + base64url(packed)),
      ...['O', 'E'].map((first) => first + base64(packed)),
      archiveText(car),
      `m${base64(car)}`,
      `u${base64url(car)}`,
      base64(car),
      // A lenient reader accepts these as a container, so they count as one.
      `C.${base64url(plain)}`,
      `C${base64url(plain).replace(/^./, '$&~')}`,
      `C${base64url(plain).slice(0, 40)}`,
      `B${base64(plain).replace(/^.{8}/, '$&-')}`,
      `_B${base64(plain)}`,
      `C${base64url(plain).replace(/^.{8}/, '$&+/')}`,
      `P+${base64url(packed)}`,
      `O-${base64(packed)}`,
      `m_${base64(car)}`,
      `C${base64url(Uint8Array.of(0xb8, 1, ...plain.subarray(1)))}`,
      `C${base64url(Uint8Array.of(0xb9, 0, 1, ...plain.subarray(1)))}`,
    ]
    for (const form of forms) {
      for (const options of [{}, { otherBearerTokens: true }]) {
        for (const [headers, body] of [
          [[asBearer(form), asHeader(await containerOf())], ''],
          [[asBearer(form), typed], await containerOf()],
        ] as const) {
          const reading = await readContainer(requestOf(headers, body), options)
          expect(reading, form.slice(0, 20)).toMatchObject({ found: false, status: 400 })
        }
      }
    }
  })

  it('is not read from an invalid request, whose contents the error does not show', async () => {
    const container = await containerOf()
    for (const wrong of [container, undefined, null, { headers: { authorization: `Bearer ${container}` } }]) {
      await expect(readContainer(wrong as never)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message: 'readContainer: `request` must be a Request, or a request of node:http with `rawHeaders`',
      })
    }
    for (const option of ['headerCharacters', 'bodyBytes']) {
      await expect(readContainer(requestOf([], ''), { [option]: '8k' as never })).rejects.toThrow(
        `\`${option}\` must be an integer >= 1`,
      )
    }
  })

  it('is not taken from a body that somebody read before', async () => {
    const read = requestOf([typed], 'C')
    await read.text()
    await expect(readContainer(read)).rejects.toThrow(/was read before; call readContainer before a body parser/)
    const server = createServer(async (request, response) => {
      for await (const _ of request);
      const error = await readContainer(request).catch((thrown: unknown) => thrown)
      response.end(error instanceof Error ? error.message : 'found')
    })
    await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening))
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const answer = await fetch(address, { method: 'POST', body: 'C', headers: { 'content-type': media } })
    expect(await answer.text()).toMatch(/was read before/)
    server.close()
  })

  it('HTP-03 is refused when its body is incomplete', async () => {
    const broken = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('C'))
        controller.error(new Error('reset'))
      },
    })
    expect(await readContainer(requestOf([typed], broken))).toMatchObject({ found: false, status: 400 })
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-type: ${media}\r\ncontent-length: 100\r\n\r\nC`)
    await new Promise((resolve) => setTimeout(resolve, 20))
    socket.destroy()
    expect((await post([asBearer(await containerOf())])).status).toBe(200)
  })

  it('is refused by the guard with a code that does not reveal a secret [attack 77]', async () => {
    const container = await containerOf()
    expect((await post([asBearer(container)])).status).toBe(200)
    const again = await post([asBearer(container)])
    expect([again.status, again.text.includes('"code":"replayed"')]).toEqual([403, true])
    expect(again.text).not.toContain(secret)
    expect((await post([asBearer('Cabc')])).status).toBe(403)
  })
})

/** Values of `Authorization` in which some readers find a container and others do not. */
function unclear(container: string): readonly (readonly [what: string, value: string])[] {
  return [
    ['a tab behind the scheme', `Bearer\t${container}`],
    ['a tab and a space', `Bearer\t ${container}`],
    ['a space and a tab', `Bearer \t${container}`],
    ['a colon', `Bearer: ${container}`],
    ['an equals sign', `Bearer=${container}`],
    ['no space', `Bearer${container}`],
    ['quotes', `Bearer "${container}"`],
    ['another scheme before it', `Basic x Bearer ${container}`],
    ['another scheme joined to it', `Basic xBearer ${container}`],
    ['the scheme twice', `Bearer Bearer ${container}`],
    ['parameters', `Bearer token="${container}"`],
    ['a semicolon', `Basic dTpw; Bearer ${container}`],
    ['a no-break space', `Bearer\u00a0${container}`],
    ['another case', `x bEaReR ${container}`],
    ['nothing behind the scheme', 'Bearer'],
    ['padding within', `Bearer ${container}=${container}`],
  ]
}

/** The same request for a server that has web requests, in which what came twice was joined. */
function requestOf(headers: readonly Header[], body: string | ReadableStream<Uint8Array>): Request {
  const joined = new Headers()
  for (const [name, value] of headers) joined.append(name, value)
  return new Request('https://mail.example/call', {
    method: 'POST',
    headers: joined,
    ...(body === '' ? {} : { body, duplex: 'half' }),
  } as RequestInit)
}

/** A body without a length. */
function endless(length: number): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream({
    pull(controller) {
      if (sent >= length) return controller.close()
      controller.enqueue(new Uint8Array(65_536).fill(0x43))
      sent += 65_536
    },
  })
}
