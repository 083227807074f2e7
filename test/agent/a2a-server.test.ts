import { describe, expect, it } from 'vitest'
import { a2aInterceptor } from '../../src/agent/frameworks/a2a-client.ts'
import type { A2aRequestContext, GuardedExecutor } from '../../src/agent/frameworks/a2a-context.ts'
import type { A2aExecutor } from '../../src/agent/frameworks/a2a-executor.ts'
import { type A2aSendRequest, messageArguments, messageDigest } from '../../src/agent/frameworks/a2a-message.ts'
import { canWait } from '../../src/agent/frameworks/a2a-refusal.ts'
import { guardedRequestHandler } from '../../src/agent/frameworks/a2a-server.ts'
import { clientMethods, taskArguments, taskValues } from '../../src/agent/frameworks/a2a-task.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { boolean, optional } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { eq } from '../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { ArgumentError, AuthorizationError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { actor } from '../support/actors.ts'

const [owner, signer, service] = [await actor('owner'), await actor('agent'), await actor('service')]
const command = defineCommand({
  command: '/agent/ask',
  args: { ...messageArguments(), urgent: optional(boolean()) },
})
const manage = defineCommand({ command: '/agent/tasks', args: taskArguments() })
const any = await delegate({ issuer: owner, audience: signer.did, command: '/agent' })
const calm = await delegate({
  ...{ issuer: owner, audience: signer.did, command: '/agent/ask' },
  policy: [eq('.urgent', false)],
})
const assistant = await openAgent({ signer, delegations: [any] })
const interceptor = a2aInterceptor(assistant, { command, tasks: manage, audience: service.did })

type Context = A2aRequestContext['context']
type Bus = { publish(event: never): void }
type Executor = A2aExecutor<A2aRequestContext, Bus>
type Guarded = GuardedExecutor<A2aRequestContext, Bus>
interface Event {
  readonly kind: string
  readonly data: Readonly<Record<string, unknown>>
}

/** The context of the SDK, whose methods need their own object as `this`. */
class CallContext {
  readonly #headers: object
  constructor(headers: object) {
    this.#headers = headers
  }
  get state(): ReadonlyMap<string, unknown> {
    return new Map([['headers', this.#headers]])
  }
  names(): string[] {
    return Object.keys(this.#headers)
  }
}

class EventBus {
  readonly #events: Event[] = []
  get events(): readonly Event[] {
    return this.#events
  }
  publish(event: never): void {
    this.#events.push(event)
  }
  count(): number {
    return this.#events.length
  }
}

interface Change {
  readonly execute?: Executor['execute']
  /** As the SDK runs the executor. */
  readonly begin?: (run: () => Promise<void>) => Promise<void>
  readonly stream?: (run: () => Promise<void>) => AsyncGenerator<unknown>
  readonly tasks?: Readonly<Record<string, object>>
  readonly options?: object
  readonly guard?: object
  readonly getTask?: () => Promise<unknown>
  /** The answer of the SDK to a message. */
  readonly answer?: unknown
}

function setUp(change: Change = {}) {
  const sink = memoryAuditSink()
  const guard = createGuard({
    ...memoryStores(),
    ...{ audience: service.did, subjects: [owner.did], commands: [command, manage], audit: { sink } },
  })
  const errors: unknown[] = []
  const called: string[] = []
  const contexts: Context[] = []
  const looked: unknown[] = []
  const bus = new EventBus()
  const tasks: Record<string, object> = { ...change.tasks }
  const executor: Executor = { execute: change.execute ?? (async () => undefined), async cancelTask() {} }
  const other = (name: string) => async (_params: object, context: Context) => {
    called.push(name)
    contexts.push(context)
    return name
  }
  const runner = (guarded: Guarded, params: A2aSendRequest, context: Context) => () => {
    contexts.push(context)
    const { taskId: id = 'new', contextId = 'c' } = params.message ?? {}
    const task = tasks[id]
    return guarded.execute({ request: params, taskId: id, contextId, context, ...(task && { task }) }, bus)
  }
  const handler = guardedRequestHandler({ ...guard, ...change.guard }, executor, {
    ...{ command, tasks: manage, onError: (error: unknown) => void errors.push(error) },
    ...change.options,
    handler: (guarded: Guarded) => ({
      getAgentCard: async () => 'card',
      async sendMessage(params: A2aSendRequest, context: Context) {
        const run = runner(guarded, params, context)
        await (change.begin ? change.begin(run) : run())
        return change.answer ?? 'answer'
      },
      async *sendMessageStream(params: A2aSendRequest, context: Context) {
        yield* change.stream?.(runner(guarded, params, context)) ?? []
      },
      async getTask({ id }: { id: string }, context: Context) {
        called.push('getTask')
        looked.push(Object(context).user)
        if (change.getTask) return change.getTask()
        if (tasks[id] === undefined) throw Object.assign(new Error('no'), { name: 'TaskNotFoundError' })
        return tasks[id]
      },
      listTasks: async () => ({}),
      cancelTask: other('cancelTask'),
      async *resubscribe(_params: object, _context: Context) {
        called.push('resubscribe')
        yield 1
      },
      createTaskPushNotificationConfig: other('createTaskPushNotificationConfig'),
      getTaskPushNotificationConfig: other('getTaskPushNotificationConfig'),
      listTaskPushNotificationConfigs: other('listTaskPushNotificationConfigs'),
      deleteTaskPushNotificationConfig: other('deleteTaskPushNotificationConfig') as never,
      getAuthenticatedExtendedAgentCard: other('getAuthenticatedExtendedAgentCard'),
    }),
  })
  const outcomes = () =>
    sink.records().flatMap(({ event }) => (event.kind === 'outcome' ? [Object(event).status as string] : []))
  const codes = () => sink.records().flatMap(({ event }) => (event.kind === 'outcome' ? [Object(event).code] : []))
  return { handler, errors, called, contexts, looked, bus, outcomes, codes }
}

const plain: A2aSendRequest = { message: { messageId: 'm', parts: [], contextId: 'c' } }
const mine = { metadata: { 'xyz.ucan/caller': signer.did } }
const theirs = { metadata: { 'xyz.ucan/caller': owner.did } }

async function contextOf(method: string, value: unknown): Promise<Context> {
  const args: Parameters<typeof interceptor.before>[0] = { input: { method, value } }
  await interceptor.before(args)
  return new CallContext({ 'x-ucan-container': args.options?.serviceParameters?.['X-UCAN-Container'] ?? '' })
}

/** A message whose call a policy refuses. */
async function refusedByPolicy(request: A2aSendRequest): Promise<Context> {
  const args = { message: await messageDigest(request), urgent: true }
  const given = { audience: service.did, command: '/agent/ask', args, proofs: [calm] } as const
  return new CallContext({ 'x-ucan-container': encodeContainer([await invoke({ issuer: signer, ...given }), calm]) })
}

/** The denial in the answer to a refused message. */
function denialOf(answer: unknown): unknown {
  return Object(Object(answer).metadata)['xyz.ucan/container.denial']
}

describe('a message that waits for an approval', () => {
  const urgent = { argumentsOf: () => ({ urgent: true }) }

  it('[attack 94] AGT-28 becomes a task of its caller in the state AUTH_REQUIRED, and its executor does not run', async () => {
    const ran: unknown[] = []
    const kept = { artifacts: ['a'], metadata: { own: 1, 'xyz.ucan/caller': signer.did } }
    const { handler, bus, outcomes } = setUp({
      ...{ execute: async () => void ran.push('executor'), options: urgent },
      tasks: { kept },
    })
    expect(await handler.sendMessage(plain, await refusedByPolicy(plain))).toBe('answer')
    const again: A2aSendRequest = { message: { messageId: 'm', parts: [], contextId: 'c', taskId: 'kept' } }
    await handler.sendMessage(again, await refusedByPolicy(again))
    expect([ran, outcomes()]).toEqual([[], []])
    const status = { state: 1, message: undefined, timestamp: undefined }
    const common = { contextId: 'c', status }
    const [task, update, ...second] = bus.events
    expect(task).toEqual({
      kind: 'task',
      data: { ...common, id: 'new', artifacts: [], history: [plain.message], metadata: mine.metadata },
    })
    expect(update).toMatchObject({
      kind: 'statusUpdate',
      data: { taskId: 'new', contextId: 'c', status: { state: 8 } },
    })
    const denial = Object(update?.data['status']).message.metadata['xyz.ucan/container.denial']
    expect(denial).toMatchObject({ code: 'policy_unsatisfied', approvable: { audience: signer.did } })
    // The SDK has stored the task and the message; only the state changes.
    expect(second).toMatchObject([{ kind: 'statusUpdate', data: { taskId: 'kept', status: { state: 8 } } }])
  })

  it.each([
    ['task', { id: 'kept', status: { state: 8 } }],
    ['message', { messageId: 'a' }],
  ])('AGT-28 for a known task is answered with one %s, where it came for a stream', async ($case, value) => {
    const stream = () => expect.unreachable('a stream of the SDK begins with a task, and would replace its state')
    const { handler, bus } = setUp({ options: urgent, tasks: { kept: mine }, stream, answer: value })
    const request: A2aSendRequest = { message: { messageId: 'm', parts: [], contextId: 'c', taskId: 'kept' } }
    const answers: unknown[] = []
    for await (const one of handler.sendMessageStream(request, await refusedByPolicy(request))) answers.push(one)
    expect(answers).toEqual([{ payload: { $case, value } }])
    expect(bus.events).toMatchObject([{ kind: 'statusUpdate', data: { taskId: 'kept', status: { state: 8 } } }])
  })

  it('[attack 94] AGT-27 does not become one for a task, or with a reference to a task, of another caller', async () => {
    const message = { messageId: 'm', parts: [], contextId: 'c' }
    for (const named of [{ taskId: 'other' }, { taskId: 'none' }, { referenceTaskIds: ['own', 'other'] }]) {
      const { handler, bus, contexts } = setUp({ options: urgent, tasks: { own: mine, other: theirs } })
      const request: A2aSendRequest = { message: { ...message, ...named } }
      const answer = await handler.sendMessage(request, await refusedByPolicy(request))
      expect(denialOf(answer), JSON.stringify(named)).toMatchObject({ requirement: 'AGT-27' })
      expect([bus.events, contexts]).toEqual([[], []])
    }
  })

  it('[attack 94] AGT-28 does not become one if its call is for another message, or of another command', async () => {
    const { handler, bus } = setUp({ options: urgent, tasks: { task: mine } })
    const other: A2aSendRequest = { message: { messageId: 'other', parts: [], contextId: 'c', taskId: 'task' } }
    const answer = await handler.sendMessage(other, await refusedByPolicy(plain))
    expect(denialOf(answer)).toMatchObject({ code: 'policy_unsatisfied' })
    const idle = await delegate({
      ...{ issuer: owner, audience: signer.did, command: manage },
      policy: [eq('.method', 'ListTasks')],
    })
    const args = { method: 'GetTask', task: 'task', request: '' }
    const call = await invoke({ issuer: signer, audience: service.did, command: manage, args, proofs: [idle] })
    const header = { 'x-ucan-container': encodeContainer([call, idle]) }
    expect(denialOf(await handler.sendMessage(plain, new CallContext(header)))).toMatchObject({
      code: 'policy_unsatisfied',
    })
    expect(bus.events).toEqual([])
  })

  it('AGT-28 is one that a policy refuses', () => {
    const approvable = { audience: signer.did } as never
    const refusal = { message: '', requirement: 'AGT-28' } as const
    expect(canWait({ ...refusal, code: 'policy_unsatisfied', approvable })).toBe(true)
    expect(canWait({ ...refusal, code: 'policy_unsatisfied' })).toBe(false)
    expect(canWait({ ...refusal, code: 'limit_exceeded', approvable } as never)).toBe(false)
  })
})

describe('a message for a task', () => {
  const forTask = (taskId: string): A2aSendRequest => ({ message: { messageId: 'm', parts: [], taskId } })

  /** A call whose signature is not that of its issuer. */
  async function forgedFor(request: A2aSendRequest): Promise<Context> {
    const args = { message: await messageDigest(request) }
    const call = await invoke({ issuer: signer, audience: service.did, command, args, proofs: [any] })
    // The signature begins after the heads of a list and of a byte string.
    const bytes = call.bytes.map((byte, at) => (at === 10 ? byte ^ 1 : byte))
    return new CallContext({ 'x-ucan-container': encodeContainer([{ ...call, bytes }, any]) })
  }

  it('[attack 94] AGT-27 of the named victim of a forged call is not looked up, and the answer is the same', async () => {
    const answers = []
    for (const id of ['victim', 'foreign', 'none']) {
      const { handler, called } = setUp({ tasks: { victim: mine, foreign: theirs } })
      const request = forTask(id)
      answers.push(denialOf(await handler.sendMessage(request, await forgedFor(request))))
      expect(called).toEqual([])
    }
    const invalid = expect.objectContaining({ code: 'signature_invalid' })
    expect(answers).toEqual([invalid, invalid, invalid])
    expect(new Set(answers.map((denial) => JSON.stringify(denial))).size).toBe(1)
  })

  it('AGT-27 of another caller and one that does not exist cost one look-up and have one answer', async () => {
    const answers = []
    for (const id of ['foreign', 'none']) {
      const { handler, called, outcomes, codes, errors } = setUp({ tasks: { foreign: theirs } })
      const request = forTask(id)
      answers.push(denialOf(await handler.sendMessage(request, await contextOf('sendMessage', request))))
      expect(called).toEqual(['getTask'])
      await expect.poll(outcomes).toEqual(['error'])
      expect(codes()).toEqual(['ERR_AUTHORIZATION'])
      expect(errors).toEqual([])
    }
    expect(answers[0]).toMatchObject({ requirement: 'AGT-27' })
    expect(answers[1]).toEqual(answers[0])
  })
})

describe('the executor behind a guarded request handler', () => {
  it('AGT-26 runs once for a message', async () => {
    const ran: unknown[] = []
    const refusals: unknown[] = []
    const { handler } = setUp({
      execute: async () => void ran.push(1),
      async begin(run) {
        await run()
        await run().catch((error: unknown) => refusals.push(error))
      },
    })
    await handler.sendMessage(plain, await contextOf('sendMessage', plain))
    expect([ran, refusals.map(String)]).toEqual([[1], [expect.stringContaining('did not pass the guard')]])
  })

  it('AGT-26 never begins when the stream of its message was left before', async () => {
    const ran: unknown[] = []
    let later = async (): Promise<void> => undefined
    const { handler, outcomes } = setUp({
      execute: async () => void ran.push(1),
      async *stream(run) {
        later = run
        yield 'first'
        yield 'second'
      },
    })
    for await (const _ of handler.sendMessageStream(plain, await contextOf('sendMessageStream', plain))) break
    await expect.poll(outcomes).toEqual(['ok'])
    await expect(later()).rejects.toThrow(/did not pass the guard/)
    expect(ran).toEqual([])
  })

  it('ends its call when it has ended, also when the answer was sent before or the stream was left', async () => {
    let release = (): void => undefined
    const ended = new Promise<void>((resolve) => {
      release = resolve
    })
    const { handler, outcomes } = setUp({
      execute: () => ended,
      begin: async (run) => void run(),
      async *stream(run) {
        void run()
        yield 'first'
        yield 'second'
      },
    })
    expect(await handler.sendMessage(plain, await contextOf('sendMessage', plain))).toBe('answer')
    for await (const _ of handler.sendMessageStream(plain, await contextOf('sendMessageStream', plain))) break
    await new Promise((resolve) => setImmediate(resolve))
    expect(outcomes()).toEqual([])
    release()
    await expect.poll(outcomes).toEqual(['ok', 'ok'])
  })

  it.each([[new Error('a fault')], [undefined]])('AGT-33 has an outcome when it fails with %s', async (fault) => {
    const { handler, outcomes, bus } = setUp({
      execute: () => Promise.reject(fault),
      // The failure is there before somebody waits for it.
      async begin(run) {
        await run()
        await new Promise((resolve) => setImmediate(resolve))
      },
      options: {
        onError() {
          throw new Error('a fault of the callback')
        },
      },
    })
    expect(await handler.sendMessage(plain, await contextOf('sendMessage', plain))).toBe('answer')
    await expect.poll(outcomes).toEqual(['error'])
    expect(bus.events.map(({ data }) => Object(data['status']).state)).toEqual([1, 4])
    expect(bus.events[0]?.data).toMatchObject({ metadata: mine.metadata, history: [plain.message] })
  })

  it.each([
    ['that was there before', { message: { messageId: 'm', parts: [], contextId: 'c', taskId: 'kept' } }, []],
    ['that the executor has published', plain, ['new']],
  ])('AGT-33 that fails leaves a task %s as it is, but for its state', async (_, request, published) => {
    const { handler, bus, outcomes } = setUp({
      async execute(_context, to) {
        for (const id of published) to.publish({ kind: 'task', data: { id, history: ['published'] } } as never)
        throw new Error('a fault')
      },
      tasks: { kept: mine },
    })
    await handler.sendMessage(request, await contextOf('sendMessage', request))
    await expect.poll(outcomes).toEqual(['error'])
    const [update, ...others] = bus.events.slice(published.length)
    expect(update).toMatchObject({
      kind: 'statusUpdate',
      data: { taskId: published[0] ?? 'kept', status: { state: 4 } },
    })
    expect(others).toEqual([])
  })

  /** The events after an executor failed in the stream of a message for a known task. */
  async function failedInStream(change: Change & { readonly state?: number }) {
    const kept = { ...mine, status: { state: 6 }, artifacts: ['a'], history: ['h'] }
    const { handler, bus, errors, outcomes } = setUp({
      async execute() {
        kept.status = { state: change.state ?? 6 }
        throw new Error('a fault')
      },
      async *stream(run) {
        yield await run()
      },
      tasks: { kept },
      ...change,
    })
    const request: A2aSendRequest = { message: { messageId: 'm', parts: [], contextId: 'c', taskId: 'kept' } }
    for await (const _ of handler.sendMessageStream(request, await contextOf('sendMessageStream', request)));
    await expect.poll(outcomes).toEqual(['error'])
    return { events: bus.events, errors }
  }
  const failure = { kind: 'statusUpdate', data: { taskId: 'kept', status: { state: 4 } } }

  it('AGT-33 that fails in a stream begins it with the task as it is stored, with its messages and artifacts', async () => {
    const { events } = await failedInStream({})
    // The SDK keeps those that it has stored, and adds none from an empty list.
    const data = { ...mine, id: 'kept', status: { state: 6 }, artifacts: [], history: [] }
    expect(events[0]).toEqual({ kind: 'task', data })
    expect(events.slice(1)).toMatchObject([failure])
  })

  it.each([3, 4, 5, 7])('AGT-33 that fails in a stream leaves a task that ended with state %i', async (state) => {
    const { events } = await failedInStream({ state })
    expect(events).toMatchObject([{ kind: 'task', data: { id: 'kept', status: { state } } }])
    expect(events).toHaveLength(1)
  })

  it('AGT-33 that fails in a stream fails its task, also where the store does', async () => {
    let asked = 0
    const getTask = async () => {
      if (asked++ === 0) return mine
      throw new Error('the store is away')
    }
    const { events, errors } = await failedInStream({ getTask })
    expect(events).toMatchObject([failure])
    expect(errors.map(String)).toEqual(['Error: a fault', 'Error: the store is away'])
  })

  it('AGT-33 that failed publishes nothing more', async () => {
    let later = (): void => undefined
    const { handler, bus, outcomes } = setUp({
      async execute(_context, to) {
        later = () => to.publish({ kind: 'task', data: { id: 'new', status: { state: 2 } } } as never)
        throw new Error('a fault')
      },
    })
    await handler.sendMessage(plain, await contextOf('sendMessage', plain))
    await expect.poll(outcomes).toEqual(['error'])
    const before = bus.count()
    later()
    expect(bus.count()).toBe(before)
  })

  it('AGT-33 ends its call with an error where its failure cannot be published', async () => {
    const faults: unknown[] = []
    const { handler, bus, outcomes } = setUp({
      execute: () => Promise.reject(new Error('a fault')),
      // The SDK does not wait for the executor.
      begin: async (run) => void run().catch((error: unknown) => faults.push(error)),
    })
    bus.publish = () => {
      throw new Error('the bus is closed')
    }
    expect(await handler.sendMessage(plain, await contextOf('sendMessage', plain))).toBe('answer')
    await expect.poll(outcomes).toEqual(['error'])
    expect(faults.map(String)).toEqual(['Error: the bus is closed'])
  })

  it('ends its call when the handler fails before it begins, also for a request without a message', async () => {
    const noRoom = new Error('no room')
    const { handler, outcomes, errors } = setUp({ begin: () => Promise.reject(noRoom) })
    for (const request of [plain, {}])
      await expect(handler.sendMessage(request, await contextOf('sendMessage', request))).rejects.toBe(noRoom)
    await expect.poll(outcomes).toEqual(['error', 'error'])
    expect(errors).toEqual([noRoom, noRoom])
  })

  it('AGT-33 reports the error of a failure once', async () => {
    const { handler, errors, outcomes } = setUp({ execute: () => Promise.reject(new Error('a fault')) })
    await handler.sendMessage(plain, await contextOf('sendMessage', plain))
    await expect.poll(outcomes).toEqual(['error'])
    await new Promise((resolve) => setImmediate(resolve))
    expect(errors.map(String)).toEqual(['Error: a fault'])
  })

  it('AGT-27 publishes tasks of its caller alone, and reads the bus and the context as they are', async () => {
    const seen: unknown[] = []
    const { handler, bus } = setUp({
      async execute({ context }, to) {
        to.publish({ kind: 'task', data: { id: 'new', metadata: { own: 1, ...theirs.metadata } } } as never)
        to.publish({ kind: 'statusUpdate', data: { metadata: { own: 2 } } } as never)
        // The SDK merges these into the task: they could hand it over.
        to.publish({ kind: 'statusUpdate', data: { metadata: theirs.metadata } } as never)
        to.publish({ kind: 'artifactUpdate', data: { metadata: theirs.metadata } } as never)
        seen.push((context as CallContext).names(), (to as EventBus).count(), (to as EventBus).events.length)
      },
    })
    await handler.sendMessage(plain, await contextOf('sendMessage', plain))
    expect(seen).toEqual([['x-ucan-container'], 4, 4])
    const written = [{ own: 1, ...mine.metadata }, { own: 2 }, mine.metadata, theirs.metadata]
    expect(bus.events.map(({ data }) => data['metadata'])).toEqual(written)
  })
})

describe('a guarded request handler', () => {
  it('[attack 94] AGT-26 refuses an empty header, and answers for the context of the message', async () => {
    const { handler, outcomes } = setUp()
    for (const container of ['', undefined, 7]) {
      const answer = await handler.sendMessage(plain, new CallContext({ 'x-ucan-container': container }))
      expect(answer).toMatchObject({
        contextId: 'c',
        taskId: '',
        metadata: { 'xyz.ucan/container.denial': { requirement: 'AGT-26' } },
      })
    }
    expect(outcomes()).toEqual([])
  })

  it('[attack 94] AGT-26 takes the digest of the message, also where `argumentsOf` has another', async () => {
    const other: A2aSendRequest = { message: { messageId: 'other', parts: [] } }
    const message = await messageDigest(other)
    const { handler, contexts } = setUp({ options: { argumentsOf: () => ({ message }) } })
    const answer = await handler.sendMessage(plain, await contextOf('sendMessage', other))
    expect(Object(answer).metadata['xyz.ucan/container.denial'].message).toContain('`message`')
    const signing = a2aInterceptor(assistant, { command, audience: service.did, argumentsOf: () => ({ message }) })
    const args: Parameters<typeof signing.before>[0] = { input: { method: 'sendMessage', value: plain } }
    await signing.before(args)
    const header = { 'x-ucan-container': args.options?.serviceParameters?.['X-UCAN-Container'] }
    expect(await handler.sendMessage(plain, new CallContext(header))).toBe('answer')
    expect(contexts).toHaveLength(1)
  })

  it('reports a guard and a store that fail, and no task that does not exist', async () => {
    const use = () => Promise.reject(new Error('the log is full'))
    const failing = setUp({ guard: { use } })
    await expect(failing.handler.sendMessage(plain, await contextOf('sendMessage', plain))).rejects.toThrow('is full')
    expect(failing.errors.map(String)).toEqual(['Error: the log is full'])
    const request = { id: 'task' }
    const away = setUp({ getTask: () => Promise.reject(new Error('the store is away')) })
    await expect(away.handler.getTask(request, await contextOf('getTask', request))).rejects.toThrow(/another caller/)
    expect(away.errors.map(String)).toContain('Error: the store is away')
    const none = setUp()
    await expect(none.handler.getTask(request, await contextOf('getTask', request))).rejects.toThrow(AuthorizationError)
    expect(none.errors.map(String).join()).not.toContain('no')
  })

  it('AGT-32 looks a task up as its caller, who is authenticated for the request itself alone', async () => {
    const { handler, looked, contexts } = setUp({ tasks: { task: mine, '': mine } })
    await handler.getTask({ id: 'task' }, await contextOf('getTask', { id: 'task' }))
    await handler.cancelTask({ id: 'task' }, await contextOf('cancelTask', { id: 'task' }))
    const user = { isAuthenticated: true, userName: signer.did }
    const early = { ...user, isAuthenticated: false }
    expect(looked).toEqual([early, user, early])
    expect(Object(contexts[0]).user).toEqual(user)
    await expect(handler.getTask({ id: '' }, await contextOf('getTask', { id: '' }))).rejects.toThrow(/another caller/)
  })

  it.each([
    ['cancelTask', 'cancelTask', 'id'],
    ['createTaskPushNotificationConfig', 'createTaskPushNotificationConfig', 'taskId'],
    ['getTaskPushNotificationConfig', 'getTaskPushNotificationConfig', 'taskId'],
    ['listTaskPushNotificationConfigs', 'listTaskPushNotificationConfig', 'taskId'],
    ['deleteTaskPushNotificationConfig', 'deleteTaskPushNotificationConfig', 'taskId'],
    ['getAuthenticatedExtendedAgentCard', 'getAgentCard', undefined],
  ] as const)(
    '[attack 94] AGT-31 AGT-32 needs a call for %s, by the caller of the task',
    async (name, method, idName) => {
      const { handler, called } = setUp({ tasks: { task: mine, other: theirs } })
      const run = handler[name] as (params: object, context: Context) => Promise<unknown>
      const of = (id: string) => ({ id: 'task', url: 'https://a.example', ...(idName && { [idName]: id }) })
      await expect(run(of('task'), new CallContext({}))).rejects.toThrow(/without a signed invocation/)
      const wrong = await contextOf('getTask', { id: 'task' })
      await expect(run(of('task'), wrong)).rejects.toThrow(/Denied/)
      if (idName !== undefined)
        await expect(run(of('other'), await contextOf(method, of('other')))).rejects.toThrow(/another caller/)
      expect(called).not.toContain(name)
      expect(await run({ ...of('task'), tenant: 'x' }, await contextOf(method, of('task')))).toBe(name)
      expect(called).toContain(name)
    },
  )

  it('AGT-31 needs a call for its own method to subscribe to a task', async () => {
    const { handler, called } = setUp({ tasks: { task: mine } })
    const request = { id: 'task' }
    await expect(handler.resubscribe(request, await contextOf('getTask', request)).next()).rejects.toThrow(/`method`/)
    expect(called).toEqual([])
    const stream = handler.resubscribe(request, await contextOf('resubscribeTask', request))
    expect(await stream.next()).toMatchObject({ value: 1 })
  })

  it('refuses with the given class of errors', async () => {
    class UnsupportedOperationError extends Error {}
    const { handler } = setUp({ options: { RefusalError: UnsupportedOperationError } })
    await expect(handler.getTask({ id: 'a' }, new CallContext({}))).rejects.toThrow(UnsupportedOperationError)
  })
})

describe('the values of requests', () => {
  it('AGT-26 AGT-31 differ for every method, and do not depend on defaults', async () => {
    const methods = [...clientMethods.values()]
    expect(methods).toHaveLength(9)
    const digests = await Promise.all(methods.map(async (method) => (await taskValues(method, { id: 'a' })).request))
    expect(new Set(digests).size).toBe(methods.length)
    const digest = (configuration: object) => messageDigest({ ...plain, configuration })
    const none = await messageDigest(plain)
    for (const configuration of [
      { historyLength: 0 },
      { taskPushNotificationConfig: { url: '' } },
      { blocking: false },
    ])
      expect(await digest(configuration), JSON.stringify(configuration)).toBe(none)
    expect(await digest({ historyLength: 1 })).not.toBe(none)
    const withValue = (value: unknown) =>
      messageDigest({ message: { messageId: '', parts: [{ content: { $case: 'raw', value } }] } })
    expect(await withValue(Uint8Array.of(1, 2))).toBe(await withValue(Buffer.of(1, 2)))
    expect(await withValue(Uint8Array.of(1, 2))).not.toBe(await withValue({ 0: 1, 1: 2 }))
    const check = messageArguments().message['~standard'].validate('x'.repeat(65))
    expect(await check).toHaveProperty('issues')
  })
})

describe('a2aInterceptor', () => {
  it('AGT-22 AGT-26 passes its context and options on, and keeps other headers', async () => {
    const seen: unknown[] = []
    const acting = {
      async call(...given: Parameters<typeof assistant.call>) {
        seen.push(given[2])
        return assistant.call(...given)
      },
    } as typeof assistant
    const source = (context: unknown) => {
      seen.push(context)
      return acting
    }
    const approval = { approvers: [owner.did], ask: async () => undefined }
    const { before, after } = a2aInterceptor(source, { command, audience: service.did, subject: owner.did, approval })
    const serviceParameters = { 'X-Other': 'kept', 'X-UCAN-Container': 'an earlier one' }
    const args = { input: { method: 'sendMessage', value: plain }, options: { serviceParameters, signal: 'kept' } }
    await before(args)
    await after({})
    expect(seen[0]).toBe(args)
    expect(seen[1]).toMatchObject({ audience: service.did, subject: owner.did, approval, receipts: 'ignored' })
    const container = expect.stringMatching(/^(?!an earlier one)/)
    expect(args.options).toEqual({
      signal: 'kept',
      serviceParameters: { 'X-Other': 'kept', 'X-UCAN-Container': container },
    })
  })

  it('AGT-26 throws the reason of a refusal, and where nothing was signed', async () => {
    const args = () => ({ input: { method: 'sendMessage', value: plain } })
    const empty = a2aInterceptor(await openAgent({ signer }), { command, audience: service.did })
    await expect(empty.before(args())).rejects.toThrow(/delegation/)
    const silent = { call: async () => ({ ok: true, value: undefined }) } as unknown as typeof assistant
    const unsigned = a2aInterceptor(silent, { command, audience: service.did })
    // The call was signed, and failed nevertheless.
    const failing = {
      async call(_command: unknown, _args: unknown, { send }: { send: (call: object) => Promise<unknown> }) {
        await send({ container: 'signed' })
        return { ok: false, message: 'the agent was closed' }
      },
    } as unknown as typeof assistant
    const closed = a2aInterceptor(failing, { command, audience: service.did })
    await expect(closed.before(args())).rejects.toThrow('the agent was closed')
    const given = args()
    await expect(unsigned.before(given)).rejects.toThrow('no call was signed')
    expect(given).not.toHaveProperty('options')
  })

  const options = { command, audience: service.did }
  const handler = (): object => ({ sendMessage: async () => undefined })
  const executor: Executor = { async execute() {}, async cancelTask() {} }
  const guard = { open: async () => ({}), use: async () => ({}) } as never
  const { method: _, ...twoArguments } = taskArguments()
  it.each<readonly [name: string, make: () => unknown, message: string]>([
    [
      'a command without its path',
      () => a2aInterceptor(assistant, { ...options, command: { args: command.args } as never }),
      '`command`',
    ],
    [
      'a part of the arguments',
      () => a2aInterceptor(assistant, { ...options, tasks: { ...manage, args: twoArguments } }),
      '`tasks`',
    ],
    ['no audience', () => a2aInterceptor(assistant, { command } as never), '`audience`'],
    ['another agent', () => a2aInterceptor({} as never, options), 'must be an agent of openAgent'],
    ['no guard', () => guardedRequestHandler({} as never, executor, { command, handler } as never), '`guard`'],
    ['no executor', () => guardedRequestHandler(guard, {} as never, { command, handler } as never), '`executor`'],
    [
      'another handler',
      () => guardedRequestHandler(guard, executor, { command, handler: () => ({}) } as never),
      '`handler`',
    ],
  ])('refuses %s', (_name, make, message) => {
    expect(make).toThrow(ArgumentError)
    expect(make).toThrow(message)
  })
})
