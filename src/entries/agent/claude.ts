/**
 * `procura/agent/claude`: the tools of the Claude Agent SDK within the authority of an agent.
 *
 * @module
 */

export { type ClaudeSession, claudeSession } from '../../agent/frameworks/claude.ts'
