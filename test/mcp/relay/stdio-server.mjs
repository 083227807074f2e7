// node only: a program
/**
 * A server of MCP over stdio, of the SDK that the first parameter names. It writes each run of a tool, with what the tool
 * received, to standard error.
 *
 * @module
 */
import process from 'node:process'
import { z } from 'zod'

const info = { name: 'test', version: '1' }
const isFirst = process.argv[2] === '1'
const { McpServer } = isFirst
  ? await import('@modelcontextprotocol/sdk/server/mcp.js')
  : await import('@modelcontextprotocol/server')
const { StdioServerTransport } = isFirst
  ? await import('@modelcontextprotocol/sdk/server/stdio.js')
  : await import('@modelcontextprotocol/server/stdio')
const server = new McpServer(info)

/** Registers a tool with text arguments. */
function register(name, args, callback) {
  const shape = Object.fromEntries(args.map((one) => [one, z.string()]))
  const run = (given, extra) => {
    process.stderr.write(`${JSON.stringify({ ran: name, given, meta: extra?._meta ?? extra?.mcpReq?._meta })}\n`)
    return callback(given)
  }
  server.registerTool(name, { description: name, inputSchema: isFirst ? shape : z.object(shape) }, run)
}

const said = (text) => ({ content: [{ type: 'text', text }] })
register('send', ['to'], ({ to }) => said(`sent to ${to} by alice`))
register('fail', ['how'], ({ how }) => {
  if (how === 'error') throw new Error('the mail server is down')
  return { ...said('no such mail'), isError: true }
})
register('open', [], () => said('open'))
await server.connect(new StdioServerTransport())
