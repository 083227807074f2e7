// node only: runs programs and writes a file

/**
 * `tsx test/tools/record-wrap.ts`: runs `wrap`, `start` and two calls of a client, and writes the terminal of that run
 * as `packages/cli/spec/wrap.svg`.
 *
 * @module
 */

import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root } from '../setup/entries.ts'
import { bundleProcura } from '../support/bundle-program.ts'

const home = mkdtempSync(join(tmpdir(), 'procura-record-'))
const program = await bundleProcura(home)
const env = { PATH: process.env['PATH'], HOME: home, PROCURA_VAULT_PASSPHRASE: 'correct horse battery' }
const config = join(home, '.mcp.json')
const server = {
  command: process.execPath,
  args: [join(home, 'mail.mjs')],
  env: { MAIL_KEY: 'canary-of-the-mail-key' },
}
writeFileSync(join(home, 'mail.mjs'), readFileSync(`${root}packages/cli/test/gateway/serve/mail-server.mjs`))
writeFileSync(config, JSON.stringify({ mcpServers: { mail: server } }))
const shown: string[] = []

/** Runs a command to its end. */
async function run(title: string, words: readonly string[]): Promise<void> {
  shown.push(`$ ${title}`)
  const child = spawn(process.execPath, [program, ...words], { env })
  const lines: string[] = []
  for (const stream of [child.stderr, child.stdout])
    createInterface({ input: stream }).on('line', (line) => lines.push(line))
  const exit = new Promise((done) => child.once('exit', done))
  await exit
  shown.push(...lines, '')
}

const rules = ['--policy', 'send: .to like *@example.com', '--type', 'to=email', '--only', 'send: to, text']
const title = rules.map((word) => (word.includes(' ') ? `"${word}"` : word)).join(' ')
await run(`procura wrap .mcp.json ${title}`, ['wrap', config, ...rules])
await run('procura start', ['start'])
const { mail } = JSON.parse(readFileSync(config, 'utf8')).mcpServers
shown.push('# the agent starts, and calls the tool twice')
const client = spawn(mail.command, mail.args, {
  env: { PATH: env.PATH, HOME: home },
  stdio: ['pipe', 'pipe', 'ignore'],
})
const answers = createInterface({ input: client.stdout })[Symbol.asyncIterator]()
const ask = async (
  id: number,
  method: string,
  params: object,
): Promise<{ result: { content: { text: string }[] } }> => {
  client.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
  return JSON.parse(String((await answers.next()).value))
}
await ask(1, 'initialize', {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'agent', version: '1' },
})
for (const to of ['bob@example.com', 'eve@evil.test']) {
  const { result } = await ask(2, 'tools/call', { name: 'send', arguments: { to } })
  shown.push(
    `agent> send ${JSON.stringify({ to })}`,
    ...(result.content[0]?.text ?? '').split('\n').map((line) => `mail>  ${line}`),
  )
}
client.kill()
spawnSync(process.execPath, [program, 'stop'], { env })
writeFileSync(`${root}packages/cli/spec/wrap.svg`, svgOf(shown.flatMap(foldedOf)))
rmSync(home, { recursive: true, force: true })

/** A line without names of this machine, in lines of at most 104 characters. */
function foldedOf(line: string): readonly string[] {
  const plain = line
    .replaceAll(home, '~')
    .replaceAll(process.execPath, 'node')
    .replace(/did:key:(z6Mk\w{4})\w+/g, 'did:key:$1…')
  return plain.match(/.{1,104}(?: |$)|.{1,104}/g) ?? ['']
}

function svgOf(lines: readonly string[]): string {
  const escaped = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const height = 40 + lines.length * 19
  const rows = lines.map((line, at) => {
    const colour = /^[$#]/.test(line) ? '#7ee787' : /^mail>/.test(line) ? '#ffa657' : '#e6edf3'
    return `<text x="20" y="${36 + at * 19}" fill="${colour}" xml:space="preserve">${escaped(line)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="${height}" viewBox="0 0 900 ${height}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13.5">
<title>procura wrap, procura start, and the first refused call</title>
<rect width="900" height="${height}" rx="8" fill="#0d1117"/>
${rows.join('\n')}
</svg>
`
}
