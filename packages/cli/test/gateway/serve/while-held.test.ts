import { expect, it } from 'vitest'
import { whileHeld } from '../../../src/gateway/serve/while-held.ts'
import type { McpTransport } from '../../../src/gateway/wire/transport/mcp-transport.ts'

/** A client that keeps a log, with a right that can end. */
function held(): {
  readonly log: unknown[]
  readonly raw: McpTransport
  readonly end: (way: 'lost' | 'failed') => void
  readonly wrapped: ReturnType<typeof whileHeld>
} {
  const log: unknown[] = []
  let way: 'held' | 'lost' | 'failed' = 'held'
  const raw: McpTransport = {
    start: async () => undefined,
    close: async () => undefined,
    send: async (message) => void log.push(['to the client', message]),
  }
  const isHeld = async (): Promise<boolean> => {
    if (way === 'failed') throw new Error('the store failed')
    return way === 'held'
  }
  const wrapped = whileHeld(raw, isHeld, () => log.push('lost'))
  wrapped.client.onmessage = (message) => log.push(['from the client', message])
  return {
    ...{ log, raw, wrapped },
    end(next) {
      way = next
    },
  }
}

it.each(['lost', 'failed'] as const)('nothing passes but answers when the right is %s [GTW-75]', async (way) => {
  const { log, raw, end, wrapped } = held()
  const read = { id: 1, method: 'resources/read' }
  const news = { method: 'notifications/message' }
  await raw.onmessage?.(read)
  await wrapped.client.send(news)
  expect(log).toEqual([
    ['from the client', read],
    ['to the client', news],
  ])
  log.length = 0
  end(way)
  await wrapped.client.send(news)
  for (const message of [read, news, [read], { id: 2, method: 'tools/call' }]) await raw.onmessage?.(message)
  await wrapped.client.send({ id: 1, result: {} })
  expect(await wrapped.check()).toBe(false)
  expect(log).toEqual(['lost', ['to the client', { id: 1, result: {} }]])
})

it('the guard alone decides about a call [GTW-75]', async () => {
  const { log, raw, end } = held()
  end('lost')
  const call = { id: 1, method: 'tools/call' }
  await raw.onmessage?.(call)
  await raw.onmessage?.([call])
  expect(log).toEqual([['from the client', call], 'lost'])
})
