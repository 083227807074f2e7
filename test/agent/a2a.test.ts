import { describe, expect, it } from 'vitest'
import { a2aInterceptor } from '../../src/agent/frameworks/a2a-client.ts'
import {
  type A2aPart,
  type A2aSendRequest,
  messageArguments,
  messageDigest,
} from '../../src/agent/frameworks/a2a-message.ts'
import { guardedExecutor } from '../../src/agent/frameworks/a2a-server.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/authorization/memory-stores.ts'
import { defineCommand } from '../../src/capability/definition.ts'
import { delegate } from '../../src/delegation/delegate.ts'
import { AuthorizationError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { actor } from '../support/actors.ts'

const [owner, signer, service] = [await actor('owner'), await actor('agent'), await actor('service')]
const command = defineCommand({ command: '/agent/ask', args: messageArguments() })
const assistant = await openAgent({
  signer,
  delegations: [await delegate({ issuer: owner, audience: signer.did, command })],
})
const guard = createGuard({
  ...memoryStores(),
  audience: service.did,
  subjects: [owner.did],
  commands: [command],
  audit: { sink: memoryAuditSink() },
})
const interceptor = a2aInterceptor(assistant, { command, audience: service.did })

const request = {
  message: {
    ...{ messageId: 'm', contextId: 'c', taskId: 't', role: 1, extensions: ['e'], referenceTaskIds: ['r'] },
    parts: [
      { content: { $case: 'text', value: 'hello' }, metadata: { a: 0 }, filename: 'f', mediaType: 'text/plain' },
      { content: { $case: 'raw', value: new Uint8Array([1, 2]) }, filename: '', mediaType: '' },
      { content: { $case: 'data', value: { amount: 0, list: [] as unknown[] } } },
    ],
    metadata: { b: '' },
  },
  configuration: { acceptedOutputModes: ['text'], taskPushNotificationConfig: { url: 'https://a.example' } },
  metadata: { c: null },
} satisfies A2aSendRequest

/** Every value in a request, as a path. */
function pathsOf(value: unknown, path: readonly (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [[...path]]
  return Object.entries(value).flatMap(([name, item]) => pathsOf(item, [...path, name]))
}

function changed(path: readonly (string | number)[]): A2aSendRequest {
  const copy = structuredClone(request)
  const place = path.slice(0, -1).reduce<unknown>((at, name) => Reflect.get(Object(at), name), copy)
  const name = path.at(-1) ?? ''
  const value: unknown = Reflect.get(Object(place), name)
  Reflect.set(
    Object(place),
    name,
    value instanceof Uint8Array ? new Uint8Array([1, 3]) : typeof value === 'number' ? 2 : `${value}x`,
  )
  return copy
}

describe('AGT-26 the digest of a message', () => {
  it.each(pathsOf(request).map((path) => [path.join('.'), path] as const))('depends on %s', async (_name, path) => {
    expect(await messageDigest(changed(path))).not.toBe(await messageDigest(request))
  })

  it('does not mix up fields, kinds of parts or their limits', async () => {
    const withParts = (...parts: A2aPart[]) => messageDigest({ message: { messageId: '', parts } })
    const text = (value: string, more = {}) => ({ content: { $case: 'text', value }, ...more })
    const all = await Promise.all([
      withParts(),
      withParts({}),
      withParts(text('')),
      withParts(text('ab')),
      withParts(text('a'), text('b')),
      withParts(text('a', { filename: 'b' })),
      withParts(text('a', { mediaType: 'b' })),
      withParts(text('a', { metadata: { b: '' } })),
      withParts({ content: { $case: 'url', value: 'ab' } }),
      withParts({ content: { $case: 'data', value: 'ab' } }),
      messageDigest({ message: { messageId: 'ab', parts: [] } }),
      messageDigest({ message: { messageId: '', contextId: 'ab', parts: [] } }),
      messageDigest({ message: { messageId: '', taskId: 'ab', parts: [] } }),
      messageDigest({ message: { messageId: '', parts: [] }, metadata: { ab: '' } }),
    ])
    expect(new Set(all).size).toBe(all.length)
  })

  it('does not depend on fields with their default value, nor on the order of names', async () => {
    const message = { messageId: 'm', parts: [{ content: { $case: 'data', value: { a: 1, b: 2 } } }] }
    const full = {
      tenant: 'x',
      message: {
        ...{
          messageId: 'm',
          contextId: '',
          taskId: '',
          role: 0,
          metadata: undefined,
          extensions: [],
          referenceTaskIds: [],
        },
        parts: [
          { content: { $case: 'data', value: { b: 2, a: 1 } }, metadata: undefined, filename: '', mediaType: '' },
        ],
      },
      configuration: { acceptedOutputModes: [], returnImmediately: false, historyLength: undefined },
      metadata: undefined,
    }
    expect(await messageDigest(full)).toBe(await messageDigest({ message }))
  })
})

/** Sends a message through both sides, with a change in between. */
async function send(
  sent: A2aSendRequest,
  change: (headers: Record<string, string>) => object = (headers) => headers,
  task?: object,
) {
  const args: Parameters<typeof interceptor.before>[0] = { input: { method: 'sendMessage', value: sent } }
  await interceptor.before(args)
  const headers = change({ 'x-ucan-container': args.options?.serviceParameters?.['X-UCAN-Container'] ?? '' })
  const [ran, published]: [string[], { kind: string; data: Record<string, unknown> }[]] = [[], []]
  const executor = guardedExecutor(
    guard,
    {
      async execute({ taskId }, bus: { publish(event: never): void }, { invoker }) {
        ran.push(invoker)
        bus.publish({ kind: 'task', data: { id: taskId, metadata: { own: 1 } } } as never)
      },
      async cancelTask() {},
    },
    { command },
  )
  const message = {
    ...sent.message,
    messageId: sent.message?.messageId ?? '',
    parts: sent.message?.parts ?? [],
    taskId: 'task',
    contextId: sent.message?.contextId || 'new',
  }
  const context = {
    ...{ request: { ...sent, message }, taskId: 'task', contextId: message.contextId },
    ...(task && { task }),
    context: { state: new Map([['headers', headers]]) },
  }
  await executor.execute(context, { publish: (event) => void published.push(event) })
  return { ran, published }
}

const plain: A2aSendRequest = { message: { messageId: 'm', parts: [] } }

describe('a guarded executor', () => {
  it('AGT-26 runs a message as it was signed, with the ids that the server gives it', async () => {
    const { ran, published } = await send(plain)
    expect(ran).toEqual([assistant.did])
    expect(published.map(({ data }) => data['metadata'])).toEqual([{ own: 1, 'xyz.ucan/caller': assistant.did }])
    expect((await send({ message: { messageId: 'm', parts: [], contextId: 'c' } })).ran).toHaveLength(1)
  })

  it.each([
    ['none', () => ({})],
    ['an inherited one', (headers: object) => Object.create(headers) as object],
    ['a list', (headers: Record<string, string>) => ({ 'x-ucan-container': Object.values(headers) })],
    [
      'two',
      (headers: Record<string, string>) => ({
        'x-ucan-container': Object.values(headers)
          .flatMap((one) => [one, one])
          .join(', '),
      }),
    ],
  ])('[attack 94] AGT-26 refuses a message with %s in the place of its container', async (_kind, change) => {
    const { ran, published } = await send(plain, change)
    expect(ran).toEqual([])
    expect(published.map(({ kind }) => kind)).toEqual(['message'])
  })

  it.each([
    ['another agent', { metadata: { 'xyz.ucan/caller': owner.did } }],
    ['nobody', {}],
    ['another name', { metadata: Object.create({ 'xyz.ucan/caller': signer.did }) as object }],
  ])(
    '[attack 94] AGT-27 refuses a message for a task of %s, and AGT-28 does not change the task',
    async (_owner, task) => {
      const { ran, published } = await send({ message: { messageId: 'm', parts: [], taskId: 'task' } }, undefined, task)
      expect(ran).toEqual([])
      expect(published.map(({ kind, data }) => [kind, data['taskId']])).toEqual([['message', '']])
    },
  )

  it('AGT-27 runs a message for a task of the same agent', async () => {
    const task = { metadata: { 'xyz.ucan/caller': signer.did } }
    expect((await send({ message: { messageId: 'm', parts: [], taskId: 'task' } }, undefined, task)).ran).toHaveLength(
      1,
    )
  })
})

describe('a2aInterceptor', () => {
  it('signs no other method, and throws the reason of a refusal', async () => {
    const args = { input: { method: 'getTask', value: {} } }
    await interceptor.before(args)
    expect(args).not.toHaveProperty('options')
    const empty = a2aInterceptor(await openAgent({ signer }), { command, audience: service.did })
    const sending = empty.before({ input: { method: 'sendMessage', value: plain } })
    await expect(sending).rejects.toThrow(AuthorizationError)
    const absent = a2aInterceptor(() => undefined, { command, audience: service.did })
    await expect(absent.before({ input: { method: 'sendMessageStream', value: plain } })).rejects.toThrow(
      /no authority/,
    )
  })

  it('refuses a command that is not bound to messages', () => {
    const other = defineCommand({ command: '/a', args: {} })
    expect(() => a2aInterceptor(assistant, { command: other, audience: service.did })).toThrow(/messageArguments/)
    expect(() =>
      guardedExecutor(guard, { execute: async () => {}, cancelTask: async () => {} }, { command: other }),
    ).toThrow(/messageArguments/)
  })
})
