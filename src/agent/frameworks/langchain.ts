import { callback, readOptions } from '../../support/options.ts'
import {
  type ActingAgent,
  type ToolPermissionOptions,
  toolPermission,
  toolPermissionChecks,
} from './tool-permission.ts'

/** Options of {@link langchainMiddleware}. */
export interface LangchainMiddlewareOptions<Message> extends ToolPermissionOptions {
  /** The class `ToolMessage` of `@langchain/core/messages`, for refusals. */
  readonly ToolMessage: new (
    fields: RefusalFields,
  ) => Message
}

/** The fields of a refusal. */
export interface RefusalFields {
  readonly tool_call_id: string
  readonly name: string
  readonly status: 'error'
  readonly content: string
}

/** The part of LangChain's request that is used. */
export interface LangchainToolCall {
  readonly toolCall: { readonly id?: string | undefined; readonly name: string; readonly args: unknown }
  readonly runtime?: { readonly signal?: AbortSignal | undefined }
}

/** A middleware with the hook `wrapToolCall`. */
export interface LangchainMiddleware<Message> {
  readonly name: string
  readonly wrapToolCall: <Request extends LangchainToolCall, Result>(
    request: Request,
    handler: (request: Request) => Promise<Result> | Result,
  ) => Promise<Result | Message>
}

/**
 * Makes a middleware of LangChain 1.x that asks an agent before a tool runs. A refused call is answered with an error
 * message, whose text is the reason. Pass the middleware as the last one, so that no other changes the arguments after it.
 * A schema of a tool that changes its arguments does so after the question too.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { openAgent } from 'procura/agent'
 * import { langchainMiddleware } from 'procura/agent/langchain'
 *
 * class ToolMessage {} // of `@langchain/core/messages`
 * const assistant = await openAgent({ signer: agent })
 * const middleware = langchainMiddleware(assistant, { tools: { mail_send: send }, ToolMessage })
 * console.log(middleware.name)
 * ```
 */
export function langchainMiddleware<Message>(
  agent: ActingAgent,
  options: LangchainMiddlewareOptions<Message>,
): LangchainMiddleware<Message> {
  const { ToolMessage, ...rest } = readOptions('langchainMiddleware', options, {
    ...toolPermissionChecks,
    ToolMessage: callback,
  })
  const ask = toolPermission('langchainMiddleware', agent, rest)
  return Object.freeze({
    name: 'procura',
    async wrapToolCall(request, handler) {
      const { id, name, args } = request.toolCall
      const answer = await ask(name, args, request.runtime?.signal)
      if (answer.permitted) return handler(request)
      return new ToolMessage({ tool_call_id: id ?? '', name, status: 'error', content: answer.message })
    },
  } satisfies LangchainMiddleware<Message>)
}
