/**
 * `procura/agent/mastra`: the tools of Mastra within the authority of an agent.
 *
 * @module
 */

export {
  type MastraContext,
  type MastraHooks,
  type MastraToolCall,
  type MastraToolFields,
  type MastraToolsOptions,
  mastraHooks,
  mastraTools,
} from '../../agent/frameworks/mastra.ts'
export type { AgentToolsOptions, CallingAgent } from '../../agent/agent-tools.ts'
export type { ActingAgent, ToolPermissionOptions } from '../../agent/frameworks/tool-permission.ts'
