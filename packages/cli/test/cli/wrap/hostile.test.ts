import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { revealCredentials } from 'procura/vault/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readGatewayConfig } from '../../../src/index.ts'
import type { CliResult } from '../run-cli.ts'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

let machine: Machine

beforeEach(() => {
  machine = newMachine()
})
afterEach(() => machine.remove())

const canary = 'canary-of-the-mail-key'
const server = { command: 'node', env: { MAIL_KEY: canary } }
const servers = (named: object): string => `${JSON.stringify({ mcpServers: named }, undefined, 2)}\n`

const { wrap, unwrap } = wrapVerbs(() => machine)

async function secrets(): Promise<readonly string[]> {
  const found = await revealCredentials({ path: join(machine.home, 'vault'), key: { keyFile: machine.keyFile } })
  return [...found].filter(([name]) => !name.startsWith('procura-wrap/')).map(([, secret]) => secret.reveal())
}

/** The gateway can read its configuration. */
const isReadable = (): Promise<unknown> => readGatewayConfig(join(machine.home, 'gateway.json'))

describe('a configuration with very many servers', () => {
  const many = (count: number): object =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`s${at}`, { command: 'node' }]))

  it('is refused, those of its projects included [WRP-45]', async () => {
    const projects = Object.fromEntries(
      Object.keys(many(500)).map((name) => [`/${name}`, { mcpServers: { a: server } }]),
    )
    for (const [count, code] of [
      [500, 0],
      [501, 2],
    ] as const) {
      const path = machine.write('.claude.json', JSON.stringify({ mcpServers: many(count), projects }))
      const { code: is, err } = await wrap(path, '--dry-run', '--server', 's1')
      expect(is, err).toBe(code)
      if (code === 2) expect(err).toMatch(/has 1001 servers, and wrap takes at most 1000; remove/)
    }
  })

  it.each(['\n', '\r\n'])('names the line of each (%j) [WRP-04]', async (eol) => {
    const text = servers({ first: server, second: server }).replaceAll('\n', eol)
    const lines = text.split(eol)
    const { err, out } = await wrap(machine.write('.mcp.json', text), '--dry-run')
    for (const name of ['first', 'second']) {
      const line = lines.findIndex((one) => one.includes(`"${name}"`)) + 1
      expect(`${err}${out}`).toContain(`${name} (line ${line}) goes behind the gateway`)
    }
    const broken = machine.write('.mcp.json', `${eol}${eol}{ "mcpServers": x }`)
    expect((await wrap(broken, '--dry-run')).err).toContain('line 3 is not valid JSON')
  })
})

describe('wrap at once with another run', () => {
  it('keeps the originals of both [WRP-17]', async () => {
    const text = servers({ mail: server, crm: { command: 'crm', env: { CRM_KEY: 'canary-of-the-crm' } } })
    const path = machine.write('.mcp.json', text)
    const both = await Promise.all([wrap(path, '--server', 'mail'), wrap(path, '--server', 'crm')])
    const [first, second] = [...both].sort((one, other) => one.code - other.code) as [CliResult, CliResult]
    expect(first.code).toBe(0)
    expect([second.code, second.err]).toEqual([2, expect.stringContaining('was changed by another program just now')])
    for (const name of ['mail', 'crm']) expect((await wrap(path, '--server', name)).code).toBe(0)
    expect((await unwrap(path)).out).toContain('restored 2 servers')
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  it('is not undone by an unwrap that read the file before [WRP-17]', async () => {
    const text = servers({ mail: server })
    const path = machine.write('.mcp.json', text)
    await wrap(path)
    const wrapped = readFileSync(path, 'utf8')
    // A killed `unwrap` has put the servers back, and left its record; another `wrap` comes first.
    writeFileSync(path, text)
    const results = await Promise.all([wrap(path), unwrap(path)])
    // An `unwrap` that comes first changes no byte of the file.
    expect([
      [0, 0],
      [0, 2],
    ]).toContainEqual(results.map(({ code }) => code).sort())
    if (readFileSync(path, 'utf8') === wrapped) expect(await secrets()).toEqual([canary])
    await wrap(path)
    await unwrap(path)
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  it('of other files waits its turn', async () => {
    const paths = ['a', 'b', 'c'].map((name) => machine.write(`${name}/.mcp.json`, servers({ [name]: server })))
    expect((await Promise.all(paths.map((path) => wrap(path)))).map(({ code }) => code)).toEqual([0, 0, 0])
    expect((await readGatewayConfig(join(machine.home, 'gateway.json'))).servers.size).toBe(3)
  })
})

describe('a server that the gateway could not run', () => {
  it.each([
    ['an empty command', { ...server, command: '' }, 'its command is empty'],
    ['a null character in its command', { ...server, command: 'no\0de' }, 'contains a null character'],
    ['a null character in an argument', { ...server, args: ['a\0b'] }, 'contains a null character'],
    ['a null character in its folder', { ...server, cwd: '/a\0b' }, 'contains a null character'],
    ['a null character in a variable', { command: 'node', env: { MAIL_KEY: 'a\0b' } }, 'contains a null character'],
    ['a variable with a line feed', { command: 'node', env: { 'A\nB': canary } }, 'is not a valid name of a variable'],
    ['a variable without a name', { command: 'node', env: { '': canary } }, 'is not a valid name of a variable'],
  ])('is refused for %s, and the others are wrapped [WRP-18]', async (_, broken, reason) => {
    const path = machine.write('.mcp.json', servers({ broken, mail: server }))
    const { code, err } = await wrap(path)
    expect([code, err]).toEqual([1, expect.stringContaining(reason)])
    expect(err).toContain('mail (line')
    await expect(isReadable()).resolves.toBeDefined()
  })

  it('is not written when gateway.json would be invalid for another reason [WRP-18]', async () => {
    const first = machine.write('a/.mcp.json', servers({ mail: server }))
    await wrap(first)
    const gateway = join(machine.home, 'gateway.json')
    const edited = readFileSync(gateway, 'utf8').replace('"tools": "first-use"', '"tools": "all"')
    writeFileSync(gateway, edited)
    const text = servers({ crm: { command: 'crm', env: { CRM_KEY: 'canary-of-the-crm' } } })
    const path = machine.write('b/.mcp.json', text)
    const { code, err } = await wrap(path)
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/new gateway\.json would be invalid, and nothing is written: `tools` must be/),
    ])
    expect(err).not.toContain('.new-')
    expect(readFileSync(path, 'utf8')).toBe(text)
    expect(readFileSync(gateway, 'utf8')).toBe(edited)
    expect(await secrets()).toEqual([canary])
    expect(readdirSync(machine.home).filter((name) => name.startsWith('.'))).toEqual([])
  })
})

describe('names of servers', () => {
  it.each([
    '__proto__',
    'constructor',
    'toString',
    '..',
    '../../etc/passwd',
    '/',
    'a/b',
    'a\nb',
    'a\u0000b',
    '\u001b[2J',
    '\u202eevil',
    '',
    ' ',
    '-',
    'x'.repeat(200),
    'Größe',
    '💥',
  ])('%j is wrapped and put back, and names no other file [WRP-09]', async (name) => {
    const text = `{"mcpServers":{${JSON.stringify(name)}:${JSON.stringify(server)}}}`
    const path = machine.write('.mcp.json', text)
    const { code, out, err } = await wrap(path)
    expect(code, err).toBe(0)
    expect(`${out}${err}`).not.toMatch(/(?!\n)\p{C}/u)
    const [gatewayName = ''] = (await readGatewayConfig(join(machine.home, 'gateway.json'))).servers.keys()
    expect(gatewayName).toMatch(/^[a-z0-9][a-z0-9_-]{0,31}$/)
    expect(readdirSync(machine.folder).sort()).toEqual(['.config', '.mcp.json', 'vault.key'])
    expect((await unwrap(path)).code).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  it('and variables may be __proto__', async () => {
    const text = `{"mcpServers":{"a":{"command":"node","env":{"__proto__":"${canary}","constructor":"true"}}}}`
    const path = machine.write('.mcp.json', text)
    expect((await wrap(path)).code).toBe(0)
    await expect(isReadable()).resolves.toBeDefined()
    expect(await secrets()).toEqual([canary])
    await unwrap(path)
    expect(readFileSync(path, 'utf8')).toBe(text)
  })
})

describe('a text that cannot be read', () => {
  it.each([
    ['UTF-16', Buffer.from(`\ufeff${servers({ mail: server })}`, 'utf16le'), 'is not valid UTF-8'],
    ['UTF-16 without a mark', Buffer.from(servers({ mail: server }), 'utf16le'), 'is not valid JSON'],
    ['Latin-1', Buffer.from(servers({ mail: { ...server, args: ['é'] } }), 'latin1'), 'is not valid UTF-8'],
    ['an empty file', '', 'the file is empty'],
    ['deep nesting', `{"a":${'['.repeat(100_000)}`, 'has more than 64 levels'],
    ['deep nesting behind a comment', `{//\r"a":${'['.repeat(100_000)}`, 'has more than 64 levels'],
    ['deep nesting behind a string', `{"a\r":${'['.repeat(100_000)}`, 'is not valid JSON'],
    ['a list', '[]', 'must contain a JSON object'],
    ['two keys of one name', `{"mcpServers":{"a":{},"\\u0061":{}}}`, 'repeats the key'],
  ])('is refused: %s [WRP-01]', async (_, content, fault) => {
    const path = machine.write('.mcp.json', '')
    writeFileSync(path, content)
    expect(await wrap(path)).toMatchObject({ code: 2, err: expect.stringContaining(fault) })
    expect(readFileSync(path)).toEqual(Buffer.from(content))
    expect(existsSync(machine.home)).toBe(false)
  })

  it.each([
    ['a deep table', `a = ${'['.repeat(50_000)}`],
    ['a key twice', '[mcp_servers.a]\ncommand = "a"\ncommand = "b"\n'],
    ['a table twice', '[mcp_servers.a]\ncommand = "a"\n[mcp_servers.a]\ncommand = "b"\n'],
  ])('of Codex is refused: %s [WRP-01]', async (_, text) => {
    const path = machine.write('config.toml', text)
    expect(await wrap(path)).toMatchObject({ code: 2, err: expect.stringContaining('is not valid TOML') })
    expect(readFileSync(path, 'utf8')).toBe(text)
  })
})

describe('a place that is not a plain file', () => {
  it('stays a link, through several links and a linked folder [WRP-14]', async () => {
    const text = servers({ mail: server })
    const path = machine.write('real/.mcp.json', text)
    symlinkSync(join(machine.folder, 'real'), join(machine.folder, 'folder'))
    symlinkSync('folder/.mcp.json', join(machine.folder, 'one.json'))
    symlinkSync('one.json', join(machine.folder, 'two.json'))
    expect((await wrap(join(machine.folder, 'two.json'))).code).toBe(0)
    expect(readlinkSync(join(machine.folder, 'two.json'))).toBe('one.json')
    expect(lstatSync(path).isFile()).toBe(true)
    expect((await unwrap(join(machine.folder, 'folder', '.mcp.json'))).code).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  it('is refused when it is a loop, leads nowhere, or is a folder, a pipe or a device', async () => {
    const at = (name: string): string => join(machine.folder, name)
    symlinkSync('loop.json', at('loop.json'))
    symlinkSync('nowhere.json', at('lost.json'))
    mkdirSync(at('folder.json'))
    expect(spawnSync('mkfifo', [at('pipe.json')]).status).toBe(0)
    symlinkSync('/dev/zero', at('zero.json'))
    for (const name of ['loop.json', 'lost.json', 'folder.json', 'pipe.json', 'zero.json', 'missing.json'])
      expect(await wrap(at(name)), name).toMatchObject({
        code: 2,
        err: expect.stringMatching(/cannot be read|is not a regular file|is a folder|does not exist/),
      })
    expect(existsSync(machine.home)).toBe(false)
  })

  it('keeps the mode of a file that is read-only [WRP-14]', async () => {
    const text = servers({ mail: server })
    const path = machine.write('.mcp.json', text)
    chmodSync(path, 0o440)
    expect((await wrap(path)).code).toBe(0)
    expect(statSync(path).mode & 0o777).toBe(0o440)
    await unwrap(path)
    expect([statSync(path).mode & 0o777, readFileSync(path, 'utf8')]).toEqual([0o440, text])
  })

  it('writes files for its user alone, whatever the mask of the process is [WRP-21]', async () => {
    const path = machine.write('.mcp.json', servers({ mail: server }))
    const before = process.umask(0)
    try {
      expect((await wrap(path)).code).toBe(0)
    } finally {
      process.umask(before)
    }
    for (const name of readdirSync(machine.home, { recursive: true })) {
      const status = lstatSync(join(machine.home, String(name)))
      expect([name, status.mode & 0o077]).toEqual([name, 0])
    }
  })
})

describe('the home of the user', () => {
  it('need not be in the environment', async () => {
    const path = machine.write('.mcp.json', servers({ mail: server }))
    for (const HOME of ['', undefined]) {
      const result = await machine.procura(['wrap', path, '--key-file', machine.keyFile], { env: { HOME } as never })
      expect(result.code, result.err).toBe(0)
      const { servers: found } = await readGatewayConfig(join(machine.home, 'gateway.json'))
      expect(found.get('mail')).toMatchObject({ cwd: expect.stringMatching(/^\//) })
      expect((await unwrap(path)).code).toBe(0)
    }
  })
})

describe('doctor among hostile files', () => {
  it('reads no pipe, and no settings that are too deep [WRP-27]', async () => {
    const path = machine.write('.claude.json', servers({ mail: server }))
    await wrap(path)
    mkdirSync(join(machine.folder, '.claude'))
    expect(spawnSync('mkfifo', [join(machine.folder, '.claude', 'settings.json')]).status).toBe(0)
    expect(spawnSync('mkfifo', [join(machine.folder, '.env')]).status).toBe(0)
    machine.write('.claude/settings.local.json', `{"hooks":${'['.repeat(100_000)}`)
    const { code, out } = await machine.procura(['doctor', '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(out).findings).toContainEqual(expect.objectContaining({ check: 'hooks', note: true }))
  })

  it('reports a damaged record, delegations and vault, and goes on', async () => {
    const path = machine.write('.claude.json', servers({ mail: server }))
    await wrap(path)
    const damage = async (...name: readonly string[]): Promise<readonly Record<string, unknown>[]> => {
      const file = join(machine.home, ...name)
      const before = readFileSync(file)
      writeFileSync(file, 'damaged')
      const { code, out } = await machine.procura(['doctor', '--json'])
      writeFileSync(file, before)
      expect(code).toBe(1)
      const { checks, findings } = JSON.parse(out)
      expect(checks).toContain('log')
      return findings
    }
    const [index = ''] = readdirSync(join(machine.home, 'wrapped'))
    expect(await damage('wrapped', index)).toContainEqual(
      expect.objectContaining({ check: 'clients', fault: expect.stringContaining('is damaged') }),
    )
    expect(await damage('agents', 'claude', 'delegations')).toContainEqual(
      expect.objectContaining({ check: 'delegations', fault: expect.stringContaining('cannot be read') }),
    )
    expect(await damage('vault')).toContainEqual(
      expect.objectContaining({ check: 'secrets', fault: expect.stringContaining('failed: ') }),
    )
    rmSync(join(machine.home, 'vault'))
    expect((await machine.procura(['doctor'])).out).toContain('is missing')
  })
})
