/**
 * `procura/mcp`: guarded tools of MCP servers, and signed calls of MCP clients.
 *
 * @module
 */

export { clientClaims } from '../mcp/client-claims.ts'
export { commandOfTool } from '../mcp/command-of-tool.ts'
export { guardTools } from '../mcp/guard-tools.ts'
export { relayTools, type ToolRelay } from '../mcp/relay/relay-tools.ts'
export { serveTools } from '../mcp/serve-tools.ts'
export { toolCall } from '../mcp/tool-call.ts'
export { type PinnedTool, toolHash } from '../mcp/tool-hash.ts'
export { withInvocation } from '../mcp/with-invocation.ts'
