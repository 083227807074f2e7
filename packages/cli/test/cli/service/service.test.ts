import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { until } from '../../../../../test/support/until.ts'
import { controlGateway } from '../../../src/cli/gateway/control.ts'
import { runningProcess } from '../../../src/cli/gateway/lock-gateway.ts'
import { launchAgent, userUnit } from '../../../src/cli/service/service-text.ts'
import { type GatewayHome, makeGatewayHome } from '../../gateway/serve/gateway-home.ts'
import { fakeSystemctl } from '../../support/fake-systemctl.ts'

const program = bundledProcura()
let home: GatewayHome
let user: string
let bin: string
let unit: string

beforeEach(async () => {
  home = await makeGatewayHome()
  user = await mkdtemp(join(tmpdir(), 'user of service-'))
  bin = join(user, 'bin')
  mkdirSync(bin)
  fakeSystemctl(bin)
  unit = join(user, '.config', 'systemd', 'user', 'procura.service')
})

afterEach(async () => {
  const id = await holder()
  if (typeof id === 'number') process.kill(id, 'SIGKILL')
  await until(async () => (await holder()) === undefined)
  await home.remove()
  rmSync(user, { recursive: true, force: true })
})

const holder = (): ReturnType<typeof runningProcess> => runningProcess(join(home.folder, 'state.db'))
const install = ['service', 'install'] as const
const calls = (): string => readFileSync(join(bin, 'calls'), 'utf8')

function procura(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { readonly code: number | null; readonly all: string } {
  const at = words.join(' ').startsWith('service remove') ? [] : ['--home', home.folder]
  const { status, stdout, stderr } = spawnSync(process.execPath, [program(), ...words, ...at], {
    encoding: 'utf8',
    env: { PATH: `${bin}:${process.env['PATH']}`, HOME: user, ...env },
  })
  return { code: status, all: `${stdout}${stderr}` }
}

describe('procura service', () => {
  it('writes a unit, starts the gateway, and removes both [CLI-36] [GTW-80]', async () => {
    const { code, all } = procura(install)
    expect([code, all]).toEqual([0, expect.stringContaining('the gateway runs as a service, and starts at each login')])
    expect(all).toContain('`loginctl enable-linger` lets it run without a login')
    expect((await controlGateway(join(home.folder, 'gateway.json'), 'status')).state).toBe('done')
    expect(readFileSync(unit, 'utf8')).toContain(`ExecStart=${process.execPath} `)
    expect(calls()).toBe('--user daemon-reload\n--user enable --now procura.service\n')
    expect(procura(install).all).toContain('the gateway runs already; run `procura stop')
    expect(procura(['stop']).code).toBe(0)
    expect(procura([...install, '--json']).all).toContain(JSON.stringify({ file: unit, listens: true }))
    expect(procura(['service', 'remove'])).toEqual({ code: 0, all: `removed ${unit}\n` })
    await until(async () => (await holder()) === undefined)
    expect(readdirSync(join(unit, '..'))).toEqual([])
    expect(calls()).toMatch(/--user disable --now procura.service\n--user daemon-reload\n$/)
    expect(procura(['service', 'remove'])).toEqual({ code: 0, all: 'no service is installed\n' })
    expect(procura(['service', 'remove', '--json']).all).toContain('{"removed":null}')
  }, 120_000)

  it('installs nothing without a service manager, with sudo, or where a person types the passphrase [CLI-36]', () => {
    writeFileSync(join(bin, 'broken'), '')
    const { code, all } = procura(install)
    expect([code, all]).toEqual([
      2,
      'procura: `systemctl --user daemon-reload` failed: `Failed to connect to bus: No medium found`\n',
    ])
    expect(procura(install, { SUDO_UID: '1000' }).all).toContain('run this without sudo, as the user of the gateway')
    home.configure((content) => {
      content['vault'] = { file: 'vault' }
    })
    expect(procura(install).all).toContain('nobody types a passphrase for a service')
    expect(existsSync(unit)).toBe(false)
    expect(existsSync(join(home.folder, 'control.sock'))).toBe(false)
  }, 60_000)

  it('writes the variables about the network, and no password [GTW-55]', () => {
    const env = {
      ...{ HTTPS_PROXY: 'http://ann:CANARY@proxy.test:80', https_proxy: 'ann:CANARY@proxy.test', http_proxy: '' },
      ...{ HTTP_PROXY: 'http://proxy.test:3128', NO_PROXY: '10%, .corp.test', NODE_EXTRA_CA_CERTS: '/etc/a b.pem' },
    }
    const { code, all } = procura(install, env)
    expect([code, all]).toEqual([0, expect.stringContaining('the service does not have HTTPS_PROXY and https_proxy: ')])
    const text = readFileSync(unit, 'utf8')
    expect(text).toContain(
      [
        'Environment=HTTP_PROXY=http://proxy.test:3128',
        'Environment=http_proxy=',
        'Environment="NO_PROXY=10%%, .corp.test"',
        'Environment="NODE_EXTRA_CA_CERTS=/etc/a b.pem"',
        'ExecStart=',
      ].join('\n'),
    )
    expect(all + text).not.toMatch(/CANARY|https_proxy=|HTTPS_PROXY=/)
    expect(procura(['stop']).code).toBe(0)
    expect(procura(['service', 'remove']).code).toBe(0)
    expect(procura(install, { NO_PROXY: 'a\nExecStart=/bin/false' }).all).toContain('has a control character')
    const start = { program: ['/n'], home: '/h', path: '/p', network: { NO_PROXY: '<a>' } }
    expect(launchAgent(start)).toContain('    <key>NO_PROXY</key>\n    <string>&lt;a&gt;</string>\n  </dict>')
  }, 60_000)

  it('replaces and removes no file of another home folder or program [CLI-36]', () => {
    mkdirSync(join(unit, '..'), { recursive: true })
    const other = userUnit({ program: ['/usr/bin/procura'], home: '/elsewhere', path: undefined })
    for (const [text, code] of [
      [other, 0],
      ['[Unit]\nDescription=Mine\n', 2],
    ] as const) {
      writeFileSync(unit, text)
      expect(procura(install).all).toContain('is of another home folder or program; run `procura service remove`')
      expect(readFileSync(unit, 'utf8')).toBe(text)
      expect(procura(['service', 'remove']).all).toContain(code === 0 ? `removed ${unit}` : 'remove it by hand')
      expect(existsSync(unit)).toBe(code !== 0)
    }
  }, 60_000)
})

describe('the file of a service', () => {
  const start = {
    program: ['/usr/bin/procura'],
    home: '/home/ann/.config/procura',
    path: '/usr/local/bin:/usr/bin:/bin',
  }

  it('is the unit of the page [GTW-80]', () => {
    const page = readFileSync(new URL('../../../spec/gateway.md', import.meta.url), 'utf8')
    expect(page).toContain(`\`\`\`ini\n${userUnit(start)}\`\`\``)
  })

  it('has each path as one word, whatever its characters are, and no control character [GTW-80]', () => {
    const odd = { ...start, home: '/a "b" \\c 100% $HOME', path: '/a b:/$c' }
    expect(userUnit(odd)).toContain('serve --home "/a \\"b\\" \\\\c 100%% $$HOME"\n')
    expect(userUnit(odd)).toContain('Environment="PATH=/a b:/$c"\n')
    expect(launchAgent({ ...start, home: '/a<b>&c' })).toContain('<string>/a&lt;b&gt;&amp;c</string>')
    for (const make of [userUnit, launchAgent])
      for (const home of ['/a\nExecStartPre=/bin/evil', '/a\rb', '/a\0'])
        expect(() => make({ ...start, home })).toThrow('has a control character')
  })
})
