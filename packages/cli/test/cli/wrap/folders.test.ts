import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

let machine: Machine

beforeEach(() => {
  machine = newMachine()
})
afterEach(() => machine.remove())

const { wrap } = wrapVerbs(() => machine)

const files = (...args: readonly string[]): string =>
  JSON.stringify({ mcpServers: { files: { command: 'server-files', args, env: { FILES_TOKEN: 'canary-1' } } } })

const cwd = (): string => JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8')).servers.files.cwd

describe('the folder of a wrapped server', () => {
  it('is an empty one where the client starts it in the folder of a session [WRP-39]', async () => {
    for (const name of ['.claude.json', '.cursor/mcp.json', '.codex/config.toml']) {
      const toml = '[mcp_servers.files]\ncommand = "server-files"\nenv = { FILES_TOKEN = "canary-1" }\n'
      const path = machine.write(name, name.endsWith('.toml') ? toml : files())
      const { code, err } = await wrap(path)
      expect([name, code, err]).toEqual([name, 0, expect.stringContaining(`runs in ${cwd()}`)])
      expect(readdirSync(cwd())).toEqual([])
      expect([cwd(), statSync(cwd()).mode & 0o777]).toEqual([join(machine.home, 'work'), 0o700])
    }
  })

  it('is the one of its project, or the one that the file names [WRP-39]', async () => {
    const path = machine.write('project/.mcp.json', files('.'))
    expect(await wrap(path)).toMatchObject({
      code: 0,
      err: expect.stringContaining(`runs in ${join(machine.folder, 'project')}`),
    })
    const named = files().replace('"args"', '"cwd":"/srv","args"')
    expect((await wrap(machine.write('.claude.json', named), '--dry-run')).err).toContain('runs in /srv')
  })

  it('is warned about where the agent can write in it, as in a project, and the program has a secret [WRP-46]', async () => {
    const path = machine.write('project/.mcp.json', files())
    const { code, err } = await wrap(path)
    expect([code, err]).toEqual([0, expect.stringMatching(/warning: the server files starts in .*project.*`cwd`/)])
    expect((await machine.procura(['doctor'])).out).toMatch(/^note\tprograms\tthe server files starts in .*project/m)
    const [plain, own] = ['.plain/.mcp.json', '.claude.json']
    expect((await wrap(machine.write(plain, files().replace(/,"env":\{.*?\}/, '')), '--dry-run')).err).not.toContain(
      'starts in',
    )
    expect((await wrap(machine.write(own, files()), '--dry-run')).err).not.toContain('starts in')
  })

  it('is not guessed for a relative path of a user-level server [WRP-39]', async () => {
    mkdirSync(join(machine.folder, 'x', 'y'), { recursive: true })
    for (const word of ['.', '..', './docs', '../docs', 'x/y', '--root=.', '--root=./docs', '-d=x/y']) {
      const path = machine.write('.claude.json', files('-v', word))
      const { code, err } = await wrap(path)
      expect([word, code, err]).toEqual([word, 1, expect.stringContaining('args[1] is a relative path')])
      expect(err).toContain('write the folder')
      expect(readFileSync(path, 'utf8')).toBe(files('-v', word))
    }
    const inCwd = machine.write('.claude.json', files().replace('"args"', '"cwd":"docs","args"'))
    expect(await wrap(inCwd)).toMatchObject({ code: 1, err: expect.stringContaining('`cwd` is a relative path') })
    for (const word of ['@scope/package', 'a.b', '.hidden', 'owner/repo', 'https://x.example/a', '/srv/docs']) {
      const path = machine.write('.claude.json', files('-v', word))
      expect([word, (await wrap(path, '--dry-run')).code]).toEqual([word, 0])
    }
  })
})
