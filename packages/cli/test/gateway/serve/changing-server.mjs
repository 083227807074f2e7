// An MCP server over stdio whose tools are in `TOOLS_FILE`, and change with it. After SIGUSR2, this process has those of
// `TOOLS_FILE.next`, and announces the change. `PAGE` is the number of tools of a page. `PID_FILE` gets its number.
import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { createInterface } from 'node:readline'

const { TOOLS_FILE, PID_FILE, PAGE } = process.env
const read = (name) => JSON.parse(readFileSync(name, 'utf8'))
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const size = PAGE === undefined ? Number.MAX_SAFE_INTEGER : Number(PAGE)
let file = TOOLS_FILE
let version = 0

writeFileSync(PID_FILE, String(process.pid))
process.on('SIGUSR2', () => {
  file = `${TOOLS_FILE}.next`
  send({ method: 'notifications/tools/list_changed' })
})

function list({ cursor = '0' } = {}) {
  version += 1
  const all = read(file).map((tool) => JSON.parse(JSON.stringify(tool).replaceAll('$VERSION', String(version))))
  if (JSON.stringify(all).includes('endless')) send({ method: 'notifications/tools/list_changed' })
  const from = Number(cursor)
  const tools = all.slice(from, from + size)
  return from + size < all.length ? { tools, nextCursor: String(from + size) } : { tools }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, method, params } = JSON.parse(line)
    if (method === 'initialize')
      send({
        id,
        result: {
          protocolVersion: params.protocolVersion,
          capabilities: { tools: { listChanged: true } },
          serverInfo: { name: 'mail', version: '1' },
        },
      })
    else if (method === 'tools/list') send({ id, result: list(params) })
    else if (method === 'tools/call') send({ id, result: { content: [{ type: 'text', text: `ran ${params.name}` }] } })
  })
  .on('close', () => process.exit(0))
