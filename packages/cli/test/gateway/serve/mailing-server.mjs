// A server of mail as libraries make them: it divides `to` at commas, semicolons and lines, and takes `cc`.
import { createInterface } from 'node:readline'

const text = { type: 'string' }
const send = {
  name: 'send',
  description: 'Sends a mail.',
  inputSchema: { type: 'object', properties: { to: text, cc: text, text }, required: ['to'] },
}
const answer = (id, result) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === 'initialize')
    answer(id, {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'mailing', version: '1' },
    })
  else if (method === 'tools/list') answer(id, { tools: [send] })
  else if (method === 'tools/call') {
    const { to, cc = '' } = params.arguments
    const all = `${to},${cc}`.split(/[,;\s]+/).filter((one) => one.includes('@'))
    answer(id, { content: [{ type: 'text', text: `sent to ${all.join(' and ')}` }] })
  } else if (id !== undefined) answer(id, {})
})
