/**
 * `procura/agent/langchain`: the tools of LangChain within the authority of an agent.
 *
 * @module
 */

export {
  type LangchainMiddleware,
  type LangchainMiddlewareOptions,
  type LangchainRuntime,
  type LangchainToolCall,
  type LangchainToolFields,
  type LangchainToolRuntime,
  type LangchainToolsOptions,
  langchainMiddleware,
  langchainTools,
  type RefusalFields,
} from '../../agent/frameworks/langchain.ts'
export type { AgentToolsOptions, CallingAgent } from '../../agent/agent-tools.ts'
export type { ActingAgent, ToolPermissionOptions } from '../../agent/frameworks/tool-permission.ts'
