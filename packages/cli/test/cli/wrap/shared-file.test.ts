import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
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
      expect(err).toContain('`procura wrap ~/.claude.json --server mail`')
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

  it('gives no command for a name that Claude Code does not take [WRP-74]', async () => {
    writeFileSync(path, shared.replace('"mail"', '"$(touch x)`\\n"'))
    git('init', '-q')
    git('add', '.mcp.json')
    const { code, err } = await wrap(path)
    expect([code, err]).toEqual([2, expect.stringContaining('`procura wrap ~/.claude.json`')])
    expect(err).not.toContain('touch')
  })
})
