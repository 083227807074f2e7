/**
 * `procura/agent/langchain`: the tools of LangChain within the authority of an agent.
 *
 * @module
 */

export {
  type LangchainMiddleware,
  type LangchainMiddlewareOptions,
  type LangchainToolCall,
  langchainMiddleware,
  type RefusalFields,
} from '../../agent/frameworks/langchain.ts'
export type { ActingAgent, ToolPermissionOptions } from '../../agent/frameworks/tool-permission.ts'
