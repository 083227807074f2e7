/**
 * `procura/agent/claude`: the tools of the Claude Agent SDK within the authority of an agent.
 *
 * @module
 */

export {
  type ClaudeHookAnswer,
  type ClaudeHookInput,
  type ClaudeHookMatcher,
  type ClaudeSession,
  type ClaudeSessionOptions,
  type ClaudeSignOptions,
  claudeSession,
} from '../../agent/frameworks/claude.ts'
export type { ClaudeToolServer } from '../../agent/frameworks/claude-server.ts'
export type { ActingAgent, ToolPermissionOptions } from '../../agent/frameworks/tool-permission.ts'
