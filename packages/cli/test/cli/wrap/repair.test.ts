import { readdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

let machine: Machine

beforeEach(() => {
  machine = newMachine()
})
afterEach(() => machine.remove())

const { wrap, unwrap } = wrapVerbs(() => machine)

const json = `{
  "mcpServers": {
    "mail": { "command": "node", "args": ["/abs/mail.mjs"], "env": { "MAIL_KEY": "canary-1" } }, // the mail
    "post": { "command": "node", "args": ["/abs/post.mjs"], "env": { "MAIL_KEY": "canary-2" } }
  }
}
`

const toml = `[mcp_servers.mail]
command = "node"
args = ["/abs/mail.mjs"] # the mail

[mcp_servers.mail.env]
MAIL_KEY = "canary-1"
`

const files = [
  ['.mcp.json', json],
  ['config.toml', toml],
] as const

/** A program that exists, and one that is gone after `wrap`. */
function programs(): { readonly old: readonly string[]; readonly now: readonly string[] } {
  const old = [process.execPath, machine.write('v1/procura.js', '')]
  return { old, now: [process.execPath, machine.write('v 2/procura.js', '')] }
}

const by = (program: readonly string[], path: string, ...more: readonly string[]): ReturnType<typeof wrap> =>
  machine.procura(['wrap', path, '--key-file', machine.keyFile, ...more], { program })

const gateway = (): string => readFileSync(join(machine.home, 'gateway.json'), 'utf8')

describe('`wrap` of a configuration whose gateway listens at another place than before', () => {
  const connectJson = (): Readonly<Record<string, unknown>> =>
    JSON.parse(readFileSync(join(machine.home, 'agents', 'claude', 'connect.json'), 'utf8'))
  const listenAt = (listen: object): void =>
    writeFileSync(join(machine.home, 'gateway.json'), JSON.stringify({ ...JSON.parse(gateway()), listen }), {
      mode: 0o600,
    })

  it('lets the agent of it connect there, and `doctor` names the command [WRP-89]', async () => {
    const path = machine.write('.mcp.json', json)
    const { now } = programs()
    await by(now, path)
    const [text, first] = [readFileSync(path, 'utf8'), connectJson()]
    listenAt({ address: '127.0.0.1:7333' })
    const words = ['doctor', '--home', machine.home, '--key-file', machine.keyFile, '--json']
    const found = JSON.parse((await machine.procura(words)).out).findings
    expect(found.filter(({ check }: { check: string }) => check === 'gateway')).toEqual([
      {
        check: 'gateway',
        thing: join(machine.home, 'agents', 'claude', 'connect.json'),
        fault: `names ${join(machine.home, 'gateway.sock')}, and gateway.json listens at 127.0.0.1:7333`,
        remedy: `run \`procura wrap ${path}\`, which corrects it`,
      },
    ])
    expect((await by(now, path, '--dry-run')).err).toContain('the agent claude would connect to 127.0.0.1:7333')
    expect(connectJson()).toEqual(first)
    const { code, err } = await by(now, path)
    expect(code).toBe(0)
    expect(err).toContain(
      `the agent claude connects to 127.0.0.1:7333, where the gateway listens, and not to ${join(machine.home, 'gateway.sock')} any more`,
    )
    const { socket, ...rest } = first
    expect(connectJson()).toEqual({ ...rest, address: '127.0.0.1:7333' })
    listenAt({ socket: 'gateway.sock' })
    await by(now, path)
    expect(connectJson()).toEqual({ ...rest, socket })
    expect((await by(now, path)).err).not.toContain('connects to')
    expect(readFileSync(path, 'utf8')).toBe(text)
  })
})

describe('`wrap` of a configuration whose program is gone', () => {
  it.each(files)('corrects the command lines of %s, and `unwrap` gives its bytes back [WRP-41]', async (name, text) => {
    const path = machine.write(name, text)
    const { old, now } = programs()
    expect((await by(old, path)).code).toBe(0)
    const [wrapped, before] = [readFileSync(path, 'utf8'), gateway()]
    rmSync(old[1] as string)
    const { code, err } = await by(now, path)
    expect([code, err]).toEqual([
      0,
      expect.stringContaining(`mail (line ${name === '.mcp.json' ? 3 : 1}) runs ${now[0]} '${now[1]}' connect mail`),
    ])
    expect(err).toContain('nothing else to wrap')
    expect(readFileSync(path, 'utf8')).toBe(wrapped.replaceAll(String(old[1]), String(now[1])))
    expect(gateway()).toBe(before)
    expect((await unwrap(path)).out).toContain('its original bytes')
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  it('only prints them in a dry run, and corrects the servers of --server alone [WRP-41]', async () => {
    const path = machine.write('.mcp.json', json)
    const { old, now } = programs()
    await by(old, path)
    rmSync(old[1] as string)
    const wrapped = readFileSync(path, 'utf8')
    const dry = await by(now, path, '--dry-run', '--json')
    expect(dry.err).toContain('would run')
    expect(JSON.parse(dry.out).repaired.map(({ name }: { name: string }) => name)).toEqual(['mail', 'post'])
    expect(readFileSync(path, 'utf8')).toBe(wrapped)
    await by(now, path, '--server', 'post')
    expect(readFileSync(path, 'utf8').split(String(old[1]))).toHaveLength(2)
    expect(JSON.parse(readFileSync(path, 'utf8').replace('// the mail', '')).mcpServers.post.args[0]).toBe(now[1])
  })

  it('wraps a server that was added since, in the same run [WRP-41]', async () => {
    const path = machine.write('.mcp.json', json)
    const { old, now } = programs()
    await by(old, path, '--server', 'mail')
    rmSync(old[1] as string)
    const { code, out } = await by(now, path)
    expect([code, out]).toEqual([0, expect.stringContaining('wrapped 1 server')])
    const text = readFileSync(path, 'utf8')
    expect([text.includes(String(old[1])), text.split(String(now[1])).length]).toEqual([false, 3])
    expect((await unwrap(path)).out).toContain('its original bytes')
    expect(readFileSync(path, 'utf8')).toBe(json)
  })

  it('leaves a program that exists, another home folder, and text that it cannot correct [WRP-41]', async () => {
    const path = machine.write('.mcp.json', json)
    const { old, now } = programs()
    await by(old, path)
    const wrapped = readFileSync(path, 'utf8')
    expect((await by(now, path)).err).toContain('nothing to wrap; the file is not changed')
    expect(readFileSync(path, 'utf8')).toBe(wrapped)
    rmSync(old[1] as string)
    const other = await by(now, path, '--home', join(machine.folder, 'other'))
    expect([other.code, other.err]).toEqual([1, expect.stringContaining('behind the gateway of')])
    expect(readFileSync(path, 'utf8')).toBe(wrapped)
    const added = wrapped.replace(/"env": \{ *\} \}/, '"env": { "NEW": "1" } }')
    expect(added).not.toBe(wrapped)
    writeFileSync(path, added)
    const { err } = await by(now, path)
    expect(err).toContain(`warning: mail (line 3) cannot start, because ${old[1]} does not exist, and its text cannot`)
    expect(readFileSync(path, 'utf8')).toContain('"NEW": "1"')
    expect(readFileSync(path, 'utf8').split(String(old[1]))).toHaveLength(2)
  })

  it('keeps the mode of the file, and what was changed beside the server [WRP-41]', async () => {
    const path = machine.write('.mcp.json', json)
    const { old, now } = programs()
    await by(old, path)
    writeFileSync(path, `${readFileSync(path, 'utf8').replace('// the mail', '// new')}\n`, { mode: 0o640 })
    const { mode } = statSync(path)
    rmSync(old[1] as string)
    await by(now, path)
    expect([statSync(path).mode, readFileSync(path, 'utf8').includes('// new')]).toEqual([mode, true])
    expect((await unwrap(path)).code).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe(`${json.replace('// the mail', '// new')}\n`)
  })
})

describe('a home folder that was moved', () => {
  it('is the one of the command lines and of the agents again [WRP-41]', async () => {
    const path = machine.write('.mcp.json', json)
    await wrap(path)
    const connection = join('agents', 'claude', 'connect.json')
    const kept = JSON.parse(readFileSync(join(machine.home, connection), 'utf8'))
    expect(kept.socket).toBe('../../gateway.sock')
    const home = join(machine.folder, 'new home')
    renameSync(machine.home, home)
    // As earlier versions wrote it.
    const absolute = JSON.stringify({ ...kept, socket: join(machine.home, 'gateway.sock') })
    writeFileSync(join(home, connection), absolute, { mode: 0o600 })
    const { code, err } = await machine.procura(['wrap', path, '--home', home])
    expect([code, err]).toEqual([
      0,
      expect.stringContaining(`--home '${home}', because /opt/procura/procura.js and ${machine.home} do not exist`),
    ])
    expect(readFileSync(path, 'utf8').split(JSON.stringify(home))).toHaveLength(3)
    expect(JSON.parse(readFileSync(join(home, connection), 'utf8'))).toEqual(kept)
    expect((await machine.procura(['unwrap', path, '--home', home])).out).toContain('its original bytes')
    expect(readFileSync(path, 'utf8')).toBe(json)
  })

  it('is not taken for one that never had the file [WRP-41]', async () => {
    const path = machine.write('.mcp.json', json)
    await wrap(path)
    const text = readFileSync(path, 'utf8')
    rmSync(machine.home, { recursive: true })
    const other = machine.write('other/.mcp.json', json)
    const home = join(machine.folder, 'new home')
    await machine.procura(['wrap', other, '--home', home, '--key-file', machine.keyFile])
    expect((await machine.procura(['wrap', path, '--home', home])).code).toBe(1)
    expect(readFileSync(path, 'utf8')).toBe(text)
  })
})

describe('a configuration that was moved', () => {
  const project = (name: string): string => join(machine.folder, name)
  const servers = (): Record<string, { cwd: string }> => JSON.parse(gateway()).servers

  it('keeps its record, its servers run in the new folder, and `unwrap` gives its bytes back [WRP-42]', async () => {
    const path = machine.write('project/.mcp.json', json)
    await wrap(path)
    expect(servers()).toMatchObject({ mail: { cwd: realpathSync(project('project')) } })
    renameSync(project('project'), project('project 2'))
    const now = realpathSync(project('project 2'))
    const moved = join(now, '.mcp.json')
    const refused = await unwrap(moved)
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining(`run \`procura wrap '${moved}'\``)])
    const doctor = await machine.procura(['doctor'])
    expect(doctor.out).toContain('does not exist')
    const dry = await wrap(moved, '--dry-run')
    expect([dry.code, dry.err]).toEqual([0, expect.stringContaining('takes its record along')])
    expect(servers()['mail']?.cwd).not.toBe(now)
    const { code, err } = await wrap(moved)
    expect([code, err]).toEqual([0, expect.stringContaining(`mail runs in \`${now}\``)])
    expect(servers()).toMatchObject({ mail: { cwd: now }, post: { cwd: now } })
    expect((await wrap(moved)).err).not.toContain('record')
    expect((await unwrap(moved)).out).toContain('its original bytes')
    expect(readFileSync(moved, 'utf8')).toBe(json)
    expect([servers(), readdirSync(join(machine.home, 'wrapped'))]).toEqual([{}, []])
  })

  it('takes no record of a file that exists, of another client, or where two are alike [WRP-42]', async () => {
    const same = json.replaceAll('"env"', '"cwd": "/", "env"')
    const [a, b] = [machine.write('a/.mcp.json', same), machine.write('b/.mcp.json', same)]
    await wrap(a)
    const copy = machine.write('c/.mcp.json', readFileSync(a, 'utf8'))
    expect((await wrap(copy)).err).not.toContain('record')
    expect((await unwrap(copy)).err).toContain('has no record of')
    await wrap(b)
    rmSync(a)
    rmSync(b)
    expect((await wrap(copy)).err).not.toContain('record')
    const before = readdirSync(join(machine.home, 'wrapped')).length
    expect([before, (await unwrap(copy)).code]).toEqual([2, 2])
  })

  it('takes no record by a file that names servers for another agent or home folder [WRP-42]', async () => {
    const path = machine.write('project/.mcp.json', json)
    await wrap(path)
    const text = readFileSync(path, 'utf8')
    rmSync(path)
    const before = gateway()
    for (const other of [
      text.replaceAll('"claude"', '"mallory"'),
      text.replaceAll(machine.home, '/elsewhere'),
      text.replaceAll(/, "--home", "[^"]*"/g, ''),
    ]) {
      expect(other).not.toBe(text)
      expect((await wrap(machine.write('cloned/.mcp.json', other))).err).not.toContain('record')
    }
    expect(gateway()).toBe(before)
  })

  it('has one record after a run that was killed between the two [WRP-42]', async () => {
    const path = machine.write('project/.mcp.json', json)
    await wrap(path)
    const folder = join(machine.home, 'wrapped')
    const [former = ''] = readdirSync(folder)
    const index = readFileSync(join(folder, former))
    renameSync(project('project'), project('moved'))
    const moved = join(project('moved'), '.mcp.json')
    await wrap(moved)
    writeFileSync(join(folder, former), index, { mode: 0o600 })
    expect((await wrap(moved)).code).toBe(0)
    expect(readdirSync(folder)).toHaveLength(1)
    expect((await unwrap(moved)).out).toContain('its original bytes')
    expect(readFileSync(moved, 'utf8')).toBe(json)
  })
})

describe('a server with another name', () => {
  it('is put back under it, and its credentials go with it [WRP-43]', async () => {
    const path = machine.write('.mcp.json', json)
    await wrap(path)
    writeFileSync(path, readFileSync(path, 'utf8').replace('"post"', '"letters"'))
    const { code, out } = await unwrap(path)
    expect([code, out]).toEqual([0, expect.stringContaining('restored 2 servers')])
    expect(readFileSync(path, 'utf8')).toBe(json.replace('"post"', '"letters"'))
    expect(JSON.parse(gateway()).servers).toEqual({})
  })

  it('is not taken for another one of the same program [WRP-43]', async () => {
    const same = { command: 'node', args: ['/abs/mail.mjs'], env: { MAIL_KEY: 'canary-1' } }
    const path = machine.write('.mcp.json', JSON.stringify({ mcpServers: { a: same, b: same } }))
    await wrap(path)
    const { mcpServers } = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ mcpServers: { b: mcpServers.b } }))
    expect((await unwrap(path)).code).toBe(0)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ mcpServers: { b: same } })
    const again = machine.write('.mcp.json', JSON.stringify({ mcpServers: { a: same } }))
    await wrap(again)
    const { mcpServers: one } = JSON.parse(readFileSync(again, 'utf8'))
    const copies = { mcpServers: { x: one.a, y: one.a } }
    writeFileSync(again, JSON.stringify(copies))
    expect((await unwrap(again)).out).toContain('restored 0 servers')
    expect(JSON.parse(readFileSync(again, 'utf8'))).toEqual(copies)
  })
})
