/**
 * The decisions of a guarded request handler of A2A.
 *
 * @module
 */

import type { Command } from '../../core/capability/command.ts'
import type { IpldValue } from '../../core/ipld/value.ts'
import { AuthorizationError } from '../../errors.ts'
import type { GuardedCall } from '../../guard/call.ts'
import type { Guard } from '../../guard/guard.ts'
import type { A2aCommand } from './a2a-client.ts'
import { type A2aCallContext, type A2aRequestHandler, containerOf, own, scopedTo } from './a2a-context.ts'
import { type A2aVerdict, newVerdict } from './a2a-executor.ts'
import { type A2aSendRequest, messageDigest } from './a2a-message.ts'
import { callerKey, canWait, foreign, missing, type Refusal, refusalText, unserved } from './a2a-refusal.ts'
import { type A2aTaskMethod, isAboutTask, taskIdOf, taskValues } from './a2a-task.ts'

/** The handler of the SDK, without its types. */
export type LooseHandler = {
  readonly [Name in keyof A2aRequestHandler]: (params?: unknown, context?: A2aCallContext) => unknown
}

/** The parts that decisions need. */
export interface GateParts extends A2aCommand {
  readonly guard: Pick<Guard, 'open' | 'use'>
  readonly inner: LooseHandler
  readonly RefusalError: new (message: string) => Error
  readonly report: (error: unknown) => void
  /** For the executor, the verdict about the message of a context. */
  readonly verdicts: WeakMap<object, A2aVerdict>
}

/** The decisions. */
export interface Gates {
  /** Decides about a message, and begins its work. The answer does not wait for the end of the executor. */
  send<T>(
    request: A2aSendRequest,
    context: A2aCallContext,
    begin: (context: A2aCallContext, verdict: A2aVerdict) => T,
    refuse: (refusal: Refusal) => T,
  ): Promise<Awaited<T>>
  /** Decides about another request, and answers it. */
  manage<T>(
    method: A2aTaskMethod,
    params: unknown,
    context: A2aCallContext,
    run: (context: A2aCallContext, caller: string) => Promise<T>,
  ): Promise<T>
}

/** Makes the decisions about the requests of a handler. */
export function createGates(parts: GateParts): Gates {
  return { send: messageGate(parts), manage: taskGate(parts) }
}

function messageGate(parts: GateParts): Gates['send'] {
  const { command, guard, report, verdicts } = parts
  return async function send<T>(
    request: A2aSendRequest,
    context: A2aCallContext,
    begin: (context: A2aCallContext, verdict: A2aVerdict) => T,
    refuse: (refusal: Refusal) => T,
  ): Promise<Awaited<T>> {
    const container = containerOf(context)
    if (container === undefined) return await refuse(missing)
    const { taskId = '', referenceTaskIds = [] } = request.message ?? {}
    const named = taskId === '' ? referenceTaskIds : [taskId, ...referenceTaskIds]
    /** For a caller that the guard has verified: a forged call must not find out about the tasks of its victim. */
    const isForeign = async (caller: string): Promise<boolean> => {
      for (const id of named) if (!(await isOwner(parts, caller, id, context))) return true
      return false
    }
    const expected = { command: command.command, args: await expectedOf(parts, request) }
    return new Promise<Awaited<T>>((resolve, reject) => {
      const answer = (value: T): void => resolve(value as Awaited<T>)
      // The executor reports its own error. A foreign task is not reported: it is not a fault of this service.
      let reported: { readonly error: unknown } | undefined
      const start = (caller: string, verdict: A2aVerdict): T => {
        const scoped = scopedTo(context, caller, true)
        verdicts.set(scoped, verdict)
        return begin(scoped, verdict)
      }
      const work = async (call: GuardedCall): Promise<void> => {
        if (await isForeign(call.invoker)) {
          answer(refuse(foreign))
          reported = { error: new AuthorizationError(foreign.message) }
          throw reported.error
        }
        const verdict = newVerdict(call)
        const begun = start(call.invoker, verdict)
        answer(begun)
        await begun
        await verdict.ended.catch((error: unknown) => {
          reported = { error }
          throw error
        })
      }
      guard
        .use(container, work, expected)
        .then(async (result) => {
          if (result.allowed) return
          const { denial } = result
          const caller = denial.approvable?.audience
          const mayWait = canWait(denial) && caller && (await isCallFor(guard, container, expected))
          if (!mayWait) return answer(refuse(denial))
          answer((await isForeign(caller)) ? refuse(foreign) : start(caller, { refusal: denial, caller }))
        })
        .catch((error: unknown) => {
          if (reported?.error !== error) report(error)
          reject(error)
        })
    })
  }
}

function taskGate(parts: GateParts): Gates['manage'] {
  const { guard, tasks, RefusalError } = parts
  return async function manage<T>(
    method: A2aTaskMethod,
    params: unknown,
    context: A2aCallContext,
    run: (context: A2aCallContext, caller: string) => Promise<T>,
  ): Promise<T> {
    const refuse = (refusal: Refusal): Error => new RefusalError(refusalText(refusal))
    if (tasks === undefined) throw refuse(unserved)
    const container = containerOf(context)
    if (container === undefined) throw refuse(missing)
    const id = taskIdOf(method, params)
    const work = async ({ invoker }: GuardedCall): Promise<T> => {
      // A store may read the text of an id that is not a string.
      if (isAboutTask(method) && (id === '' || !(await isOwner(parts, invoker, id, context)))) throw refuse(foreign)
      return run(scopedTo(context, invoker, true), invoker)
    }
    const args = await taskValues(method, params)
    const result = await guard.use(container, work, { command: tasks.command, args })
    if (!result.allowed) throw refuse(result.denial)
    return result.value
  }
}

/** Whether a task was begun by a caller. A store that fails is not a yes. */
async function isOwner(
  { inner, report }: GateParts,
  caller: string,
  id: string,
  context: A2aCallContext,
): Promise<boolean> {
  try {
    const task = await inner.getTask({ id, tenant: '', historyLength: 0 }, scopedTo(context, caller, false))
    return own(Object(task).metadata, callerKey) === caller
  } catch (error) {
    if (Object(error).name !== 'TaskNotFoundError') report(error)
    return false
  }
}

/** Every declared argument must have exactly the value that the message determines. */
async function expectedOf(
  { command, argumentsOf }: A2aCommand,
  request: A2aSendRequest,
): Promise<Readonly<Record<string, IpldValue | undefined>>> {
  const none = Object.keys(command.args).map((name) => [name, undefined] as const)
  const args = { ...Object.fromEntries(none), ...argumentsOf?.(request), message: await messageDigest(request) }
  return args as Readonly<Record<string, IpldValue | undefined>>
}

/**
 * Whether a call that the guard refused by its policy is for a message. The guard compares the arguments after the
 * policy, so it has not compared these.
 */
async function isCallFor(
  guard: Pick<Guard, 'open'>,
  container: string,
  expected: { readonly command: Command; readonly args: Readonly<Record<string, unknown>> },
): Promise<boolean> {
  const { invocations, others } = await guard.open(container)
  return [...invocations, ...others.flatMap(ucantoCalls)].some(
    ({ command, args }) => command === expected.command && own(args, 'message') === expected.args['message'],
  )
}

/** The call that a token of 0.9.1 is. */
function ucantoCalls(token: unknown): readonly { readonly command: string; readonly args: unknown }[] {
  const capabilities: unknown = own(token, 'capabilities')
  return Array.isArray(capabilities) ? capabilities.map(({ can, nb }) => ({ command: `/${can}`, args: nb })) : []
}
