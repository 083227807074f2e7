// An MCP server over stdio whose tool `fault` does not answer as it should: `line` is written for ID, `act` is done.
import { closeSync } from 'node:fs'
import { createInterface } from 'node:readline'

const string = { type: 'string' }
const inputSchema = { type: 'object', properties: { line: string, fill: { type: 'integer' }, act: string } }
const tool = { name: 'fault', description: 'Answers wrongly.', inputSchema }
const acts = {
  exit: () => process.exit(3),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  close: () => closeSync(1),
  hang: () => undefined,
}

createInterface({ input: process.stdin }).on('line', (text) => {
  const { id, method, params } = JSON.parse(text)
  const answer = (result) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)
  if (method === 'initialize') {
    const serverInfo = { name: 'faulty', version: '1' }
    answer({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo })
  } else if (method === 'tools/list') answer({ tools: [tool] })
  // A request that passes: its answer is no response.
  else if (method === 'ping') process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id })}\n`)
  else if (method === 'tools/call') {
    const { line = '', fill = 0, act } = params.arguments
    const filled = line
      .replaceAll('ID', JSON.stringify(id))
      .replace('FILL', 'x'.repeat(fill))
      .replace('MANY', `${'0,'.repeat(270_000)}0`)
    const write = (then) => process.stdout.write(Buffer.from(filled.replace('BYTE', '\u00ff'), 'latin1'), then)
    if (act === undefined) write()
    else write(acts[act])
  }
})
