import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileDelegationStore } from 'procura/agent/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { clientOf } from '../../../src/cli/clients/client.ts'
import { checkWrapped } from '../../../src/cli/wrap/apply-wrap.ts'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

let machine: Machine

beforeEach(() => {
  machine = newMachine()
})
afterEach(() => machine.remove())

const { wrap, unwrap } = wrapVerbs(() => machine)
const credentials = async (): Promise<string> =>
  (await machine.procura(['vault', 'list', '--file', join(machine.home, 'vault'), '--key-file', machine.keyFile])).out
const servers = (): string[] =>
  Object.keys(JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8')).servers)

const config = `{
\t// The mail of the team.
\t"mcpServers": {
\t\t"mail": {
\t\t\t"command": "node",   // found in PATH
\t\t\t"args": [ "mail.mjs" ],
\t\t\t"env": { "MAIL_KEY": "canary-1", },
\t\t},
\t\t"crm": { "type": "http", "url": "https://crm.example/mcp",
\t\t\t"headers": { "X-Api-Key": "canary-2" } },
\t},
}
`

const codex = `model = "gpt-5" # the model

[mcp_servers.mail]
command = "node"
args = [
  "mail.mjs", # the program
]

[mcp_servers.mail.env]
# from the safe
MAIL_KEY = 'canary-1'

[mcp_servers.crm]
url = "https://crm.example/mcp"
http_headers = { "X-Api-Key" = "canary-2" }
startup_timeout_sec = 20

[profiles.x]
a = 1
`

describe('a home folder whose vault is missing', () => {
  it('gets no new vault, and its records stay [WRP-88]', async () => {
    const file = machine.write('.mcp.json', config)
    expect((await wrap(file)).code).toBe(0)
    const wrapped = readFileSync(file, 'utf8')
    const vault = join(machine.home, 'vault')
    renameSync(vault, `${vault}.gone`)
    const other = machine.write('other/.mcp.json', config)
    for (const { code, err } of [await unwrap(file), await wrap(other), await wrap(other, '--dry-run')]) {
      expect(code).toBe(2)
      expect(err).toContain(
        `the vault \`${vault}\` is missing; restore it from a backup; without one, its keys are lost`,
      )
    }
    expect([existsSync(vault), readFileSync(file, 'utf8') === wrapped]).toEqual([false, true])
    renameSync(`${vault}.gone`, vault)
    expect((await unwrap(file)).code).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe(config)
  })
})

describe('procura unwrap', () => {
  for (const [name, text] of [
    ['.mcp.json', config],
    ['.mcp.json', `\ufeff${config.replaceAll('\n', '\r\n')}`],
    ['config.toml', codex],
    ['config.toml', `\ufeff${codex.replaceAll('\n', '\r\n')}`],
  ] as const) {
    it(`gives back the bytes of ${name}${text.includes('\r') ? ' with CRLF and a byte order mark' : ''} [WRP-09]`, async () => {
      const path = machine.write(name, text)
      expect((await wrap(path)).code).toBe(0)
      expect(readFileSync(path, 'utf8')).not.toContain('canary')
      const { mode } = statSync(path)
      expect(await unwrap(path)).toMatchObject({ code: 0, out: expect.stringContaining('has its original bytes') })
      expect(readFileSync(path, 'utf8')).toBe(text)
      expect(statSync(path).mode).toBe(mode)
      expect(await unwrap(path)).toMatchObject({ code: 0, err: expect.stringContaining('nothing to unwrap') })
    })
  }

  it('gives back the servers of a file that its client has rewritten, and keeps the rest [WRP-09]', async () => {
    const path = machine.write(
      '.claude.json',
      JSON.stringify({
        a: 1,
        mcpServers: { mail: { command: 'node', args: ['mail.mjs'], env: { MAIL_KEY: 'canary' } }, x: { command: 'x' } },
      }),
    )
    await wrap(path, '--server', 'mail')
    const now = JSON.parse(readFileSync(path, 'utf8'))
    delete now.mcpServers.x
    now.mcpServers.y = { command: 'y' }
    now.mcpServers.mail.disabled = true
    now.mcpServers.mail.env.ADDED = 'later'
    now.a = 2
    writeFileSync(path, JSON.stringify(now, null, 4))
    expect(await unwrap(path)).toMatchObject({ code: 0, out: expect.stringContaining('the other changes stay') })
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      a: 2,
      mcpServers: {
        mail: { command: 'node', args: ['mail.mjs'], env: { MAIL_KEY: 'canary', ADDED: 'later' }, disabled: true },
        y: { command: 'y' },
      },
    })
  })

  it('keeps what was added to a table of Codex, below it and elsewhere [WRP-09]', async () => {
    const path = machine.write('config.toml', codex)
    await wrap(path)
    const now = readFileSync(path, 'utf8')
      .replace(
        '[mcp_servers.crm]',
        '[mcp_servers.mail.tools.send]\napproval_mode = "never"\n\n[mcp_servers.crm]\nenabled = false',
      )
      .replace('startup_timeout_sec = 20', 'startup_timeout_sec = 30')
    writeFileSync(path, `${now}\n[projects."/x"]\ntrust_level = "trusted"\n`)
    expect((await unwrap(path)).code).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe(
      `${codex
        .replace('[mcp_servers.crm]', '[mcp_servers.mail.tools.send]\napproval_mode = "never"\n\n[mcp_servers.crm]')
        .replace(
          'startup_timeout_sec = 20',
          'startup_timeout_sec = 30\nenabled = false',
        )}\n[projects."/x"]\ntrust_level = "trusted"\n`,
    )
  })

  it('undoes several runs, the last one first [WRP-09]', async () => {
    const path = machine.write('.mcp.json', config)
    await wrap(path, '--server', 'crm')
    await wrap(path, '--server', 'mail')
    expect(servers()).toEqual(['crm', 'mail'])
    await unwrap(path)
    expect(readFileSync(path, 'utf8')).toBe(config)
    expect(servers()).toEqual([])
  })

  it('removes what only this configuration needed [WRP-15]', async () => {
    const one = machine.write('.cursor/mcp.json', config)
    const other = machine.write('claude_desktop_config.json', config)
    await wrap(one)
    await wrap(other)
    expect(servers()).toEqual(['mail', 'crm'])
    await unwrap(one)
    expect(servers()).toEqual(['mail', 'crm'])
    expect(await fileDelegationStore({ path: join(machine.home, 'agents', 'cursor', 'delegations') }).load({})).toEqual(
      [],
    )
    expect(readFileSync(one, 'utf8')).toBe(config)
    await unwrap(other)
    expect(servers()).toEqual([])
    // A record of delegations stays until the gateway has confirmed their end.
    expect((await credentials()).replace(/^procura-wrap\/issued-.*\n?/gm, '')).toBe('')
    expect(readdirSync(join(machine.home, 'wrapped'))).toEqual([])
  })

  it('leaves servers and credentials with --keep-vault [WRP-15]', async () => {
    const path = machine.write('.mcp.json', config)
    await wrap(path)
    await unwrap(path, '--keep-vault')
    expect(readFileSync(path, 'utf8')).toBe(config)
    expect(servers()).toEqual(['mail', 'crm'])
    expect((await credentials()).split('\n').map((line) => line.split('\t')[0])).toEqual([
      ...['mail.MAIL_KEY', 'crm.X-Api-Key'],
      // The delegations are valid.
      'procura-wrap/issued-claude',
    ])
  })

  it('keeps the credentials of a server that the user has removed or replaced [WRP-15]', async () => {
    const path = machine.write('.mcp.json', config)
    await wrap(path)
    const now = readFileSync(path, 'utf8')
    writeFileSync(
      path,
      now
        .replace(/"crm": [^}]*\},\n/, '')
        .replace(/"command": ".*node"/, '"command": "mine"')
        .replace(/"args": .*mail.*\]/, '"args": []'),
    )
    const { code, err } = await unwrap(path)
    expect([code, err]).toEqual([0, expect.stringContaining('mail stays: it runs another command now')])
    expect((await credentials()).split('\n').map((line) => line.split('\t')[0])).toEqual([
      ...['mail.MAIL_KEY', 'crm.X-Api-Key'],
      // The delegations are valid.
      'procura-wrap/issued-claude',
    ])
  })

  it('refuses a file that another home folder has wrapped, and a key that does not open the vault', async () => {
    const path = machine.write('.mcp.json', config)
    await wrap(path)
    const other = await machine.procura(['unwrap', path, '--home', join(machine.folder, 'other')])
    expect(other).toMatchObject({
      code: 2,
      err: expect.stringContaining(`name their home folder \`${machine.home}\` with --home`),
    })
    writeFileSync(machine.keyFile, Buffer.alloc(32))
    expect(await unwrap(path)).toMatchObject({ code: 2, err: expect.stringContaining('ERR_VAULT_INTEGRITY') })
    expect(readFileSync(path, 'utf8')).toContain('connect')
    expect(existsSync(join(machine.home, 'gateway.json'))).toBe(true)
  })

  it('writes nothing in a dry run', async () => {
    const path = machine.write('.mcp.json', config)
    await wrap(path)
    const before = readFileSync(path)
    expect((await unwrap(path, '--dry-run')).out).toContain('would restore 2 servers')
    expect(readFileSync(path)).toEqual(before)
  })
})

describe('the check before a configuration is written', () => {
  it('refuses a text in which another server was changed, or a wrapped one is wrong [WRP-07]', () => {
    const client = clientOf('claude')
    const read = (mail: object, crm: object): ReturnType<typeof client.read> =>
      client.read(JSON.stringify({ mcpServers: { mail, crm } }))
    const before = read({ command: 'a' }, { command: 'b' })
    const plans = [{ entry: before.servers[0], server: 'mail' }] as never
    const target = { agent: 'x', home: '/h' }
    const program = ['/p/procura.js']
    const right = { command: '/p/procura.js', args: ['connect', 'mail', '--agent', 'x', '--home', '/h'] }
    expect(() => checkWrapped(before, read(right, { command: 'b' }), plans, program, target)).not.toThrow()
    for (const wrong of [
      read(right, { command: 'c' }),
      read({ ...right, args: [] }, { command: 'b' }),
      read({ ...right, command: 'a' }, { command: 'b' }),
      client.read(JSON.stringify({ mcpServers: { mail: right } })),
      client.read(JSON.stringify({ mcpServers: { crm: { command: 'b' }, mail: right } })),
    ])
      expect(() => checkWrapped(before, wrong, plans, program, target)).toThrow('nothing is written')
  })
})
