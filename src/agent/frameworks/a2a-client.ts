import type { CommandDefinition } from '../../core/capability/definition.ts'
import { AuthorizationError } from '../../errors.ts'
import {
  callback,
  didString,
  maybe,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  readOptions,
} from '../../support/options.ts'
import type { CallApproval } from '../call-approval.ts'
import { refuseOtherAgent } from '../refuse-other-agent.ts'
import { type A2aSendRequest, messageDigest } from './a2a-message.ts'
import { clientMethods, taskArguments, taskValues } from './a2a-task.ts'
import type { ActingAgent } from './tool-permission.ts'

/** The command of the messages to an agent, for both sides. */
export interface A2aCommand {
  /** The command. Its arguments have those of `messageArguments`. */
  readonly command: CommandDefinition
  /**
   * Further arguments that policies can limit, such as a field of a data part. Both sides must use the same function.
   * Default: none.
   */
  readonly argumentsOf?: (request: A2aSendRequest) => Readonly<Record<string, unknown>>
  /**
   * The command of requests about tasks, and of the extended agent card. Its arguments are those of `taskArguments`.
   * Default: none; a client does not sign these requests, and a server refuses them.
   */
  readonly tasks?: CommandDefinition
}

/** Options of {@link a2aInterceptor}. */
export interface A2aInterceptorOptions extends A2aCommand {
  /** The DID of the called agent. */
  readonly audience: string
  /** The owner of the authority. Default: the only subject whose delegations permit the call. */
  readonly subject?: string
  /** How people approve a message that is refused. Default: they are not asked. */
  readonly approval?: CallApproval
}

/** The arguments of `before` of a `CallInterceptor` of A2A. */
export interface A2aBeforeArgs {
  readonly input: { readonly method: string; readonly value?: unknown }
  options?: { serviceParameters?: Record<string, string> }
}

/** A `CallInterceptor` of A2A. */
export interface A2aInterceptor {
  before(args: A2aBeforeArgs): Promise<void>
  after(args: object): Promise<void>
}

/** The checks of {@link A2aCommand}. */
export const a2aCommandChecks: OptionChecks<A2aCommand> = Object.freeze({
  command: (value) =>
    typeof Object(value).command === 'string' && typeof Object(Object(value).args).message === 'object'
      ? undefined
      : 'must be a command whose arguments contain those of messageArguments',
  argumentsOf: maybe(callback),
  tasks: maybe(objectValue),
})

/** The check of `tasks` of {@link A2aCommand}. */
export const tasksCheck: OptionCheck = maybe((value) =>
  Object.keys(taskArguments()).every((name) => typeof Object(Object(value).args)[name] === 'object') &&
  typeof Object(value).command === 'string'
    ? undefined
    : 'must be a command whose arguments are those of taskArguments',
)

const checks: OptionChecks<A2aInterceptorOptions> = Object.freeze({
  ...a2aCommandChecks,
  tasks: tasksCheck,
  audience: didString,
  subject: maybe(didString),
  approval: maybe(objectValue),
})

/** The methods that send a message. */
const sending: ReadonlySet<string> = new Set(['sendMessage', 'sendMessageStream'])

/**
 * Makes a `CallInterceptor` for a client of A2A 1.0. The agent signs each message, and the container is sent in the
 * header `X-UCAN-Container`. A message that the agent may not send throws an error with the reason, and is not sent.
 * With `tasks`, the agent signs the requests about tasks in the same way; without it, they pass unchanged.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { defineCommand } from 'procura'
 * import { openAgent } from 'procura/agent'
 * import { a2aInterceptor, messageArguments } from 'procura/agent/a2a'
 *
 * const ask = defineCommand({ command: '/agent/ask', args: messageArguments() })
 * const assistant = await openAgent({ signer: agent })
 * const interceptor = a2aInterceptor(assistant, { command: ask, audience: service.did })
 * const clientConfig = { interceptors: [interceptor] } // of `ClientFactory`
 * ```
 */
export function a2aInterceptor(
  agent: ActingAgent<'call', A2aBeforeArgs>,
  options: A2aInterceptorOptions,
): A2aInterceptor {
  refuseOtherAgent('a2aInterceptor', agent, 'call')
  const { command, argumentsOf, tasks, ...given } = readOptions('a2aInterceptor', options, checks)

  async function sign(
    definition: CommandDefinition,
    args: Readonly<Record<string, unknown>>,
    context: A2aBeforeArgs,
  ): Promise<string> {
    const acting = (typeof agent === 'function' ? await agent(context) : agent) ?? undefined
    if (acting === undefined)
      throw new AuthorizationError('no authority was delegated for this message; it was not sent')
    let signed: string | undefined
    const result = await acting.call(definition, args, {
      ...given,
      receipts: 'ignored',
      // A2A sends the message; only its container is made here.
      async send({ container }) {
        signed = container
        return { ok: true, value: undefined }
      },
    })
    if (!result.ok || signed === undefined)
      throw new AuthorizationError(result.ok ? 'no call was signed' : result.message)
    return signed
  }

  return Object.freeze({
    async before(args) {
      const { method, value } = args.input
      const asked = clientMethods.get(method)
      let container: string
      if (sending.has(method)) {
        const request = Object(value) as A2aSendRequest
        container = await sign(command, { ...argumentsOf?.(request), message: await messageDigest(request) }, args)
      } else if (tasks !== undefined && asked !== undefined) {
        container = await sign(tasks, await taskValues(asked, value), args)
      } else return
      args.options = {
        ...args.options,
        serviceParameters: { ...args.options?.serviceParameters, 'X-UCAN-Container': container },
      }
    },
    async after() {},
  } satisfies A2aInterceptor)
}
