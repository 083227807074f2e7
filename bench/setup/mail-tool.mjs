// A server of MCP over stdio whose only tool does nothing.
import { createInterface } from 'node:readline'

const answer = (id, result) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === 'initialize') {
    const { protocolVersion } = params
    answer(id, { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'mail', version: '1' } })
  } else if (method === 'tools/list') {
    const inputSchema = { type: 'object', properties: { to: { type: 'string' } }, required: ['to'] }
    answer(id, { tools: [{ name: 'send', description: 'sends mail', inputSchema }] })
  } else if (method === 'tools/call') answer(id, { content: [{ type: 'text', text: 'sent' }] })
})
