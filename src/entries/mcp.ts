/**
 * `procura/mcp`: guarded tools of MCP servers, and signed calls of MCP clients.
 *
 * @module
 */

export { type ClaimsReader, clientClaims } from '../mcp/client-claims.ts'
export { type CommandOfToolOptions, commandOfTool, type DescribedTool } from '../mcp/command-of-tool.ts'
export { type GuardableServer, type GuardToolsOptions, guardTools } from '../mcp/guard-tools.ts'
export type { ListedTool, PermittedToolsOptions } from '../mcp/permitted-tools.ts'
export {
  type RelayToolsOptions,
  type RelayTransports,
  relayTools,
  type ToolRelay,
} from '../mcp/relay/relay-tools.ts'
export type { RelayFailure } from '../mcp/relay/failure.ts'
export type { RelayTransport } from '../mcp/relay/relay-transport.ts'
export { type ServeToolsOptions, serveTools } from '../mcp/serve-tools.ts'
export { type RequestSurroundings, toolCall } from '../mcp/tool-call.ts'
export type { ToolDefinitions } from '../mcp/tool-commands.ts'
export type { DenialResult, ToolDenial } from '../mcp/tool-denial.ts'
export { type PinnedTool, type ToolPins, toolHash } from '../mcp/tool-hash.ts'
export {
  type InvocationTransport,
  type ToolCommands,
  type WithInvocationOptions,
  withInvocation,
} from '../mcp/with-invocation.ts'
