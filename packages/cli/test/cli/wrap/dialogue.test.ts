import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run } from '../../../src/cli/run.ts'
import { mailServer } from '../../gateway/serve/gateway-home.ts'
import type { CliResult } from '../run-cli.ts'
import { type Machine, newMachine } from './set-up.ts'

const canary = 'canary-of-the-mail-key'
let machine: Machine
beforeEach(() => {
  machine = newMachine()
})
afterEach(() => machine.remove())

/** Runs the dialogue. The person types the next answer when a question is shown. */
async function talk(answers: readonly string[], ...more: readonly string[]): Promise<CliResult> {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  const [out, err, rest]: [string[], string[], string[]] = [[], [], [...answers]]
  const output = {
    isTTY: true,
    columns: 100,
    write(text: string) {
      err.push(text)
      const answer = rest.shift()
      setTimeout(() => (answer === undefined ? input.end() : input.write(`${answer}\n`)), 50)
    },
  }
  const code = await run(['wrap', '--key-file', machine.keyFile, ...more], {
    env: machine.env,
    program: ['/usr/bin/node', '/opt/procura/procura.js'],
    print: (line) => void out.push(line),
    complain: (line) => void err.push(line),
    isTerminal: true,
    terminal: { input, output, readingMs: 5 },
    readInput: async () => new Uint8Array(),
    askHidden: async () => undefined,
  })
  return { code, out: out.join('\n'), err: err.join('\n') }
}

const server = (env: object = {}): object => ({
  ...{ command: process.execPath, args: [mailServer], env: { MAIL_KEY: canary, ...env } },
})
const toolsFile = (...tools: readonly object[]): string =>
  machine.write('tools.json', JSON.stringify(tools.map((tool) => ({ inputSchema: { type: 'object' }, ...tool }))))
const reads = { readOnlyHint: true }
const gateway = (): Readonly<Record<string, { readonly approvals?: object }>> =>
  JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8')).servers
/** The files of the user, with their content. */
const files = (): readonly string[] =>
  readdirSync(machine.folder, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => `${join(one.parentPath, one.name)} ${readFileSync(join(one.parentPath, one.name), 'utf8')}`)
    .sort()

describe('`wrap` without a path', () => {
  it('finds the clients, asks about the tools that write, and wraps after a yes [WRP-79, WRP-81]', async () => {
    const TOOLS_FILE = toolsFile({ name: 'list', annotations: reads }, { name: 'send' }, { name: 'delete' })
    const claude = machine.write('.claude.json', JSON.stringify({ mcpServers: { mail: server({ TOOLS_FILE }) } }))
    const codex = machine.write(
      '.codex/config.toml',
      `[mcp_servers.post]\ncommand = "${process.execPath}"\nargs = ["${mailServer}"]\nenv = { MAIL_KEY = "another-${canary}" }\n`,
    )
    machine.write('.bash_history', `export MAIL_KEY=${canary}\n`)
    const before = files()
    // Not a yes: nothing is changed, and nothing else was written on the way.
    const no = await talk(['all', '', 'out', 'out*', 'no'])
    expect([no.code, files()]).toEqual([1, before])
    expect(no.err).toContain('says that these tools only read, so they are delegated: `list`')
    expect(no.err).toMatch(/warning: .*\.bash_history:1 contains the secret mail\.MAIL_KEY in the clear/)
    expect(no.err).toContain('not delegated: `delete`')
    expect(no.err).toContain('post stays as it is')
    expect(no.err).not.toContain(canary)
    const command = `procura wrap ${claude} --key-file ${machine.keyFile} --server mail --tools mail/list --tools mail/send --approve mail/send`
    expect(no.err).toContain(`the command for this: ${command}\n`)
    // The same with a yes, for both clients.
    const yes = await talk(['1 2', 'ask', 'out', 'all*', 'yes'])
    expect([yes.code, yes.err]).toEqual([0, expect.stringContaining('may call the tool list of mail')])
    for (const path of [claude, codex]) expect(readFileSync(path, 'utf8')).not.toContain(canary)
    expect(gateway()).toMatchObject({ mail: { approvals: { send: {} } }, post: {} })
    expect(gateway()['post']?.approvals).toBeUndefined()
    expect(yes.err).not.toContain('may call the tool delete')
    expect(await talk([])).toMatchObject({
      code: 0,
      err: expect.stringContaining('has a server to wrap; pass the path'),
    })
  })

  it('changes nothing when the input ends, and proposes an approval for each tool [WRP-79]', async () => {
    machine.write('.claude.json', JSON.stringify({ mcpServers: { mail: server() } }))
    const before = files()
    const { code, err } = await talk(['all'])
    expect([code, files()]).toEqual([1, before])
    expect(err).toContain('--approve mail/send --approve mail/secret')
    expect(await talk(['none'])).toMatchObject({ code: 1, err: expect.stringContaining('nothing is changed') })
  })

  it('shows the names of a hostile server, and puts none of them into a command [WRP-81]', async () => {
    const names = ['*', '--approve', "x'; touch canary; '", 'a\u001b[2J', 'send `procura revoke`', 'x\ny']
    const TOOLS_FILE = toolsFile({ name: 'list' }, ...names.map((name) => ({ name, annotations: reads })))
    machine.write('.claude.json', JSON.stringify({ mcpServers: { mail: server({ TOOLS_FILE }) } }))
    const { code, err } = await talk(['1', 'all', 'yes'])
    expect(code).toBe(0)
    expect(err).toMatch(/left out, because no command can name them: `\*`, `--approve`/)
    expect(err).toMatch(/the command for this: .* --server mail --tools mail\/list$/m)
    expect(err).not.toContain('\u001b')
    expect(err).toContain('may call the tool list of mail')
    expect(err).not.toContain('may call every tool')
  })

  it('starts a server once, in an empty folder, with its key, and takes one that fails [WRP-80]', async () => {
    const started = machine.write('started', '')
    const script = machine.write(
      'server.mjs',
      `import { appendFileSync, readdirSync } from 'node:fs'
appendFileSync(${JSON.stringify(started)}, \`\${process.env.MAIL_KEY} \${readdirSync('.').length}\\n\`)
process.stderr.write(process.env.MAIL_KEY)
process.exit(3)
`,
    )
    const entry = { command: process.execPath, args: [script], env: { MAIL_KEY: canary } }
    machine.write('.claude.json', JSON.stringify({ mcpServers: { mail: entry } }))
    const { code, err } = await talk(['all', '', 'yes'])
    expect(readFileSync(started, 'utf8')).toBe(`${canary} 0\n`)
    expect([code, err]).toEqual([0, expect.stringContaining('mail did not list its tools: it ended')])
    expect(gateway()['mail']?.approvals).toEqual({ '*': {} })
    expect(err).not.toContain(canary)
  })

  it('asks a server of HTTP with its key, and follows no redirect [WRP-80]', async () => {
    const { createServer } = await import('node:http')
    const seen: unknown[] = []
    const http = createServer(({ headers, url }, response) => {
      seen.push([url, headers['x-api-key']])
      response.writeHead(307, { location: '/other' }).end()
    })
    await new Promise<void>((done) => http.listen(0, '127.0.0.1', done))
    const { port } = http.address() as { port: number }
    const entry = { type: 'http', url: `http://127.0.0.1:${port}/mcp`, headers: { 'X-Api-Key': canary } }
    machine.write('.claude.json', JSON.stringify({ mcpServers: { crm: entry } }))
    const { code, err } = await talk(['all', 'out'])
    http.close()
    expect(new Set(seen.map(String))).toEqual(new Set([`/mcp,${canary}`]))
    expect([code, err]).toEqual([1, expect.stringContaining('crm stays as it is')])
  })

  it('needs a terminal, and takes no option about one configuration [WRP-79]', async () => {
    const path = machine.write('.claude.json', JSON.stringify({ mcpServers: { mail: server() } }))
    expect(await machine.procura(['wrap'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('`procura wrap FILE`'),
    })
    expect(await talk([], '--tools', 'send')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--tools is about'),
    })
    expect([readFileSync(path, 'utf8').includes(canary), existsSync(machine.home)]).toEqual([true, false])
  })

  it.runIf(process.getuid?.() === 0)('is not about the clients of root, as under sudo [WRP-82]', async () => {
    machine.write('.claude.json', JSON.stringify({ mcpServers: { mail: server() } }))
    Object.assign(machine.env, { SUDO_UID: '1000' })
    expect(await talk([])).toMatchObject({
      code: 2,
      err: expect.stringContaining('run `procura wrap` without sudo, as the user of the agent'),
    })
  })

  it('goes on where a configuration cannot be read [WRP-79]', async () => {
    mkdirSync(join(machine.folder, '.cursor'))
    writeFileSync(join(machine.folder, '.cursor', 'mcp.json'), '{')
    machine.write('.claude.json', JSON.stringify({ mcpServers: { mail: server() } }))
    const { code, err } = await talk(['1', 'all*', 'yes'])
    expect([code, err]).toEqual([0, expect.stringMatching(/left out: .*\.cursor\/mcp\.json/)])
    expect(err).toMatch(/the command for this: .* --server mail$/m)
  })

  it('starts no server without a word of a person, as at the end of the input [WRP-79]', async () => {
    const started = join(machine.folder, 'started')
    const args = ['-e', `require('fs').writeFileSync(${JSON.stringify(started)}, '')`]
    machine.write('.claude.json', JSON.stringify({ mcpServers: { mail: { command: process.execPath, args } } }))
    for (const answers of [[], [''], ['none']]) {
      const { code, err } = await talk(answers)
      expect([code, err]).toEqual([1, expect.stringContaining('nothing is changed')])
      expect([answers, existsSync(started)]).toEqual([answers, false])
    }
  })
})
