import { describe, expect, it } from 'vitest'
import { a2aInterceptor } from '../../src/agent/frameworks/a2a-client.ts'
import type { A2aRequestContext, GuardedExecutor } from '../../src/agent/frameworks/a2a-context.ts'
import type { A2aExecutor } from '../../src/agent/frameworks/a2a-executor.ts'
import {
  type A2aMessage,
  type A2aPart,
  type A2aSendRequest,
  messageArguments,
  messageDigest,
} from '../../src/agent/frameworks/a2a-message.ts'
import { guardedRequestHandler } from '../../src/agent/frameworks/a2a-server.ts'
import { taskArguments } from '../../src/agent/frameworks/a2a-task.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { boolean, optional } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { AuthorizationError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { actor } from '../support/actors.ts'
import { present } from '../support/present.ts'

const [owner, signer, service] = [await actor('owner'), await actor('agent'), await actor('service')]
const command = defineCommand({ command: '/agent/ask', args: messageArguments() })
const manage = defineCommand({ command: '/agent/tasks', args: taskArguments() })
const assistant = await openAgent({
  signer,
  delegations: [
    await delegate({ issuer: owner, audience: signer.did, command }),
    await delegate({ issuer: owner, audience: signer.did, command: manage }),
  ],
})
const guard = createGuard({
  ...memoryStores(),
  audience: service.did,
  subjects: [owner.did],
  commands: [command, manage],
  audit: { sink: memoryAuditSink() },
})
const interceptor = a2aInterceptor(assistant, { command, tasks: manage, audience: service.did })

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

/** A handler as that of the SDK: it stores before it asks the executor. */
function setUp(
  change: {
    readonly executor?: Executor
    readonly guard?: typeof guard
    readonly tasks?: Record<string, object>
    readonly options?: object
    readonly beforeCancel?: () => Promise<void>
  } = {},
) {
  const ran: string[] = []
  const errors: unknown[] = []
  const published: { kind: string; data: Record<string, unknown> }[] = []
  const tasks = new Map<string, object>(Object.entries(change.tasks ?? {}))
  const users: unknown[] = []
  const bus = {
    publish(event: never) {
      const { kind, data } = event as (typeof published)[number]
      published.push({ kind, data })
      if (kind === 'task') tasks.set(String(data['id']), data)
    },
  }
  const executor: Executor = change.executor ?? {
    async execute({ taskId }, to, { invoker }) {
      ran.push(invoker)
      to.publish({ kind: 'task', data: { id: taskId, metadata: { own: 1 } } } as never)
    },
    async cancelTask() {},
  }
  const unused = async () => undefined
  async function begin(guarded: Guarded, params: A2aSendRequest, context: Context): Promise<unknown> {
    const id = params.message?.taskId || 'new'
    users.push(Object(context).user)
    const task = tasks.get(id)
    tasks.set('touched', {})
    const message = { ...params.message, taskId: id, contextId: params.message?.contextId || 'c' } as A2aMessage
    const common = { taskId: id, contextId: message.contextId ?? '', ...(task && { task }), context }
    await guarded.execute({ request: { ...params, message }, ...common }, bus)
    return tasks.get(id)
  }
  const handler = guardedRequestHandler(change.guard ?? guard, executor, {
    command,
    onError: (error: unknown) => void errors.push(error),
    ...present({ tasks: manage, ...change.options }),
    handler: (guarded: Guarded) => ({
      getAgentCard: async () => 'card',
      sendMessage: (params: A2aSendRequest, context: Context) => begin(guarded, params, context),
      async *sendMessageStream(params: A2aSendRequest, context: Context) {
        yield await begin(guarded, params, context)
      },
      async getTask({ id }: { id: string }, context: Context) {
        users.push(Object(context).user)
        if (!tasks.has(id)) throw Object.assign(new Error('no'), { name: 'TaskNotFoundError' })
        return tasks.get(id)
      },
      listTasks: async (_params: object, _context: Context) => ({ tasks: [...tasks.values()] }),
      async cancelTask({ id }: { id: string }, _context: Context) {
        await change.beforeCancel?.()
        await guarded.cancelTask(id, bus)
        return tasks.get(id)
      },
      async *resubscribe(_params: object, _context: Context) {
        yield 1
      },
      ...{ createTaskPushNotificationConfig: unused, getTaskPushNotificationConfig: unused },
      ...{ listTaskPushNotificationConfigs: unused, deleteTaskPushNotificationConfig: unused },
      getAuthenticatedExtendedAgentCard: unused,
    }),
  })
  return { handler, ran, errors, published, tasks, users }
}

type Context = A2aRequestContext['context']
type Bus = { publish(event: never): void }
type Executor = A2aExecutor<A2aRequestContext, Bus>
type Guarded = GuardedExecutor<A2aRequestContext, Bus>
type Change = (headers: Record<string, string>) => object

/** The context of a request of the assistant, whose headers can be changed. */
async function contextOf(method: string, value: unknown, change: Change = (headers) => headers): Promise<Context> {
  const args: Parameters<typeof interceptor.before>[0] = { input: { method, value } }
  await interceptor.before(args)
  const headers = change({ 'x-ucan-container': args.options?.serviceParameters?.['X-UCAN-Container'] ?? '' })
  return { state: new Map([['headers', headers]]) }
}

/** Sends a message through both sides, with a change in between. */
async function send(sent: A2aSendRequest, change?: Change, tasks: Record<string, object> = {}) {
  const all = setUp({ tasks })
  const answer = await all.handler.sendMessage(sent, await contextOf('sendMessage', sent, change))
  return { ...all, answer }
}

const plain: A2aSendRequest = { message: { messageId: 'm', parts: [] } }
const forTask: A2aSendRequest = { message: { messageId: 'm', parts: [], taskId: 'task' } }
const mine = { metadata: { 'xyz.ucan/caller': signer.did } }
const theirs = { metadata: { 'xyz.ucan/caller': owner.did } }

describe('a guarded request handler', () => {
  it('[attack 94] AGT-26 refuses a declared argument that the message does not determine', async () => {
    const urgent = defineCommand({
      command: '/agent/ask',
      args: { ...messageArguments(), urgent: optional(boolean()) },
    })
    const ask = async (signed: boolean | undefined, determined: boolean | undefined): Promise<number> => {
      const optionsOf = (value: boolean | undefined): object =>
        value === undefined ? {} : { argumentsOf: () => ({ urgent: value }) }
      const sign = a2aInterceptor(assistant, { command: urgent, audience: service.did, ...optionsOf(signed) })
      const args: Parameters<typeof sign.before>[0] = { input: { method: 'sendMessage', value: plain } }
      await sign.before(args)
      const container = args.options?.serviceParameters?.['X-UCAN-Container'] ?? ''
      const { handler, ran } = setUp({
        guard: createGuard({
          ...memoryStores(),
          ...{ audience: service.did, subjects: [owner.did], commands: [urgent, manage] },
          audit: { sink: memoryAuditSink() },
        }),
        options: { command: urgent, ...optionsOf(determined) },
      })
      await handler.sendMessage(plain, { state: new Map([['headers', { 'x-ucan-container': container }]]) })
      return ran.length
    }
    expect([await ask(undefined, undefined), await ask(true, true)]).toEqual([1, 1])
    expect([await ask(true, undefined), await ask(undefined, true), await ask(true, false)]).toEqual([0, 0, 0])
  })

  it('AGT-26 runs a message as it was signed, for its caller as the user', async () => {
    const { ran, published, users } = await send(plain)
    expect(ran).toEqual([assistant.did])
    expect(users).toEqual([{ isAuthenticated: true, userName: assistant.did }])
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
    const { ran, answer, tasks } = await send(plain, change)
    expect([ran, [...tasks]]).toEqual([[], []])
    expect(answer).toMatchObject({ role: 2, metadata: { 'xyz.ucan/container.denial': { code: expect.any(String) } } })
  })

  it.each([
    ['another agent', { task: theirs }],
    ['nobody', { task: {} }],
    ['another name', { task: { metadata: Object.create({ 'xyz.ucan/caller': signer.did }) as object } }],
    ['no agent, because it does not exist', {}],
  ])(
    '[attack 94] AGT-27 refuses a message for a task of %s, and AGT-28 does not reach the handler',
    async (_owner, tasks) => {
      const { ran, answer, ...all } = await send(forTask, undefined, tasks)
      expect(ran).toEqual([])
      expect(answer).toMatchObject({ taskId: '', metadata: { 'xyz.ucan/container.denial': { requirement: 'AGT-27' } } })
      expect(all.tasks.has('touched')).toBe(false)
    },
  )

  it('AGT-27 runs a message for a task of the same agent, and refuses one that refers to a task of another', async () => {
    expect((await send(forTask, undefined, { task: mine })).ran).toHaveLength(1)
    const referring = (id: string) => ({ message: { messageId: 'm', parts: [], referenceTaskIds: ['task', id] } })
    expect((await send(referring('task'), undefined, { task: mine })).ran).toHaveLength(1)
    const { ran, tasks } = await send(referring('other'), undefined, { task: mine, other: theirs })
    expect([ran, tasks.has('touched')]).toEqual([[], false])
  })

  it('AGT-33 ends the task of an executor that fails for its caller, without the message of the error', async () => {
    const executor: Executor = {
      execute: () => Promise.reject(new Error('canary-of-the-executor')),
      async cancelTask() {},
    }
    const { handler, errors, published, tasks } = setUp({ executor })
    await handler.sendMessage(plain, await contextOf('sendMessage', plain))
    expect(tasks.get('new')).toMatchObject(mine)
    expect(published.map(({ data }) => Object(data['status']).state)).toEqual([1, 4])
    expect(JSON.stringify(published)).not.toContain('canary')
    await expect.poll(() => errors.map(String)).toContain('Error: canary-of-the-executor')
  })

  it('runs no executor for a context that did not pass the guard', async () => {
    let inner: Guarded | undefined
    const executor: Executor = { async execute() {}, async cancelTask() {} }
    guardedRequestHandler(guard, executor, {
      command,
      handler: (guarded: Guarded) => {
        inner = guarded
        return { sendMessage: async () => undefined } as never
      },
    })
    const context = await contextOf('sendMessage', plain)
    const given = { request: plain, taskId: 't', contextId: 'c', context }
    await expect(inner?.execute(given, { publish: () => undefined })).rejects.toThrow(/did not pass the guard/)
  })

  it('ends the call of a stream that nobody reads', async () => {
    const { handler, ran } = setUp()
    const stream = handler.sendMessageStream(plain, await contextOf('sendMessageStream', plain))
    await stream.return(undefined)
    expect(ran).toEqual([])
    const read = handler.sendMessageStream(plain, await contextOf('sendMessageStream', plain))
    for await (const task of read) expect(task).toMatchObject(mine)
    expect(ran).toHaveLength(1)
  })
})

describe('requests about tasks', () => {
  const request = { id: 'task', tenant: '' }

  it('AGT-31 need a call for this method, this task and these parameters', async () => {
    const { handler } = setUp({ tasks: { task: mine, other: mine } })
    const get = async (value: object, method = 'getTask') => handler.getTask(request, await contextOf(method, value))
    expect(await get(request)).toEqual(mine)
    await expect(get({ id: 'other' })).rejects.toThrow(/Denied \(request_mismatch\)/)
    await expect(get(request, 'cancelTask')).rejects.toThrow(/`method`/)
    await expect(get({ ...request, historyLength: 1 })).rejects.toThrow(/`request`/)
    await expect(handler.getTask(request, { state: new Map() })).rejects.toThrow(/without a signed invocation/)
    expect(await handler.getAgentCard()).toBe('card')
  })

  it('AGT-31 are refused by a server without a command for them', async () => {
    const { handler } = setUp({ options: { tasks: undefined }, tasks: { task: mine } })
    await expect(handler.getTask(request, await contextOf('getTask', request))).rejects.toThrow(/command_unknown/)
  })

  it('AGT-32 answer only about tasks of their caller', async () => {
    const { handler } = setUp({ tasks: { task: mine, other: theirs } })
    const params = { id: 'other' }
    await expect(handler.getTask(params, await contextOf('getTask', params))).rejects.toThrow(/another caller/)
    await expect(handler.cancelTask(params, await contextOf('cancelTask', params))).rejects.toThrow(/another caller/)
    const stream = handler.resubscribe(params, await contextOf('resubscribeTask', params))
    await expect(stream.next()).rejects.toThrow(/another caller/)
    await expect(handler.listTasks({}, await contextOf('listTasks', {}))).rejects.toThrow(/keeps users apart/)
    const apart = setUp({ tasks: { task: mine } })
    expect(await apart.handler.listTasks({}, await contextOf('listTasks', {}))).toEqual({ tasks: [mine] })
  })

  it('AGT-32 are refused with an id that is missing, empty or not a string', async () => {
    // A store that makes a text of an id would answer.
    const { handler } = setUp({ tasks: { '': theirs, '7': theirs, undefined: theirs } })
    const getTask = handler.getTask as (params: object, context: Context) => Promise<unknown>
    for (const params of [{}, { id: '' }, { id: 7 }, { id: ['7'] }]) {
      const context = await contextOf('getTask', params)
      await expect(getTask(params, context), JSON.stringify(params)).rejects.toThrow(/another caller/)
    }
  })

  it('AGT-32 keep the caller of a task that is cancelled', async () => {
    const executor: Executor = {
      async execute() {},
      async cancelTask(id, bus) {
        bus.publish({ kind: 'task', data: { id } } as never)
      },
    }
    const { handler } = setUp({ executor, tasks: { task: mine } })
    expect(await handler.cancelTask(request, await contextOf('cancelTask', request))).toMatchObject(mine)
  })

  it('AGT-32 keep the caller of a task that is cancelled twice at the same time', async () => {
    const release: (() => void)[] = []
    const executor: Executor = {
      async execute() {},
      async cancelTask(id, bus) {
        bus.publish({ kind: 'task', data: { id } } as never)
      },
    }
    const beforeCancel = () => new Promise<void>((resolve) => void release.push(resolve))
    const { handler, published } = setUp({ executor, tasks: { task: mine }, beforeCancel })
    const contexts = [await contextOf('cancelTask', request), await contextOf('cancelTask', request)]
    const cancelled = contexts.map((context) => handler.cancelTask(request, context))
    await expect.poll(() => release).toHaveLength(2)
    release[0]?.()
    await Promise.race(cancelled)
    release[1]?.()
    await Promise.all(cancelled)
    expect(published.map(({ data }) => Object(data['metadata'])['xyz.ucan/caller'])).toEqual([signer.did, signer.did])
  })
})

describe('a2aInterceptor', () => {
  it('signs no other method without `tasks`, and throws the reason of a refusal', async () => {
    const args = { input: { method: 'getTask', value: {} } }
    await a2aInterceptor(assistant, { command, audience: service.did }).before(args)
    expect(args).not.toHaveProperty('options')
    const unknown = { input: { method: 'toString', value: {} } }
    await interceptor.before(unknown)
    expect(unknown).not.toHaveProperty('options')
    const empty = a2aInterceptor(await openAgent({ signer }), { command, audience: service.did })
    const sending = empty.before({ input: { method: 'sendMessage', value: plain } })
    await expect(sending).rejects.toThrow(AuthorizationError)
    for (const none of [() => undefined, (() => null) as never]) {
      const absent = a2aInterceptor(none, { command, audience: service.did })
      const before = absent.before({ input: { method: 'sendMessageStream', value: plain } })
      await expect(before).rejects.toThrow(/no authority/)
    }
  })

  it('refuses a command that is not bound to messages', () => {
    const other = defineCommand({ command: '/a', args: {} })
    expect(() => a2aInterceptor(assistant, { command: other, audience: service.did })).toThrow(/messageArguments/)
    expect(() => a2aInterceptor(assistant, { command, tasks: other, audience: service.did })).toThrow(/taskArguments/)
    expect(() => setUp({ options: { command: other } })).toThrow(/messageArguments/)
    expect(() => setUp({ options: { tasks: other } })).toThrow(/taskArguments/)
  })
})
