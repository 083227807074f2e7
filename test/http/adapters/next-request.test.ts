import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bindToRequest } from '../../../src/http/binding/request-binding.ts'
import type { CallSurroundings } from '../../../src/service/on.ts'
import { containerOf, serviceWith } from './routes.ts'
import { frameworks, type Listening } from './servers.ts'

/** Sends the head of a request and a part of its body. */
const request = (path: string, lines: readonly string[], body = ''): Uint8Array =>
  Buffer.from(`${[`POST ${path} HTTP/1.1`, 'host: service.example', ...lines].join('\r\n')}\r\n\r\n${body}`, 'latin1')

const chunked = (length: number): string => `${length.toString(16)}\r\n${'C'.repeat(length)}\r\n0\r\n\r\n`
const inBody = 'content-type: application/x-ucan-container'
const inChunks = 'transfer-encoding: chunked'
const junk = 'x-ucan-container: BAAA'

/** Requests that are not taken, or whose body is not read whole, with their status. */
const firsts: readonly (readonly [title: string, bytes: () => Promise<Uint8Array>, status: number])[] = [
  ['a body in chunks that is too long', async () => request('/mail', [inBody, inChunks], chunked(524_288)), 413],
  [
    'a body that is announced as too long',
    async () => request('/mail', [inBody, 'content-length: 524288'], 'C'.repeat(524_288)),
    413,
  ],
  ['an unread body without a container', async () => request('/mail', [inChunks], chunked(524_288)), 401],
  [
    'an unread body behind a container that is malformed',
    async () => request('/mail', [junk, inChunks], chunked(524_288)),
    400,
  ],
  ['a body in chunks, too long to be bound', async () => request('/bound', [junk, inChunks], chunked(1_200_000)), 413],
  [
    'a body of which the handler has read a part',
    async () => request('/part', [`x-ucan-container: ${await containerOf()}`, inChunks], chunked(524_288)),
    200,
  ],
  [
    'a body of which the handler reads a part after the response has begun',
    async () => request('/late', [`x-ucan-container: ${await containerOf()}`, inChunks], chunked(524_288)),
    200,
  ],
]

/** Reads a part of the body, and leaves the rest. */
async function readPart(_: unknown, { request: given }: CallSurroundings): Promise<string> {
  await given?.body?.getReader().read()
  return 'a part'
}

/** The same while the response streams. */
function readLate(_: unknown, surroundings: CallSurroundings): Response {
  let count = 0
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      count += 1
      if (count === 2) await readPart(_, surroundings)
      if (count > 2) controller.close()
      else controller.enqueue(new TextEncoder().encode('part'))
    },
  })
  return new Response(body)
}

interface Answers {
  /** The statuses of the responses, in order. */
  readonly statuses: readonly number[]
  /** Whether one announced the end of the connection. */
  readonly isLast: boolean
}

/** Sends two requests on a connection, the second after the whole response to the first. */
async function askTwice(port: number, first: Uint8Array, second: Uint8Array): Promise<Answers> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  let isClosed = false
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    isClosed = true
  })
  const answers = (): Answers => ({
    statuses: [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status)),
    isLast: /\r\nconnection: close\r\n/i.test(received),
  })
  socket.write(first)
  await expect.poll(() => isClosed || isWhole(received)).toBe(true)
  if (!isClosed) socket.write(second)
  await expect.poll(() => isClosed || answers().statuses.length > 1).toBe(true)
  socket.destroy()
  return answers()
}

function isWhole(response: string): boolean {
  const [head = '', ...rest] = response.split('\r\n\r\n')
  if (rest.length === 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  return length === undefined ? response.endsWith('0\r\n\r\n') : rest.join('\r\n\r\n').length >= Number(length)
}

describe.each(Object.entries(frameworks))('the next request of a connection: %s', (_, start) => {
  let server: Listening
  beforeAll(async () => {
    const bind = bindToRequest({ origins: ['https://service.example'] })
    server = await start(
      new Map([
        ['/mail', { service: serviceWith(), options: {} }],
        ['/part', { service: serviceWith(readPart as never), options: {} }],
        ['/late', { service: serviceWith(readLate as never), options: {} }],
        // In Fastify a server with `bind` reads no body.
        ['/bound', { service: serviceWith(), options: { bind } }],
      ]),
    )
  })
  afterAll(() => server.close())

  it.each(firsts)('HTP-48 is answered, or the connection is closed, after %s', async (title, first, status) => {
    const second = request('/mail', [`x-ucan-container: ${await containerOf()}`, 'content-length: 0'])
    const { statuses, isLast } = await askTwice(server.port, await first(), second)
    expect(statuses[0]).toBe(status)
    expect(statuses[1]).toBe(statuses.length > 1 ? 200 : undefined)
    expect(statuses.length > 1 || isLast || title.includes('handler')).toBe(true)
  })
})
