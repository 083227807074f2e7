import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

let machine: Machine
let path: string
const reference = `$\{TEAM_MAIL_KEY}`
const shared = JSON.stringify({
  mcpServers: { mail: { command: 'node', args: ['m.mjs'], env: { MAIL_KEY: reference } } },
})
beforeEach(() => {
  machine = newMachine()
  path = machine.write("our project's/.mcp.json", shared)
})
afterEach(() => machine.remove())

const { wrap } = wrapVerbs(() => machine)
function git(...words: readonly string[]): void {
  const { status, stderr } = spawnSync('git', ['-C', dirname(path), ...words], { encoding: 'utf8' })
  expect([status, stderr]).toEqual([0, ''])
}

describe('a `.mcp.json` in a git repository', () => {
  it('that is tracked is refused, and the commands of the message wrap it for this user [WRP-74]', async () => {
    git('init', '-q')
    git('add', '.mcp.json')
    for (const more of [[], ['--dry-run'], ['--from-env']]) {
      const { code, err } = await wrap(path, ...more)
      expect([code, err]).toEqual([2, expect.stringContaining('is shared by git, so it stays as it is')])
      expect(err).toContain('`procura wrap ~/.claude.json --server mail --key-file ')
    }
    expect([readFileSync(path, 'utf8'), existsSync(machine.home)]).toEqual([shared, false])
    // The command is pasted into a shell, where Claude Code puts the server into the project of its own file.
    const { err } = await wrap(path)
    const [, command = ''] = /`(cd .+? mail\)")`/.exec(err) ?? []
    mkdirSync(join(machine.folder, 'bin'))
    writeFileSync(
      join(machine.folder, 'bin', 'claude'),
      `#!${process.execPath}
const [,, ...words] = process.argv
if (words.slice(0, 4).join(' ') !== 'mcp add-json --scope local') process.exit(3)
const projects = { [process.cwd()]: { mcpServers: { [words[4]]: JSON.parse(words[5]) } } }
require('fs').writeFileSync(process.env.HOME + '/.claude.json', JSON.stringify({ projects }))
`,
      { mode: 0o755 },
    )
    const env = { ...process.env, ...machine.env, PATH: `${join(machine.folder, 'bin')}:${process.env['PATH']}` }
    const pasted = spawnSync('/bin/sh', ['-c', command], { cwd: '/', env, encoding: 'utf8' })
    expect([pasted.status, pasted.stderr]).toEqual([0, ''])
    const own = join(machine.folder, '.claude.json')
    expect(readFileSync(own, 'utf8')).toContain(reference)
    const words = ['wrap', own, '--server', 'mail', '--from-env', '--key-file', machine.keyFile]
    const wrapped = await machine.procura(words, { env: { TEAM_MAIL_KEY: 'canary-of-the-team' } })
    expect(wrapped).toMatchObject({ code: 0, err: expect.stringContaining('MAIL_KEY: into the vault') })
    expect(readFileSync(own, 'utf8')).not.toContain('TEAM_MAIL_KEY')
    expect(readFileSync(path, 'utf8')).toBe(shared)
  })

  it('that is not tracked is wrapped, whatever variables of git name [WRP-74]', async () => {
    git('init', '-q')
    const other = machine.write('other/.mcp.json', '{}')
    spawnSync('git', ['-C', dirname(other), 'init', '-q'])
    spawnSync('git', ['-C', dirname(other), 'add', '.mcp.json'])
    const names = { GIT_DIR: join(dirname(other), '.git'), GIT_WORK_TREE: dirname(other) }
    const words = ['wrap', path, '--from-env', '--key-file', machine.keyFile]
    const env = { ...names, TEAM_MAIL_KEY: 'canary-of-the-team' }
    expect(await machine.procura(words, { env })).toMatchObject({ code: 0 })
  })

  it('of which git says nothing is refused, and no program of the repository runs [WRP-74]', async () => {
    mkdirSync(join(dirname(path), '.git'))
    expect(await wrap(path)).toMatchObject({ code: 2, err: expect.stringContaining('git does not say whether') })
    git('init', '-q')
    git('add', '.mcp.json')
    git('config', 'core.fsmonitor', `touch ${join(machine.folder, 'canary')}`)
    expect(await wrap(path)).toMatchObject({ code: 2, err: expect.stringContaining('is shared by git') })
    expect(existsSync(join(machine.folder, 'canary'))).toBe(false)
  })

  it('that is tracked is refused with the options of the run, which would delegate more without them [WRP-74]', async () => {
    git('init', '-q')
    git('add', '.mcp.json')
    const options = [
      '--policy',
      "send: .to like *'s@example.com",
      '--only',
      'send: to',
      '--approve',
      'send',
      '--from-env',
    ]
    const { err } = await wrap(path, '--client', 'claude', '--dry-run', ...options)
    const [, command = ''] = /`procura (wrap ~\/\.claude\.json.+?)`/.exec(err) ?? []
    const print = `printf '%s\\n' ${command}`
    const words = spawnSync('/bin/sh', ['-c', print], { env: machine.env, encoding: 'utf8' }).stdout.split('\n')
    const expected = ['wrap', join(machine.folder, '.claude.json'), '--server', 'mail', ...options]
    expect(words.slice(0, -1)).toEqual(expect.arrayContaining(expected))
    expect(words).not.toContain('--dry-run')
  })

  it('fetches no missing object, also by a git that has no variable against it [WRP-74]', async () => {
    for (const words of [
      'init -q',
      'config user.name a',
      'config user.email a@b.example',
      'config core.sparseCheckoutCone true',
    ])
      git(...words.split(' '))
    machine.write("our project's/left/out/file", 'x')
    git('add', '.')
    git('commit', '-qm', 'a')
    spawnSync('git', ['-C', dirname(path), 'sparse-checkout', 'init', '--cone', '--sparse-index'])
    const tree = spawnSync('git', ['-C', dirname(path), 'rev-parse', 'HEAD:left'], { encoding: 'utf8' }).stdout.trim()
    rmSync(join(dirname(path), '.git', 'objects', tree.slice(0, 2), tree.slice(2)))
    const canary = join(machine.folder, 'canary')
    for (const [name, value] of [
      ['core.repositoryformatversion', '1'],
      ['extensions.partialClone', 'origin'],
      ['remote.origin.promisor', 'true'],
      ['remote.origin.url', `ext::touch ${canary}`],
      ['protocol.ext.allow', 'always'],
    ] as const)
      git('config', name, value)
    const { stdout } = spawnSync('/bin/sh', ['-c', 'command -v git'], { encoding: 'utf8' })
    const old = machine.write('bin/git', `#!/bin/sh\nunset GIT_NO_LAZY_FETCH\nexec ${stdout.trim()} "$@"\n`)
    chmodSync(old, 0o755)
    const env = { PATH: `${dirname(old)}:${process.env['PATH']}` }
    const { code } = await machine.procura(['wrap', path, '--key-file', machine.keyFile], { env })
    expect([code, existsSync(canary)]).toEqual([2, false])
  })

  it('gives no command for a name that Claude Code does not take [WRP-74]', async () => {
    writeFileSync(path, shared.replace('"mail"', '"$(touch x)`\\n"'))
    git('init', '-q')
    git('add', '.mcp.json')
    const { code, err } = await wrap(path)
    expect([code, err]).toEqual([2, expect.stringContaining('`procura wrap ~/.claude.json --key-file ')])
    expect(err).not.toContain('touch')
  })

  it('is found behind a link, and a server with a key in the clear gets no command [WRP-74]', async () => {
    const target = machine.write("our project's/shared.json", shared)
    rmSync(path)
    symlinkSync(target, path)
    git('init', '-q')
    git('add', 'shared.json')
    const { code, err } = await wrap(path, '--client', 'claude')
    expect([code, err]).toEqual([2, expect.stringContaining('claude mcp add-json')])
    const servers = {
      ref: { command: 'x', env: { A_KEY: reference, PORT: '80' } },
      literal: { command: 'x', env: { A_KEY: 'canary-literal' } },
      fallback: { command: 'x', env: { A_KEY: reference.replace('}', ':-canary-default}') } },
    }
    writeFileSync(target, JSON.stringify({ mcpServers: servers }))
    const all = await wrap(path, '--client', 'claude')
    expect(all.err.match(/add-json --scope local \w+/g)).toEqual(['add-json --scope local ref'])
    expect(all.err).toContain('those without a command here, by an editor')
    expect(all.err).not.toContain('canary')
  })
})
