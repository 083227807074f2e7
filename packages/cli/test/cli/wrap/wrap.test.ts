// biome-ignore-all lint/suspicious/noTemplateCurlyInString: configurations refer to variables in this form
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileDelegationStore } from 'procura/agent/file'
import { describeSignerFile } from 'procura/signer/file'
import { decodeDelegation } from 'procura/token'
import { revealCredentials } from 'procura/vault/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openGateway, readConnection, readGatewayConfig } from '../../../src/index.ts'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

let machine: Machine

beforeEach(() => {
  machine = newMachine()
})
afterEach(() => machine.remove())

const canary = 'canary-of-the-mail-key'

const owner = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp'

const mail = (extra: object = {}): string =>
  JSON.stringify(
    { mcpServers: { mail: { command: 'node', args: ['mail.mjs'], env: { MAIL_KEY: canary }, ...extra } } },
    null,
    2,
  )

async function secrets(): Promise<Record<string, string>> {
  const found = await revealCredentials({ path: join(machine.home, 'vault'), key: { keyFile: machine.keyFile } })
  return Object.fromEntries([...found].map(([name, secret]) => [name, secret.reveal()]))
}

function gateway(): {
  readonly servers: Record<string, Record<string, unknown>>
  readonly subjects: readonly string[]
} {
  return JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8'))
}

async function delegations(agent = 'claude'): Promise<readonly { command: string; policy: unknown }[]> {
  const store = fileDelegationStore({ path: join(machine.home, 'agents', agent, 'delegations') })
  const found = await Promise.all((await store.load({})).map((bytes) => decodeDelegation(bytes)))
  // The store has no order.
  return found
    .map(({ command, policy }) => ({ command, policy: JSON.parse(JSON.stringify(policy)) }))
    .sort((one, other) => one.command.localeCompare(other.command))
}

/** Every file below a folder that contains a text. */
function filesWith(folder: string, text: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text))
}

const { wrap } = wrapVerbs(() => machine)

describe('procura wrap', () => {
  it('moves a server behind the gateway, and its key into the vault [WRP-12]', async () => {
    const path = machine.write('.mcp.json', mail())
    const { code, out, err } = await wrap(path)
    expect([code, out]).toEqual([0, expect.stringMatching(/^wrapped 1 server of .*; the delegation expires /)])
    const { mcpServers } = JSON.parse(readFileSync(path, 'utf8'))
    expect(mcpServers.mail).toEqual({
      command: '/usr/bin/node',
      args: ['/opt/procura/procura.js', 'connect', 'mail', '--agent', 'claude', '--home', machine.home],
      env: {},
    })
    expect(gateway().servers['mail']).toEqual({
      type: 'stdio',
      command: 'node',
      args: ['mail.mjs'],
      cwd: machine.folder,
      secretEnv: { MAIL_KEY: 'mail.MAIL_KEY' },
    })
    expect((await secrets())['mail.MAIL_KEY']).toBe(canary)
    expect(await delegations()).toEqual([{ command: '/mcp/mail', policy: [] }])
    expect(filesWith(machine.folder, canary)).toEqual([])
    expect(out + err).not.toContain(canary)
  })

  it('names the reload where a gateway may be running already', async () => {
    const reload = 'or let the running one take it with `procura reload'
    expect((await wrap(machine.write('a/.mcp.json', mail()))).err).not.toContain('reload')
    expect((await wrap(machine.write('b/.mcp.json', mail()))).err).toContain(reload)
  })

  it('puts the header of an HTTP server into the vault, for its origin alone', async () => {
    const path = machine.write(
      '.cursor/mcp.json',
      '{"mcpServers": {"gh": {"url": "https://api.example.com/mcp/", "headers": {"Authorization": "Bearer canary-token", "X-Version": "2"}}}}',
    )
    expect((await wrap(path)).code).toBe(0)
    expect(gateway().servers['gh']).toEqual({
      type: 'http',
      url: 'https://api.example.com/mcp/',
      headers: { 'X-Version': '2' },
      secretHeaders: { Authorization: 'gh.Authorization' },
    })
    expect((await secrets())['gh.Authorization']).toBe('Bearer canary-token')
    const { out } = await machine.procura([
      'vault',
      'list',
      '--file',
      join(machine.home, 'vault'),
      '--key-file',
      machine.keyFile,
    ])
    expect(out).toContain('https://api.example.com')
    expect(JSON.parse(readFileSync(path, 'utf8')).mcpServers.gh).toEqual({
      command: '/usr/bin/node',
      args: ['/opt/procura/procura.js', 'connect', 'gh', '--agent', 'cursor', '--home', machine.home],
    })
  })

  it('puts several headers of an HTTP server into one credential, for its origin alone', async () => {
    const headers = { Authorization: 'Bearer canary-token', 'X-Api-Key': 'canary-second-key', 'X-Version': '2' }
    const server = { url: 'https://api.example.com/mcp/', headers }
    const path = machine.write('.cursor/mcp.json', JSON.stringify({ mcpServers: { gh: server } }))
    const { code, out, err } = await wrap(path)
    expect([code, `${out}${err}`.includes('canary')]).toEqual([0, false])
    expect(gateway().servers['gh']).toMatchObject({
      headers: { 'X-Version': '2' },
      secretHeaders: { Authorization: 'gh.headers', 'X-Api-Key': 'gh.headers' },
    })
    const { Authorization, 'X-Api-Key': key } = headers
    expect(JSON.parse((await secrets())['gh.headers'] ?? '')).toEqual({ Authorization, 'X-Api-Key': key })
    expect(filesWith(machine.folder, 'canary')).toEqual([])
    const leftover = machine.write('.bash_history', 'curl -H "X-Api-Key: canary-second-key"\n')
    const doctor = await machine.procura(['doctor', '--key-file', machine.keyFile])
    expect(doctor.out).toMatch(/\.bash_history:1 contains the secret gh\.headers in the clear/)
    rmSync(leftover)
    // The same server in another file has the same name.
    const again = machine.write('other/.cursor/mcp.json', JSON.stringify({ mcpServers: { gh: server } }))
    expect((await wrap(again)).code).toBe(0)
    expect(Object.keys(gateway().servers)).toEqual(['gh'])
    for (const file of [path, again]) {
      expect((await machine.procura(['unwrap', file, '--key-file', machine.keyFile])).code).toBe(0)
      expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ mcpServers: { gh: server } })
    }
    expect(Object.keys(await secrets()).filter((name) => !name.startsWith('procura-wrap/issued-'))).toEqual([])
  })

  it('refuses a home folder in which the socket has too long a path, and writes nothing [WRP-29] [GTW-29]', async () => {
    const text = mail()
    const path = machine.write('.mcp.json', text)
    const long = join(machine.folder, 'x'.repeat(90))
    const refused = await wrap(path, '--home', long)
    expect(refused).toMatchObject({
      code: 2,
      err: expect.stringMatching(/bytes, and systems take at most 103; choose a sh/),
    })
    expect([readFileSync(path, 'utf8'), existsSync(long)]).toEqual([text, false])
    expect((await wrap(path, '--home', long, '--dry-run')).code).toBe(2)
    expect((await wrap(path)).code).toBe(0)
    const known = JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8'))
    writeFileSync(
      join(machine.home, 'gateway.json'),
      JSON.stringify({ ...known, listen: { socket: `${long}/a.sock` } }),
    )
    expect((await wrap(machine.write('b/.mcp.json', mail()))).err).toContain('systems take at most 103')
    const folder = join(machine.home, 'agents', 'claude')
    const connection = join(folder, 'connect.json')
    const old = JSON.parse(readFileSync(connection, 'utf8'))
    writeFileSync(connection, JSON.stringify({ ...old, socket: `${long}/a.sock` }))
    await expect(readConnection(folder)).rejects.toThrow('systems take at most 103')
    const started = openGateway({ config: await readGatewayConfig(join(machine.home, 'gateway.json')) })
    await expect(started).rejects.toThrow('systems take at most 103')
  })

  it('warns when the program is in the temporary folder of a package runner [WRP-29]', async () => {
    const path = machine.write('.mcp.json', mail())
    const runners = [
      '.npm/_npx/5f1a/node_modules',
      '.cache/pnpm/dlx/a1/node_modules',
      'xfs-1/dlx-9/node_modules',
      'bunx-0-procura',
    ]
    for (const runner of runners) {
      const program = ['/usr/bin/node', `/home/ada/${runner}/procura/dist/procura.js`]
      const words = ['wrap', path, '--key-file', machine.keyFile, '--dry-run']
      expect((await machine.procura(words, { program })).err, runner).toContain(
        'install it with `npm install -g procura-cli`',
      )
      await machine.procura(['agent', 'new', 'a', '--socket', '/a/s', '--audience', owner, '--subject', owner])
      const hook = ['hook', 'install', 'claude', '--agent', 'a', '--server', 'mail', '--print']
      expect((await machine.procura(hook, { program })).err, runner).toContain(
        'install it with `npm install -g procura-cli`',
      )
    }
    const usual = ['/usr/bin/node', '/usr/lib/node_modules/procura/dist/procura.js']
    const quiet = await machine.procura(['wrap', path, '--key-file', machine.keyFile, '--dry-run'], { program: usual })
    expect(quiet.err).not.toContain('npm install')
  })

  it('takes a file in the home folder for the one of the user, also where `HOME` is a link or ends in a slash [WRP-06]', async () => {
    const inProject = JSON.stringify({ mcpServers: { mail: { command: './mail', args: ['${workspaceFolder}'] } } })
    const path = machine.write('.cursor/mcp.json', inProject)
    const link = join(machine.folder, 'link')
    symlinkSync(machine.folder, link)
    const words = ['wrap', path, '--key-file', machine.keyFile, '--dry-run']
    for (const home of [machine.folder, `${machine.folder}/`, link])
      expect(await machine.procura(words, { env: { HOME: home } }), home).toMatchObject({
        code: 1,
        err: expect.stringContaining('${workspaceFolder}'),
      })
    const project = machine.write('project/.cursor/mcp.json', inProject)
    expect((await wrap(project, '--dry-run')).code).toBe(0)
  })

  it('refuses an HTTP server with one header twice', async () => {
    const headers = { 'X-Api-Key': 'canary-one-key', 'x-api-key': 'canary-two-key' }
    const servers = { gh: { url: 'https://api.example.com/mcp/', headers } }
    const refused = await wrap(machine.write('.cursor/mcp.json', JSON.stringify({ mcpServers: servers })))
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('the header x-api-key twice') })
  })

  it('declares arguments that are paths, and warns about a policy on a folder without them [WRP-16]', async () => {
    const policy = ['--policy', 'read: .path like /data/*', '--policy', 'list: every .paths (. like /data/*)']
    const warned = await wrap(machine.write('.mcp.json', mail()), ...policy, '--dry-run')
    expect(warned.err).toContain('pass --paths path\n')
    expect(warned.err).toContain('pass --paths paths\n')
    const path = machine.write('.mcp.json', mail())
    const { code, err } = await wrap(path, ...policy, '--paths', 'path', '--paths', 'paths')
    expect([code, err]).toEqual([0, expect.not.stringContaining('compared as a string')])
    expect(gateway().servers['mail']).toMatchObject({ paths: ['path', 'paths'] })
    await machine.procura(['unwrap', path, '--key-file', machine.keyFile])
    expect(readFileSync(path, 'utf8')).toBe(mail())
    const two = JSON.stringify({ mcpServers: { a: { command: 'a' }, b: { command: 'b' } } })
    expect((await wrap(machine.write('.mcp.json', two), '--paths', 'path')).err).toContain('choose it with --server')
    const plain = await wrap(machine.write('.mcp.json', mail()), '--policy', 'send: .to like *@example.com')
    expect(plain.err).not.toContain('--paths')
  })

  it('encrypts the key of the owner, and makes each file for its user alone [WRP-13]', async () => {
    await wrap(machine.write('.mcp.json', mail()))
    expect((await describeSignerFile({ path: join(machine.home, 'owner.key') })).encrypted).toBe(true)
    const open = readdirSync(machine.home, { recursive: true, encoding: 'utf8' }).filter(
      (name) => (statSync(join(machine.home, name)).mode & 0o077) !== 0,
    )
    expect(open).toEqual([])
    expect(statSync(machine.home).mode & 0o077).toBe(0)
  })

  it('asks for a new passphrase twice, and takes it from the environment', async () => {
    const path = machine.write('.mcp.json', mail())
    const words = ['wrap', path]
    expect((await machine.procura(words)).err).toContain('set PROCURA_VAULT_PASSPHRASE, run this at a terminal')
    expect((await machine.procura(words, { typed: ['first passphrase', 'another one'] })).err).toContain('differ')
    expect(existsSync(join(machine.home, 'vault'))).toBe(false)
    expect((await machine.procura(words, { env: { PROCURA_VAULT_PASSPHRASE: 'correct horse' } })).code).toBe(0)
    expect((await machine.procura(['unwrap', path], { typed: ['correct horse'] })).code).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe(mail())
  })

  it('refuses a passphrase that is too short before it asks again', async () => {
    const path = machine.write('.mcp.json', mail())
    const short = await machine.procura(['wrap', path], { typed: ['short'] })
    expect([short.code, short.err]).toEqual([2, expect.stringContaining('must have at least 8 characters; nothing is')])
    expect(existsSync(join(machine.home, 'vault'))).toBe(false)
    expect((await machine.procura(['wrap', path], { typed: ['correct horse', 'correct horse'] })).code).toBe(0)
    for (const given of [{ typed: ['short'] }, { env: { PROCURA_VAULT_PASSPHRASE: 'short' } }]) {
      const wrong = await machine.procura(['serve', '--home', machine.home], given)
      expect([wrong.code, wrong.err]).toEqual([
        2,
        expect.stringContaining('the passphrase is not the one of the vault'),
      ])
    }
  })

  it('finds a mistake in a policy before it asks for a passphrase', async () => {
    const path = machine.write('.mcp.json', mail())
    for (const policy of ['send .to == a', 'send: to == a', 'other/send: .to == a']) {
      const { code, err } = await machine.procura(['wrap', path, '--policy', policy], { typed: [] })
      expect([code, err]).toEqual([2, expect.not.stringContaining('passphrase')])
    }
    expect(existsSync(machine.home)).toBe(false)
  })

  it('finds the client by the name and the content of the file, and asks where it is not certain [WRP-01]', async () => {
    const codex = machine.write('.codex/config.toml', '[mcp_servers.mail]\ncommand = "node"\n')
    const code = machine.write('.vscode/mcp.json', '{"servers": {"mail": {"command": "node"}}}')
    const desktop = machine.write('claude_desktop_config.json', '{"mcpServers": {"mail": {"command": "node"}}}')
    const some = machine.write('mcp.json', '{"mcpServers": {"mail": {"command": "node"}}}')
    for (const [path, agent] of [
      [codex, 'codex'],
      [code, 'vscode'],
      [desktop, 'claude-desktop'],
    ] as const)
      expect(JSON.parse((await wrap(path, '--dry-run', '--json')).out).agent).toBe(agent)
    const { code: exit, err } = await wrap(some)
    expect([exit, err]).toEqual([2, expect.stringContaining('choose one with --client')])
    expect((await wrap(some, '--client', 'cursor')).code).toBe(0)
  })

  it('refuses a key that is twice on the way to a server, and keeps it elsewhere [WRP-02]', async () => {
    const cases = [
      '{"mcpServers": {}, "mcpServers": {"mail": {"command": "a"}}}',
      '{"mcpServers": {"mail": {"command": "a"}, "mail": {"command": "b"}}}',
      '{"projects": {"/a": {}, "/a": {"mcpServers": {"mail": {"command": "a"}}}}}',
    ]
    for (const text of cases) {
      const path = machine.write('.claude.json', text)
      const { code, err } = await wrap(path)
      expect([code, err]).toEqual([2, expect.stringContaining('; remove one of the two')])
      expect(readFileSync(path, 'utf8')).toBe(text)
    }
    for (const part of [
      '"env": {"K": "1", "K": "2"}',
      '"x": [[{"K": 1, "\\u004b": 2}]]',
      '"x": {"y": {"K": 1, "K": 2}}',
    ]) {
      const inner = machine.write('.claude.json', `{"mcpServers": {"mail": {"command": "a", ${part}}}}`)
      expect(await wrap(inner)).toMatchObject({ code: 1, err: expect.stringContaining('has a key twice') })
    }
    const elsewhere = machine.write('.claude.json', '{"x": 1, "x": 2, "mcpServers": {"mail": {"command": "a"}}}')
    expect((await wrap(elsewhere)).code).toBe(0)
    expect(readFileSync(elsewhere, 'utf8')).toContain('"x": 1, "x": 2, ')
  })

  it('refuses or leaves out the same headers as `gateway.json` [WRP-18]', async () => {
    const own = [
      ...['connection', 'content-length', 'cookie', 'expect', 'host', 'keep-alive', 'te', 'trailer'],
      ...['transfer-encoding', 'upgrade', 'last-event-id', 'mcp-method', 'mcp-name', 'mcp-session-id'],
    ]
    for (const name of [...own, 'Mcp-Method', 'accept', 'content-type', 'mcp-protocol-version']) {
      const api = { type: 'http', url: 'https://x.example/mcp', headers: { [name]: 'x', Authorization: canary } }
      const path = machine.write(`${name}/.mcp.json`, JSON.stringify({ mcpServers: { api } }))
      const { code, err } = await wrap(path, '--dry-run')
      const isLeft = ['accept', 'content-type', 'mcp-protocol-version'].includes(name)
      expect([name, code, err.includes(`the gateway sets the header ${name} itself`)]).toEqual(
        isLeft ? [name, 0, false] : [name, 1, true],
      )
      const definition = { type: 'http', url: api.url, headers: { [name]: 'x' } }
      const config = machine.write('g/gateway.json', '{}')
      const base = { version: 1, listen: { socket: 's' }, service: { key: 'k' }, subjects: [owner] }
      const rest = { vault: { file: 'v' }, audit: { directory: 'l' }, state: { file: 'd' } }
      writeFileSync(config, JSON.stringify({ ...base, ...rest, servers: { api: definition } }))
      chmodSync(config, 0o600)
      await expect(readGatewayConfig(config)).rejects.toThrow(/is a header that the gateway sets itself/)
    }
  })

  it('refuses a secret in the arguments or the URL, unless it is told to leave it [WRP-05]', async () => {
    const servers: Record<string, object> = {
      a: { command: 'x', args: ['--api-key', 'canary-argument'] },
      b: { command: 'x', args: ['--token=canary-argument'] },
      c: { command: 'docker', args: ['run', '-e', 'GITHUB_TOKEN=canary-argument', 'image'] },
      d: {
        command: 'npx',
        args: ['mcp-remote', 'https://x.example', '--header', 'Authorization: Bearer canary-argument'],
      },
      e: { command: 'x', args: ['postgres://user:canary-argument@db.example/x'] },
      f: { url: 'https://x.example/mcp?api_key=canary-argument', headers: { Authorization: 'x' } },
      g: { command: 'x', args: [`sk-${'a1B2'.repeat(8)}`] },
    }
    for (const [name, server] of Object.entries(servers)) {
      const text = JSON.stringify({ mcpServers: { [name]: server } })
      const path = machine.write('.mcp.json', text)
      const { code, out, err } = await wrap(path)
      expect([name, code, err]).toEqual([name, 1, expect.stringContaining('is refused: ')])
      expect(out + err).not.toContain('canary')
      expect(readFileSync(path, 'utf8')).toBe(text)
      expect((await wrap(path, '--dry-run', '--keep-args')).code).toBe(0)
    }
    const plain = {
      command: 'docker',
      env: { GITHUB_TOKEN: 'x' },
      args: ['run', '-e', 'GITHUB_TOKEN', '--key-file', '/k', '--author', 'x', '--port', '80'],
    }
    expect((await wrap(machine.write('.mcp.json', JSON.stringify({ mcpServers: { plain } })), '--dry-run')).code).toBe(
      0,
    )
  })

  it('fills in references, and refuses those without a value [WRP-06]', async () => {
    const shell = machine.write('.mcp.json', mail({ env: { MAIL_KEY: '${MAIL_TOKEN}', LEVEL: '${LEVEL:-debug}' } }))
    expect(await wrap(shell)).toMatchObject({ code: 1, err: expect.stringContaining('pass --from-env') })
    const env = { MAIL_TOKEN: canary }
    expect((await machine.procura(['wrap', shell, '--key-file', machine.keyFile, '--from-env'], { env })).code).toBe(0)
    expect((await secrets())['mail.MAIL_KEY']).toBe(canary)
    expect(gateway().servers['mail']?.['env']).toEqual({ LEVEL: 'debug' })

    const docker = { command: 'docker', args: ['run', '-e', 'MAIL_TOKEN', 'image'] }
    const passed = machine.write('c/.mcp.json', JSON.stringify({ mcpServers: { docker } }))
    expect(await wrap(passed)).toMatchObject({
      code: 1,
      err: expect.stringContaining('it gets MAIL_TOKEN from the environment'),
    })
    expect((await machine.procura(['wrap', passed, '--key-file', machine.keyFile, '--from-env'], { env })).code).toBe(0)
    expect((await secrets())['docker.MAIL_TOKEN']).toBe(canary)

    const input = machine.write(
      'project/.vscode/mcp.json',
      '{"inputs": [{"id": "key", "type": "promptString"}], "servers": {"crm": {"command": "${workspaceFolder}/crm", "env": {"CRM_KEY": "${input:key}"}}}}',
    )
    expect(await wrap(input)).toMatchObject({ code: 1, err: expect.stringContaining('run this at a terminal') })
    expect((await machine.procura(['wrap', input, '--key-file', machine.keyFile], { typed: [canary] })).code).toBe(0)
    expect(gateway().servers['crm']).toMatchObject({ command: join(machine.folder, 'project', 'crm') })
    expect((await secrets())['crm.CRM_KEY']).toBe(canary)
  })

  it('shows the difference with masked secrets in a dry run, and writes nothing [WRP-04]', async () => {
    const other = { command: 'y', args: ['--password', 'canary-of-another-server'] }
    const path = machine.write(
      '.mcp.json',
      JSON.stringify({ mcpServers: { mail: JSON.parse(mail()).mcpServers.mail, other } }),
    )
    const before = readFileSync(path)
    const { out, err } = await machine.procura(['wrap', path, '--dry-run', '--key-file', machine.keyFile])
    expect(out).toMatch(/^--- .*\n\+\+\+ .*\n@@ -1,1 \+1,1 @@\n-.*••••.*\n\+.*connect/)
    expect(out + err).not.toContain('canary')
    expect(err).toContain('MAIL_KEY: into the vault, because its name suggests a secret')
    expect(readFileSync(path)).toEqual(before)
    expect(existsSync(join(machine.folder, '.config'))).toBe(false)
  })

  it('masks secrets in a dry run that stay in arguments and URLs, or are beside a reference [WRP-04]', async () => {
    const servers = {
      mail: {
        command: 'node',
        args: [
          'mail.mjs',
          '--token',
          'hunter2-canary',
          '--api-key=canary-2',
          'X-Auth: canary-3',
          '--mnemonic',
          'canary-7',
          '--seed-phrase=canary-8',
        ],
        env: { MAIL_KEY: 'canary-4-${SUFFIX}', URL: 'https://example.com' },
      },
      api: {
        type: 'http',
        url: 'https://example.com/mcp?api_key=canary-5',
        headers: { Authorization: 'Bearer ${TOKEN}' },
      },
    }
    const path = machine.write('.mcp.json', JSON.stringify({ mcpServers: servers }, undefined, 2))
    const { code, out, err } = await machine.procura(
      ['wrap', path, '--dry-run', '--key-file', machine.keyFile, '--keep-args', '--from-env'],
      {
        env: { SUFFIX: 'x1', TOKEN: 'canary-6' },
      },
    )
    expect([code, out + err]).toEqual([0, expect.not.stringContaining('canary')])
    expect(out).toContain('Bearer ${TOKEN}')
    expect(err).toContain('stays in the clear')
  })

  it('masks secrets that are written with escapes, in JSON and in TOML [WRP-04]', async () => {
    const secret = 'canary/of+the"mail\\key\u00e9\u{1f511}'
    const json = JSON.stringify(secret).slice(1, -1)
    const written = [
      json,
      json.replaceAll('/', '\\/'),
      json.replaceAll('+', '\\u002B').replace('canary', '\\u0063anary'),
      [...secret]
        .map((one) =>
          one
            .split('')
            .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
            .join(''),
        )
        .join(''),
    ]
    const texts = written.map((text) => [
      '.mcp.json',
      `{"mcpServers":{"mail":{"command":"node","env":{"MAIL_KEY":"${text}"}}}}`,
    ])
    const toml = (value: string): readonly string[] => [
      'config.toml',
      `[mcp_servers.mail]\ncommand = "node"\n[mcp_servers.mail.env]\nMAIL_KEY = ${value}\n`,
    ]
    texts.push(
      ...([`"${json.replace('c', '\\U00000063')}"`, `"""${json.replace('of', 'o\\\n   f')}"""`, `'${secret}'`].map(
        toml,
      ) as string[][]),
    )
    for (const [name = '', text = ''] of texts) {
      const path = machine.write(name, text)
      const { code, out, err } = await machine.procura(['wrap', path, '--dry-run', '--key-file', machine.keyFile])
      expect(code, err).toBe(0)
      expect(out, text).toMatch(/MAIL_KEY.{1,6}••••/)
      expect(out + err, text).not.toMatch(/anary|the.{0,2}mail|key|006b/)
    }
  })

  it('shows no default of a reference, and refuses a command with a secret [WRP-04] [WRP-05]', async () => {
    const of = (server: object): string =>
      machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail: { command: 'node', ...server } } }))
    const refused = async (server: object, ...more: readonly string[]): Promise<string> => {
      const { code, out, err } = await wrap(of(server), ...more)
      expect([code, out]).toEqual([1, ''])
      expect(err).not.toContain('canary')
      return err
    }
    expect(await refused({ env: { MAIL_KEY: '${MAIL_KEY:-canary}' } })).toContain(
      'refers to ${MAIL_KEY}; pass --from-env',
    )
    expect(await refused({ command: 'MAIL_KEY=canary node mail.mjs' })).toContain('`command` has the value of MAIL_KEY')
    expect(await refused({ command: 'npx mail --api-key canary' })).toContain('`command` has the value of --api-key')
    const path = machine.write('.cursor/mcp.json', '{"mcpServers":{"mail":{"command":"node","args":["${x:canary}"]}}}')
    const { err } = await wrap(path)
    expect(err).toContain('refers to ${x:…}')
  })

  it('gives the agent the named tools with their policies, or every tool [WRP-10]', async () => {
    const path = machine.write('.mcp.json', mail())
    await wrap(path, '--policy', 'send: .to like *@example.com', '--policy', '*: .size < 5', '--tools', 'list')
    expect(await delegations()).toEqual([
      { command: '/mcp/mail/list', policy: [['<', '.size', 5]] },
      {
        command: '/mcp/mail/send',
        policy: [
          ['<', '.size', 5],
          ['like', '.to', '*@example.com'],
        ],
      },
    ])
    for (const wrong of ['send', 'send:', ': .x == 1', 'other/send: .x == 1', 'send: .x =']) {
      const again = machine.write('b/.mcp.json', mail())
      expect([wrong, (await wrap(again, '--policy', wrong)).code]).toEqual([wrong, 2])
      expect(readFileSync(again, 'utf8')).toBe(mail())
    }
  })

  it('reports that the other tools of a server with a policy are not delegated [WRP-71]', async () => {
    const path = machine.write('.mcp.json', mail())
    const policy = ['--policy', 'send: .to == a']
    const dry = await wrap(path, ...policy, '--dry-run')
    expect(dry.err).toContain('the other tools of mail are not delegated; name each that the agent needs with --tools')
    for (const every of [[], ['--policy', '*: .to == a']])
      expect((await wrap(path, ...every, '--dry-run')).err).not.toContain('are not delegated')
    expect((await wrap(path, ...policy)).err).toContain(
      'the other tools of mail are not delegated; for each that the agent needs, run `procura allow mail/TOOL`',
    )
  })

  it('refuses a policy for a misspelt tool, which would leave the tool without it [WRP-10]', async () => {
    const path = machine.write('.mcp.json', mail())
    for (const misspelt of ['sned', 'Send', 'sent', 'sends', 'mail/sned']) {
      const { code, err } = await wrap(path, '--tools', 'send', '--policy', `${misspelt}: .to == a`)
      expect([misspelt, code, err]).toEqual([
        misspelt,
        2,
        expect.stringContaining('--tools gives send without a policy'),
      ])
      expect(readFileSync(path, 'utf8')).toBe(mail())
    }
    await wrap(path, '--tools', 'send', '--tools', 'sent', '--policy', 'sent: .to == a')
    expect(await delegations()).toEqual([
      { command: '/mcp/mail/send', policy: [] },
      { command: '/mcp/mail/sent', policy: [['==', '.to', 'a']] },
    ])
  })

  it('gives no tool of a server that is not named, where others are, and each project its own server [WRP-10]', async () => {
    const server = (cwd: string): object => ({ command: 'node', args: ['mail.mjs'], cwd, env: { MAIL_KEY: canary } })
    const two = JSON.stringify({ mcpServers: { mail: server('/x'), crm: server('/y') } })
    const path = machine.write('.mcp.json', two)
    for (const words of [
      ['--tools', 'mail/send'],
      ['--policy', 'mail/send: .to == a'],
      ['--policy', 'mail/*: .to == a'],
    ]) {
      const { code, err } = await wrap(path, ...words)
      expect([code, err]).toEqual([2, expect.stringContaining('no tool of crm is named, which would get every tool')])
      expect(readFileSync(path, 'utf8')).toBe(two)
    }
    await wrap(path, '--tools', 'mail/send', '--tools', 'crm/*')
    expect((await delegations()).map(({ command }) => command)).toEqual(['/mcp/crm', '/mcp/mail/send'])

    const projects = { '/a': { mcpServers: { api: server('/a') } }, '/b': { mcpServers: { api: server('/b') } } }
    await wrap(machine.write('.claude.json', JSON.stringify({ projects })), '--agent', 'other', '--tools', 'read')
    expect(Object.keys(gateway().servers)).toEqual(['mail', 'crm', 'api', 'api-2'])
    expect((await delegations('other')).map(({ command }) => command)).toEqual(['/mcp/api-2/read', '/mcp/api/read'])
  })

  it('replaces an earlier delegation for the same server, which could be broader [WRP-11]', async () => {
    const path = machine.write('.mcp.json', mail())
    await wrap(path)
    const original = mail()
    writeFileSync(path, original)
    await wrap(path, '--policy', 'send: .to == a')
    expect(await delegations()).toEqual([{ command: '/mcp/mail/send', policy: [['==', '.to', 'a']] }])
  })

  it('names the same server once for all clients, and other servers of that name apart', async () => {
    await wrap(machine.write('a/.mcp.json', mail({ cwd: '/x' })))
    await wrap(machine.write('.cursor/mcp.json', mail({ cwd: '/x' })))
    await wrap(machine.write('b/.mcp.json', mail({ cwd: '/y' })), '--agent', 'other')
    expect(Object.keys(gateway().servers)).toEqual(['mail', 'mail-2'])
    expect(readdirSync(join(machine.home, 'agents')).sort()).toEqual(['claude', 'cursor', 'other'])
    expect(await delegations('cursor')).toEqual([{ command: '/mcp/mail', policy: [] }])
    expect(await delegations('other')).toEqual([{ command: '/mcp/mail-2', policy: [] }])
  })

  it('leaves servers that are behind the gateway, and writes nothing the second time', async () => {
    const path = machine.write('.mcp.json', mail())
    await wrap(path)
    const [before, vault] = [readFileSync(path), readFileSync(join(machine.home, 'vault'))]
    expect(await wrap(path)).toMatchObject({ code: 0, err: expect.stringContaining('nothing to wrap') })
    // A narrower policy would not hold.
    const again = await wrap(path, '--policy', 'send: .to == a', '--expires-in', '1h')
    expect(again).toMatchObject({
      code: 1,
      err: expect.stringContaining('--policy, --expires-in had no effect, because no server is wrapped now'),
    })
    expect([readFileSync(path), readFileSync(join(machine.home, 'vault'))]).toEqual([before, vault])
  })

  it('follows a symbolic link, keeps the mode, and refuses hard links [WRP-14]', async () => {
    const target = machine.write('dotfiles/claude.json', mail())
    chmodSync(target, 0o640)
    const path = join(machine.folder, '.mcp.json')
    symlinkSync(target, path)
    expect((await wrap(path, '--client', 'claude')).code).toBe(0)
    expect(lstatSync(path).isSymbolicLink()).toBe(true)
    expect(statSync(target).mode & 0o777).toBe(0o640)
    expect(readFileSync(target, 'utf8')).toContain('connect')
    expect(readdirSync(join(machine.folder, 'dotfiles'))).toEqual(['claude.json'])

    const linked = machine.write('b/.mcp.json', mail())
    linkSync(linked, join(machine.folder, 'b', 'copy'))
    expect(await wrap(linked)).toMatchObject({ code: 2, err: expect.stringContaining('2 hard links') })
    expect(readFileSync(linked, 'utf8')).toBe(mail())
  })

  it('names lines that still contain a secret', async () => {
    const path = machine.write('.mcp.json', `// the key is ${canary}\n${mail()}`)
    const { err } = await wrap(path)
    expect(err).toContain('warning: line 1 of the configuration still contains a secret; remove it there')
    expect(err).not.toContain(canary)
  })

  it('refuses files that are not a configuration, and says where the fault is', async () => {
    const cases: readonly (readonly [string, string | Buffer, string])[] = [
      ['.mcp.json', '{"mcpServers": {\n  "a" }}', 'line 2 is not valid JSON'],
      ['.mcp.json', '[]', 'must contain a JSON object'],
      ['.mcp.json', '{"a":'.repeat(100), 'more than 64 levels'],
      ['config.toml', 'a = 1\nb = ', 'line 2 is not valid TOML'],
      ['.mcp.json', Buffer.from([0x7b, 0xff, 0x7d]), 'is not valid UTF-8'],
    ]
    for (const [name, text, message] of cases) {
      const path = machine.write(name, '')
      writeFileSync(path, text)
      expect(await wrap(path)).toMatchObject({ code: 2, err: expect.stringContaining(message) })
    }
    expect((await wrap(join(machine.folder, 'absent.json'))).err).toContain('does not exist; pass the path')
  })
})
