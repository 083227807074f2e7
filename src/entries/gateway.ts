// node only: starts programs and listens on sockets
/**
 * `procura/gateway`: the parts of the programs that stand between an agent and MCP servers.
 *
 * @module
 */

export {
  type GatewayConfig,
  type HttpServerConfig,
  type ListenPlace,
  readGatewayConfig,
  type StdioServerConfig,
} from '../gateway/configuration/read-gateway-config.ts'
export { toolCommand } from '../gateway/tool-command.ts'
