import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectClient, type LineClient } from '../agent-side/connect/client.ts'
import { type GatewayHome, makeGatewayHome } from './gateway-home.ts'

/** A server that opens what it is asked for, with all links. */
const server = `
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
const answer = (id, result) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\\n')
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === 'initialize') {
    const serverInfo = { name: 'files', version: '1' }
    answer(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo })
  } else if (method === 'tools/list') {
    answer(id, { tools: [{ name: 'read', inputSchema: { type: 'object', properties: { path: { type: 'string' } } } }] })
  } else if (method === 'tools/call') {
    answer(id, { content: [{ type: 'text', text: readFileSync(params.arguments.path, 'utf8') }] })
  }
})
`

let home: GatewayHome
let data: string
let client: LineClient

beforeEach(async () => {
  home = await makeGatewayHome()
  data = join(home.folder, 'data')
  mkdirSync(data)
  writeFileSync(join(data, 'note.txt'), 'a note')
  writeFileSync(join(home.folder, 'plan.txt'), 'a plan')
  writeFileSync(join(home.folder, 'files.mjs'), server)
  home.configure((given) => {
    given['servers'] = { files: { type: 'stdio', command: process.execPath, args: ['files.mjs'], paths: ['path'] } }
  })
  await home.open()
  const agent = await home.agent('assistant')
  await agent.give(home.owner, '/mcp/files', [['like', '.path', `${data}/*`]])
  client = connectClient(agent.folder, { server: 'files' })
  await client.initialize()
})

afterEach(async () => {
  client.input.end()
  await client.ended.catch(() => undefined)
  await home.remove()
})

async function read(path: string): Promise<string> {
  const { result } = await client.call('read', { path })
  return result?.content?.[0].text ?? ''
}

describe('a policy on a folder', () => {
  it('decides about the path as it is written, and leaves links to the server [GTW-28]', async () => {
    const link = join(data, 'link.txt')
    writeFileSync(link, 'a file')
    expect(await read(link)).toBe('a file')
    for (const path of [join(home.folder, 'plan.txt'), `${data}/../plan.txt`, `${data}/./../plan.txt`, `${data}-not/a`])
      expect.soft(await read(path)).toMatch(/^Denied \((?:policy_unsatisfied|arguments_invalid)\)/)
    // The path is the same, and so is the decision. This server follows the link.
    rmSync(link)
    symlinkSync(join(home.folder, 'plan.txt'), link)
    expect(await read(link)).toBe('a plan')
    symlinkSync(home.folder, join(data, 'up'))
    expect(await read(join(data, 'up', 'plan.txt'))).toBe('a plan')
    expect(await read(`${data}/up/../plan.txt`)).toContain('Denied (')
  })
})
