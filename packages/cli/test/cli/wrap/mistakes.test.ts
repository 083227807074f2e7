import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundleProcura } from '../../../../../test/support/bundle-program.ts'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

const canary = 'canary-of-the-mail-key'
const env = { MAIL_KEY: canary }
const json = (key: string): string => JSON.stringify({ [key]: { mail: { command: 'node', args: ['m.mjs'], env } } })
const clients: readonly (readonly [client: string, file: string, text: string, empty: string])[] = [
  ['Claude Code', '.claude.json', json('mcpServers'), '{"mcpServers":{}}'],
  ['Claude Code, of a project', 'p/.mcp.json', json('mcpServers'), '{}'],
  ['Claude Desktop', '.config/Claude/claude_desktop_config.json', json('mcpServers'), '{"mcpServers":{}}'],
  ['Cursor', '.cursor/mcp.json', json('mcpServers'), '{"mcpServers":{}}'],
  ['VS Code', '.config/Code/User/mcp.json', json('servers'), '{"servers":{}}'],
  [
    'Codex',
    '.codex/config.toml',
    `[mcp_servers.mail]\ncommand = "node"\nargs = ["m.mjs"]\nenv = { MAIL_KEY = "${canary}" }\n`,
    'model = "o"\n',
  ],
]

let machine: Machine
beforeEach(() => {
  machine = newMachine()
})
afterEach(() => machine.remove())

const { wrap, unwrap } = wrapVerbs(() => machine)

for (const [client, name, text, empty] of clients) {
  describe(`a new user of ${client}`, () => {
    it('learns the next step from each mistake, and loses nothing', async () => {
      const path = join(machine.folder, name)
      expect(await wrap(path)).toMatchObject({ code: 2, err: expect.stringContaining('does not exist; pass') })
      machine.write(name, empty)
      // Without a server, the name of the file alone tells which client it is of.
      const chosen = client === 'VS Code' ? ['--client', 'vscode'] : []
      expect(await wrap(path, ...chosen)).toMatchObject({ code: 0, err: expect.stringContaining('has no MCP server') })
      machine.write(name, ' \n')
      if (!name.endsWith('.toml'))
        expect((await wrap(path, ...chosen)).err).toContain('the file is empty; pass the configuration')
      machine.write(name, text)
      expect(await wrap(path, '--server', 'mial')).toMatchObject({
        ...{ code: 2, err: expect.stringContaining('has no server `mial`; it has `mail`') },
      })
      expect(readFileSync(path, 'utf8')).toBe(text)
      expect(await wrap(path)).toMatchObject({ code: 0 })
      const wrapped = readFileSync(path, 'utf8')
      expect(wrapped).not.toContain(canary)
      // A second time.
      expect(await wrap(path)).toMatchObject({
        code: 0,
        err: expect.stringContaining('it is already behind the gateway'),
      })
      expect(readFileSync(path, 'utf8')).toBe(wrapped)
      // The file is deleted, and comes back.
      rmSync(path)
      const gone = await unwrap(path)
      expect(gone).toMatchObject({ code: 2, err: expect.stringContaining('restore it from a backup') })
      expect(gone.err).toContain('`procura connect mail`')
      // The user edits it: the change stays.
      const isToml = name.endsWith('.toml')
      const edited = isToml ? `# mine\n${wrapped}` : wrapped.replace('{', '{"mine":1,')
      writeFileSync(path, edited)
      expect(await unwrap(path)).toMatchObject({ code: 0, out: expect.stringContaining('the other changes stay') })
      const back = readFileSync(path, 'utf8')
      expect(back).toContain(canary)
      expect(back).toContain('mine')
      expect(await unwrap(path)).toMatchObject({ code: 0, err: expect.stringContaining('nothing to unwrap') })
    }, 60_000)
  })
}

describe('an option that would have no effect, or another one', () => {
  it('is refused: a server with a colon, and another client for `unwrap` [WRP-10]', async () => {
    const path = machine.write('.mcp.json', json('mcpServers'))
    for (const option of ['--tools', '--approve'])
      expect(await wrap(path, option, 'mail:send')).toMatchObject({
        ...{ code: 2, err: expect.stringContaining('a tool of mail is named with a colon; write mail/send') },
      })
    expect(await wrap(path)).toMatchObject({ code: 0 })
    expect(await unwrap(path, '--client', 'cursor')).toMatchObject({
      ...{ code: 2, err: expect.stringContaining('was wrapped as a file of claude; leave out --client') },
    })
    expect(await unwrap(path, '--client', 'claude')).toMatchObject({ code: 0 })
  })
})

describe('a variable that the user has misspelled', () => {
  it('does not leave the one that was meant in the clear [WRP-03]', async () => {
    const text = '{"mcpServers":{"mail":{"command":"cat","env":{"MAIL_URL":"https://a.example/"}}}}'
    const path = machine.write('.mcp.json', text)
    for (const option of ['--secret', '--plain'])
      expect(await wrap(path, option, 'MAIL_ULR')).toMatchObject({
        ...{ code: 2, err: expect.stringContaining('no server has a variable or header `MAIL_ULR`') },
      })
    expect((await wrap(path, '--secret', 'MAIL_ULR')).err).toContain('they have `MAIL_URL`')
    expect(readFileSync(path, 'utf8')).toBe(text)
    expect(await wrap(path, '--secret', 'MAIL_URL')).toMatchObject({
      ...{ code: 0, err: expect.stringContaining('MAIL_URL: into the vault, because named by --secret') },
    })
  })
})

describe('a server that the user removed or replaced after `wrap`', () => {
  it('stays behind the gateway, and the message names the way to it [WRP-15]', async () => {
    const path = machine.write('.mcp.json', json('mcpServers'))
    await wrap(path)
    writeFileSync(path, '{"mcpServers":{}}')
    const { code, err } = await unwrap(path)
    expect([code, err]).toEqual([
      0,
      expect.stringContaining('mail stays: it was removed from the file; its credentials'),
    ])
    expect(err).toContain('`procura connect mail` still reaches it')
    const gateway = JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8'))
    expect(Object.keys(gateway.servers)).toEqual(['mail'])
  })
})

describe('a user without permission', () => {
  it('learns which file or folder is the reason, and nothing is stored [WRP-17]', async () => {
    // The superuser is not stopped by a mode, so the program runs as another user then.
    const isRoot = process.getuid?.() === 0
    const user = isRoot ? { uid: 65_534, gid: 65_534 } : {}
    const folder = mkdtempSync(join(tmpdir(), 'procura-other-'))
    const program = await bundleProcura(folder)
    const home = join(folder, 'home')
    mkdirSync(join(home, 'p'), { recursive: true })
    for (const one of [folder, program, home, join(home, 'p')]) chmodSync(one, 0o755)
    if (isRoot) for (const one of [home, join(home, 'p')]) chownSync(one, 65_534, 65_534)
    const path = join(home, 'p', '.mcp.json')
    writeFileSync(path, json('mcpServers'))
    if (isRoot) chownSync(path, 65_534, 65_534)
    const run = (more: Readonly<Record<string, string>> = {}): string => {
      const options = { ...user, cwd: home, env: { PATH: process.env['PATH'], HOME: home, ...more } }
      const words = [program, 'wrap', path, '--key-file', join(home, 'vault.key')]
      const { status, stdout, stderr } = spawnSync(process.execPath, words, { ...options, encoding: 'utf8' })
      return `${status} ${stdout}${stderr}`
    }
    chmodSync(path, 0o000)
    expect(run()).toMatch(/^2 procura: .*cannot be read \(EACCES\); run this as its owner/)
    chmodSync(path, 0o600)
    chmodSync(join(home, 'p'), 0o555)
    expect(run()).toMatch(
      /^2 procura: the folder .*\/p` cannot be written \(EACCES\), so `\.mcp\.json` cannot be replaced/,
    )
    expect(existsSync(join(home, '.config', 'procura', 'vault'))).toBe(false)
    chmodSync(join(home, 'p'), 0o755)
    expect(run({ PROCURA_HOME: join(home, 'p', '.mcp.json', 'x') })).toMatch(/^2 procura: .*ENOTDIR/)
    mkdirSync(join(home, 'closed'), { mode: 0o555 })
    if (isRoot) chownSync(join(home, 'closed'), 65_534, 65_534)
    expect(run({ PROCURA_HOME: join(home, 'closed', 'x') })).toMatch(
      /^2 procura: .*cannot be made \(EACCES\); choose another/,
    )
    expect(readFileSync(path, 'utf8')).toBe(json('mcpServers'))
    expect(run()).toMatch(/^0 /)
    expect(readFileSync(path, 'utf8')).not.toContain(canary)
    rmSync(folder, { recursive: true })
  }, 60_000)
})

describe('a configuration that another program holds', () => {
  let folder: string
  let program: string
  let home: string
  // The superuser can keep every owner, so the program runs as another user then.
  const isRoot = process.getuid?.() === 0
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'procura-other-'))
    program = await bundleProcura(folder)
    home = join(folder, 'home')
    mkdirSync(home)
    for (const one of [folder, program, home]) chmodSync(one, 0o755)
    writeFileSync(join(home, '.claude.json'), json('mcpServers'), { mode: 0o640 })
    if (isRoot) for (const one of [home, join(home, '.claude.json')]) chownSync(one, 65_534, 65_534)
  }, 60_000)
  afterEach(() => rmSync(folder, { recursive: true }))

  const path = (): string => join(home, '.claude.json')
  const run = (options: readonly string[], ...more: readonly string[]): string => {
    const words = [...options, program, 'wrap', path(), '--key-file', join(home, 'vault.key'), ...more]
    const { status, stdout, stderr } = spawnSync(process.execPath, words, {
      ...(isRoot && { uid: 65_534, gid: 65_534 }),
      ...{ cwd: home, env: { PATH: process.env['PATH'], HOME: home }, encoding: 'utf8' },
    })
    return `${status} ${stdout}${stderr}`
  }
  const files = (): readonly string[] => readdirSync(home).sort()

  it.runIf(isRoot)('is refused for its owner or its group before anything is written [WRP-73, WRP-35]', () => {
    chownSync(path(), 65_534, 0)
    for (const more of [['--dry-run'], []])
      expect(run([], ...more)).toMatch(/^2 procura: .*belongs to the group 0, which you are not in; give it a group/)
    chownSync(path(), 0, 65_534)
    for (const more of [['--dry-run'], []])
      expect(run([], ...more)).toMatch(/^2 procura: .*belongs to another user; run this as its owner/)
    expect(files()).toEqual(['.claude.json'])
    chownSync(path(), 65_534, 65_534)
    expect(run([])).toMatch(/^0 /)
    expect([statSync(path()).uid, statSync(path()).gid, statSync(path()).mode & 0o777]).toEqual([65_534, 65_534, 0o640])
  })

  it.runIf(isRoot)('is refused to root, whose files the agent could not read [WRP-82]', () => {
    const env = { PATH: process.env['PATH'], HOME: home, SUDO_UID: '65534' }
    const words = [program, 'wrap', path(), '--key-file', join(home, 'vault.key')]
    const { status, stderr } = spawnSync(process.execPath, words, { cwd: home, env, encoding: 'utf8' })
    expect([status, files()]).toEqual([2, ['.claude.json']])
    expect(stderr).toContain('belongs to another user; run this as its owner, without sudo')
  })

  it('and that it changes in the last steps is finished by the same command [WRP-73, WRP-08]', () => {
    const client = join(folder, 'client.mjs')
    const changed = `${json('mcpServers')}\n`
    // Another program writes the file when the configuration of the gateway is written.
    writeFileSync(
      client,
      `import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
const { renameSync } = fs
fs.renameSync = (from, to) => {
  if (to.endsWith('gateway.json')) fs.writeFileSync(${JSON.stringify(path())}, ${JSON.stringify(changed)})
  renameSync(from, to)
}
syncBuiltinESMExports()
`,
    )
    expect(run(['--import', client])).toMatch(
      /^2 procura: .*changed by another program just now; run this again; the home folder is prepared, so the next/,
    )
    expect(readFileSync(path(), 'utf8')).toBe(changed)
    expect(files().filter((name) => name.includes('procura-'))).toEqual([])
    expect(run([])).toMatch(/^0 /)
    expect(readFileSync(path(), 'utf8')).not.toContain(canary)
    const { servers } = JSON.parse(readFileSync(join(home, '.config/procura/gateway.json'), 'utf8'))
    expect(Object.keys(servers)).toEqual(['mail'])
  })
})

describe('a server that is behind another gateway', () => {
  it('is refused with the home folder, and moves by the command of the message [WRP-36]', async () => {
    const path = machine.write('.claude.json', json('mcpServers'))
    const original = readFileSync(path, 'utf8')
    const [first, second] = [join(machine.folder, 'first'), join(machine.folder, 'second')]
    expect(await wrap(path, '--home', first)).toMatchObject({ code: 0 })
    const wrapped = readFileSync(path, 'utf8')
    const elsewhere = ['--key-file', join(machine.folder, 'second.key'), '--home', second]
    const refused = await machine.procura(['wrap', path, ...elsewhere])
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringContaining(
        `it is already behind the gateway of \`${first}\`; to move it behind the one of \`${second}\`, run \`procura unwrap ${path} --home ${first}\`, and wrap it again`,
      ),
    })
    expect([readFileSync(path, 'utf8') === wrapped, existsSync(second)]).toEqual([true, false])
    const facts = await machine.procura(['wrap', path, ...elsewhere, '--json'])
    expect(JSON.parse(facts.out)).toMatchObject({ left: [], refused: [{ name: 'mail', reason: expect.any(String) }] })
    const other = await machine.procura(['unwrap', path, ...elsewhere])
    expect(other).toMatchObject({ code: 2, err: expect.stringContaining(`name their home folder \`${first}\` with`) })
    expect(await machine.procura(['unwrap', path, '--home', first])).toMatchObject({ code: 0 })
    expect(readFileSync(path, 'utf8')).toBe(original)
    expect(await machine.procura(['wrap', path, ...elsewhere])).toMatchObject({ code: 0 })
    expect(readFileSync(path, 'utf8')).toContain(second)
  })

  it('is not one whose home folder has another spelling [WRP-36]', async () => {
    const path = machine.write('.claude.json', json('mcpServers'))
    expect(await wrap(path)).toMatchObject({ code: 0 })
    symlinkSync(machine.home, join(machine.folder, 'link'))
    for (const home of [join(machine.folder, 'link'), `${machine.home}/`, join(machine.home, '..', 'procura')])
      expect(await wrap(path, '--home', home), home).toMatchObject({
        code: 0,
        err: expect.stringContaining('it is already behind the gateway\n'),
      })
  })

  it('is refused as another agent, with the one that it has [WRP-36]', async () => {
    const path = machine.write('.claude.json', json('mcpServers'))
    expect(await wrap(path, '--agent', 'assistant')).toMatchObject({ code: 0 })
    expect(await wrap(path, '--agent', 'researcher')).toMatchObject({
      code: 1,
      err: expect.stringContaining(
        `as the agent \`assistant\`; to change the agent, run \`procura unwrap ${path}\`, and wrap it again`,
      ),
    })
    for (const same of [[], ['--agent', 'assistant']]) expect(await wrap(path, ...same)).toMatchObject({ code: 0 })
    expect(existsSync(join(machine.home, 'agents', 'researcher'))).toBe(false)
  })
})

describe('the name of an agent', () => {
  const servers = (name: string): string =>
    JSON.stringify({ mcpServers: { [name]: { command: 'node', args: ['m.mjs'], env } } })
  const agents = (): readonly string[] => readdirSync(join(machine.home, 'agents')).sort()

  it('that does not exist yet is taken, and its folder is named [WRP-37]', async () => {
    const made = await wrap(machine.write('.claude.json', servers('mail')), '--agent', 'assistant')
    const folder = join(machine.home, 'agents', 'assistant')
    expect(made).toMatchObject({ code: 0, err: expect.stringContaining(`made the agent assistant in ${folder}\n`) })
    const again = await wrap(machine.write('p/.mcp.json', servers('notes')), '--agent', 'assistant')
    expect([again.code, again.err.includes('made the agent')]).toEqual([0, false])
    for (const [number, name] of ['researcher', 'assistant-2', 'codex', 'bot-1', 'bot-2', 'ann', 'ada'].entries())
      expect(
        await wrap(machine.write(`${number}/.mcp.json`, servers(`s${number}`)), '--agent', name),
        name,
      ).toMatchObject({ code: 0, err: expect.stringContaining(`made the agent ${name}`) })
  }, 60_000)

  it('that is nearly the one of an agent is refused, and nothing is written [WRP-37]', async () => {
    expect(await wrap(machine.write('.claude.json', servers('mail')), '--agent', 'assistant')).toMatchObject({
      code: 0,
    })
    const path = machine.write('p/.mcp.json', servers('notes'))
    const before = readFileSync(join(machine.home, 'gateway.json'), 'utf8')
    for (const name of ['asistant', 'assitsant', 'Assistant', 'assistent', 'assistants', 'ssistant', 'asisstant']) {
      const message = `there is no agent \`${name}\`; did you mean \`assistant\`? To make another agent, run \`procura agent new ${name} --like assistant\` first`
      for (const more of [[], ['--dry-run']])
        expect(await wrap(path, '--agent', name, ...more)).toMatchObject({
          code: 2,
          err: expect.stringContaining(message),
        })
      const words = ['api', 'add', 'crm', 'https://api.example.com', '--bearer', '--agent', name]
      expect(await machine.procura(words, { typed: [canary] })).toMatchObject({
        code: 2,
        err: expect.stringContaining(message),
      })
    }
    expect([agents(), readFileSync(join(machine.home, 'gateway.json'), 'utf8')]).toEqual([['assistant'], before])
    expect(await machine.procura(['agent', 'new', 'assistent', '--like', 'assistant'])).toMatchObject({ code: 0 })
    expect(await wrap(path, '--agent', 'assistent')).toMatchObject({ code: 0 })
    expect(agents()).toEqual(['assistant', 'assistent'])
  }, 60_000)

  it('of a client is taken, however near it is: nobody has typed it [WRP-37]', async () => {
    expect(await wrap(machine.write('.claude.json', servers('mail')), '--agent', 'cluade')).toMatchObject({ code: 0 })
    expect(await wrap(machine.write('p/.mcp.json', servers('notes')))).toMatchObject({ code: 0 })
    expect(agents()).toEqual(['claude', 'cluade'])
  })
})
