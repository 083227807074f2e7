// A minimal MCP server over stdio, for the tests of the gateway. `TOOLS_FILE` replaces its tools while it runs.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const text = { type: 'string' }
const usual = [
  {
    name: 'send',
    description: 'Sends a mail.',
    inputSchema: { type: 'object', properties: { to: text, text }, required: ['to'] },
  },
  { name: 'secret', description: 'Hashes the key of the server.', inputSchema: { type: 'object', properties: {} } },
  { name: 'variables', description: 'Lists variables.', inputSchema: { type: 'object', properties: {} } },
  { name: 'crash', description: 'Ends the server.', inputSchema: { type: 'object', properties: {} } },
  { name: 'slow', description: 'Waits.', inputSchema: { type: 'object', properties: { ms: { type: 'integer' } } } },
  { name: 'descend', description: 'Starts a program.', inputSchema: { type: 'object', properties: {} } },
]
const tools = () => (process.env.TOOLS_FILE ? JSON.parse(readFileSync(process.env.TOOLS_FILE, 'utf8')) : usual)
const answer = (id, result) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)
const say = (id, words) => answer(id, { content: [{ type: 'text', text: words }] })
const note = (line) => process.env.CALLS_FILE && appendFileSync(process.env.CALLS_FILE, `${line}\n`)

process.stderr.write('\u001b[31mready\u001b[0m\n')

const calls = {
  // A message with a key, as servers write it about a key that was refused.
  send(id, { to }) {
    const shown = to.replace('$MAIL_KEY', process.env.MAIL_KEY)
    if (shown !== to) process.stderr.write(`invalid key ${process.env.MAIL_KEY}\n`)
    say(id, `sent to ${shown}`)
  },
  secret: (id) =>
    say(
      id,
      createHash('sha256')
        .update(process.env.MAIL_KEY ?? '')
        .digest('hex'),
    ),
  variables: (id) => say(id, Object.keys(process.env).sort().join(' ')),
  crash: () => process.exit(3),
  slow: (id, { ms }) => setTimeout(() => say(id, 'waited'), ms),
  descend(id) {
    const { pid } = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 600000)'], { stdio: 'ignore' })
    say(id, String(pid))
  },
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, method, params } = JSON.parse(line)
    if (method === 'initialize') {
      answer(id, {
        protocolVersion: params.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: 'mail', version: '1' },
      })
    } else if (method === 'tools/list') answer(id, { tools: tools() })
    else if (method === 'ping') answer(id, {})
    else if (method === 'tools/call') {
      note(JSON.stringify(params))
      calls[params.name](id, params.arguments ?? {})
    }
  })
  .on('close', () => process.env.STAY === undefined && process.exit(0))
if (process.env.STAY !== undefined) {
  process.on('SIGTERM', () => {})
  setInterval(() => {}, 1_000)
}
