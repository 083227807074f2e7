/**
 * `procura/agent`: a signer, and the delegations that were given to it.
 *
 * @module
 */

export type { Agent, AgentCapability, CallResult } from '../agent/agent.ts'
export { agentFetch } from '../agent/agent-fetch.ts'
export { agentTools, type CallableTool } from '../agent/agent-tools.ts'
export type { DelegationStore } from '../core/proof/delegation-store.ts'
export { memoryDelegationStore } from '../core/proof/memory-delegation-store.ts'
export { openAgent } from '../agent/open-agent.ts'
export { type AgentTool, toolOf } from '../agent/tool-of.ts'
export { toolsByName } from '../agent/tools-by-name.ts'
export type { SendCall } from '../agent/send-call.ts'
