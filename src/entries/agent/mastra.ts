/**
 * `procura/agent/mastra`: the tools of Mastra within the authority of an agent.
 *
 * @module
 */

export { type MastraHooks, type MastraToolCall, mastraHooks } from '../../agent/frameworks/mastra.ts'
export type { ActingAgent, ToolPermissionOptions } from '../../agent/frameworks/tool-permission.ts'
