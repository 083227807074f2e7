/**
 * Readers of HTTP.
 *
 * @module
 */

import { delegate } from '../../../src/core/delegation/delegate.ts'
import { invoke } from '../../../src/core/invocation/invoke.ts'
import { ArgumentError } from '../../../src/errors.ts'
import { createCallSender } from '../../../src/http/call-sender.ts'
import { readContainer } from '../../../src/http/read-container.ts'
import { actor } from '../../support/actors.ts'
import { audience, hostileContainer } from '../containers.ts'
import { mutateText } from '../mutate.ts'
import type { Random } from '../random.ts'
import { type Reader, reader } from '../reader.ts'

const names = [
  'authorization',
  'Authorization',
  'x-ucan-container',
  'X_UCAN_Container',
  'content-type',
  'content-length',
  'content-encoding',
  'cookie',
]
const values = [
  'application/x-ucan-container',
  'Bearer Cabc',
  'Bearer',
  'gzip',
  '3',
  '-1',
  '1e9',
  'a, b',
  'text/plain; x=y',
]

interface Sent {
  readonly headers: readonly string[]
  readonly body: readonly (string | Uint8Array)[]
}

function hostileRequest(random: Random): Sent {
  const container = hostileContainer(random)
  const text = typeof container === 'string' ? container : Buffer.from(container).toString('base64')
  const headers: string[] = []
  if (random.once(2)) headers.push('Authorization', `Bearer ${text.slice(0, 9_000)}`)
  if (random.once(3)) headers.push('content-type', 'application/x-ucan-container')
  for (let more = random.below(3); more > 0; more--)
    headers.push(random.pick(names), random.once(2) ? random.pick(values) : mutateText(random.pick(values), random))
  const chunks = Array.from({ length: random.below(4) }, (_, at) =>
    random.once(3) ? 'x'.repeat(at) : Buffer.from(text.slice(0, 40_000)),
  )
  return { headers, body: chunks }
}

const alice = await actor('alice')
const grant = await delegate({ issuer: alice, audience: audience, command: '/mail' })
const call = await invoke({ issuer: alice, audience, command: '/mail/send' })

/** All of them. */
export const httpReaders: readonly Reader[] = [
  reader({
    of: 'http readContainer',
    input: hostileRequest,
    read: ({ headers, body }) =>
      readContainer({
        rawHeaders: headers,
        async *[Symbol.asyncIterator]() {
          yield* body
        },
      }),
    errors: [],
  }),
  reader({
    of: 'http readContainer, of the web',
    input: hostileRequest,
    read: ({ headers, body }) => {
      const request = new Headers()
      for (let at = 0; at < headers.length; at += 2) {
        try {
          request.append(headers[at] as string, headers[at + 1] as string)
        } catch {
          // The platform refuses it before it is a request.
        }
      }
      const bytes = Buffer.concat(body.map((chunk) => Buffer.from(chunk)))
      return readContainer(new Request('https://example.com', { method: 'POST', headers: request, body: bytes }))
    },
    errors: [],
  }),
  reader({
    of: 'http createCallSender',
    input: (random) => ({
      status: random.pick([200, 400, 401, 403, 413, 500, 510]),
      body: mutateText('{"code":"proof_missing","prf":["bafy"]}', random),
    }),
    read: async ({ status, body }) => {
      const answering = createCallSender({ fetch: async () => new Response(body, { status }) })
      await answering.send('https://example.com', call, [grant])
      await answering.send('https://example.com', call, [grant])
    },
    errors: [ArgumentError],
  }),
]
