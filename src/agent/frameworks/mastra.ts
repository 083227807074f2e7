import { type ActingAgent, type ToolPermissionOptions, toolPermission } from './tool-permission.ts'

/** The part of Mastra's `ToolHookContext` that is used. */
export interface MastraToolCall {
  readonly toolName: string
  readonly input: unknown
  readonly context?: unknown
}

/** The hook of a Mastra agent that runs before each tool. */
export interface MastraHooks {
  readonly beforeToolCall: (call: MastraToolCall) => Promise<{ proceed: false; output: string } | undefined>
}

/**
 * Makes the `hooks` of a Mastra agent, which ask an agent before a tool runs. The reason of a refusal becomes the output of
 * the tool. The input schema of a tool is applied after the question.
 *
 * `hooks` of a single run replace these: pass them there too. Tools without `execute`, such as those of a browser, run
 * elsewhere and are not asked about.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { openAgent } from 'procura/agent'
 * import { mastraHooks } from 'procura/agent/mastra'
 *
 * const assistant = await openAgent({ signer: agent })
 * const hooks = mastraHooks(assistant, { tools: { mail_send: send } })
 * ```
 */
export function mastraHooks(agent: ActingAgent, options: ToolPermissionOptions): MastraHooks {
  const ask = toolPermission('mastraHooks', agent, options)
  return Object.freeze({
    async beforeToolCall({ toolName, input, context }) {
      const { abortSignal } = Object(context) as { readonly abortSignal?: unknown }
      const answer = await ask(toolName, input, abortSignal instanceof AbortSignal ? abortSignal : undefined)
      return answer.permitted ? undefined : { proceed: false, output: answer.message }
    },
  } satisfies MastraHooks)
}
