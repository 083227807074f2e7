// A server of MCP over stdio with one tool, which sends by an HTTP API with a key from the environment.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const { MAIL_KEY, MAIL_URL, DESCRIPTION } = process.env
const answer = (id, result) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === 'initialize') {
    const capabilities = { tools: {} }
    answer(id, { protocolVersion: params.protocolVersion, capabilities, serverInfo: { name: 'mail', version: '1' } })
  } else if (method === 'tools/list') {
    const inputSchema = { type: 'object', properties: { to: { type: 'string' } }, required: ['to'] }
    answer(id, { tools: [{ name: 'send', description: readFileSync(DESCRIPTION, 'utf8'), inputSchema }] })
  } else if (method === 'tools/call') {
    const { status } = await fetch(`${MAIL_URL}/send/${encodeURIComponent(params.arguments.to)}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${MAIL_KEY}` },
    })
    answer(id, { content: [{ type: 'text', text: `sent: ${status}` }], ...(status !== 200 && { isError: true }) })
  } else if (id !== undefined) {
    const error = { code: -32_601, message: 'method not found' }
    process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, error })}\n`)
  }
})
