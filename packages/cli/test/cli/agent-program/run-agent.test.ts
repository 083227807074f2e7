import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { root } from '../../../../../test/setup/entries.ts'
import { bundleProgram } from '../../../../../test/support/bundle-program.ts'
import type { Host } from '../../../src/cli/host.ts'
import { run } from '../../../src/cli/run.ts'
import { listenForApi } from '../../../src/index.ts'
import { type ApiUpstream, startApi } from '../../gateway/serve/api-upstream.ts'
import { canary } from '../../gateway/serve/gateway-home.ts'
import type { CliResult } from '../run-cli.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

const key = canary
const mailKey = 'mail+canary/5b20:d1=77'

let bundled: string
let program: string
beforeAll(async () => {
  bundled = mkdtempSync(join(tmpdir(), 'procura-run-'))
  program = await bundleProgram(`${root}packages/cli/src/procura.ts`, join(bundled, 'procura.mjs'))
}, 60_000)
afterAll(() => rmSync(bundled, { recursive: true }))

let machine: Machine
let upstream: ApiUpstream
let controller: AbortController
let serving: Promise<unknown>

beforeEach(async () => {
  machine = newMachine()
  upstream = await startApi()
  controller = new AbortController()
  const config = machine.write(
    '.mcp.json',
    JSON.stringify({
      mcpServers: { mail: { command: process.execPath, args: ['-e', ''], env: { MAIL_KEY: mailKey } } },
    }),
  )
  const wrapped = await machine.procura(['wrap', config, '--key-file', machine.keyFile, '--agent', 'claude'])
  expect([wrapped.code, wrapped.err]).toEqual([0, expect.any(String)])
  const words = [
    'api',
    'add',
    'crm',
    upstream.origin,
    '--header',
    'X-Api-Key',
    '--agent',
    'claude',
    '--key-file',
    machine.keyFile,
  ]
  expect((await machine.procura(words, { typed: [key] })).code).toBe(0)
})
afterEach(async () => {
  controller.abort()
  await serving
  await upstream.close()
  machine.remove()
})

/** Runs `serve` in this process, until the test has ended. */
async function startGateway(): Promise<void> {
  const lines: string[] = []
  const host: Host = {
    ...{ env: machine.env, isTerminal: false, signal: controller.signal },
    print: (line) => void lines.push(line),
    complain: (line) => void lines.push(line),
    readInput: async () => new Uint8Array(),
    askHidden: async () => undefined,
  }
  serving = run(['serve', '--home', machine.home], host)
  await expect.poll(() => existsSync(join(machine.home, 'control.sock'))).toBe(true)
}

const out = (): string => join(machine.folder, 'out')
/** A program that writes its environment, as the system has it, and its words. */
const writes = `require('fs').writeFileSync(process.argv[1], JSON.stringify({ env: process.env, words: process.argv.slice(2),
  raw: require('fs').readFileSync('/proc/self/environ', 'latin1') }))`
const child = (...words: readonly string[]): readonly string[] => [
  '--',
  process.execPath,
  '-e',
  writes,
  out(),
  ...words,
]
const written = (): { env: Record<string, string>; words: string[]; raw: string } =>
  JSON.parse(readFileSync(out(), 'utf8'))
const runs = (words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> =>
  machine.procura(['run', ...words], { env })

describe('procura run', () => {
  it('removes each secret by its value, and names the variables alone [CLI-50]', async () => {
    await startGateway()
    const form = encodeURIComponent(mailKey)
    const given = {
      ...{ OTHER: mailKey, HEADER: `Bearer ${mailKey}`, PLACE: `https://a:${form}@mail.example/`, KEPT: 'plain' },
      ...{ BASIC: Buffer.from(`user:${mailKey}`).toString('base64'), HEX: Buffer.from(mailKey).toString('hex') },
      ...{ JSON_TEXT: JSON.stringify({ a: key }), PROCURA_VAULT_PASSPHRASE: 'pass-canary-1' },
      // The person has given it another name first.
      ANOTHER: 'pass-canary-1',
    }
    const { code, err } = await runs(child(), given)
    expect([code, err]).toEqual([0, expect.stringContaining('OTHER is removed: it is the secret mail.MAIL_KEY')])
    expect(err).toContain('HEADER is removed: it contains the secret mail.MAIL_KEY')
    const { env, raw } = written()
    expect(Object.keys(given).filter((name) => name in env)).toEqual(['KEPT'])
    for (const text of [mailKey, form, key, 'pass-canary-1']) expect([raw, err].join('\n')).not.toContain(text)
  })

  it('removes a variable of a wrapped name with another value, unless it is kept [CLI-51]', async () => {
    await startGateway()
    const { err } = await runs(child(), { MAIL_KEY: 'another value' })
    expect(err).toContain('MAIL_KEY is removed: the server mail has a secret of this name, with another value')
    expect(written().env).not.toHaveProperty('MAIL_KEY')
    await runs(['--keep', 'MAIL_KEY', ...child()], { MAIL_KEY: 'another value' })
    expect(written().env['MAIL_KEY']).toBe('another value')
    await runs(['--keep', 'MAIL_KEY', ...child()], { MAIL_KEY: mailKey })
    expect(written().env).not.toHaveProperty('MAIL_KEY')
  })

  it('gives the program addresses and a key, which end with it [CON-42]', async () => {
    await startGateway()
    const calls = `(async () => {
      const { CRM_BASE_URL: base, CRM_API_KEY: key, CRM_TOKEN: same } = process.env
      const status = async (token) => (await fetch(base + '/v1/a', { headers: { authorization: 'Bearer ' + token } })).status
      const statuses = [await status(key), await status('x'.repeat(43))]
      require('fs').writeFileSync(process.argv[1], JSON.stringify({ base, key, isSame: key === same, statuses }))
    })()`
    const { code, err } = await runs(['--', process.execPath, '-e', calls, out()], { CRM_TOKEN: key })
    const { base, key: made, ...rest } = JSON.parse(readFileSync(out(), 'utf8'))
    expect([code, rest]).toEqual([0, { isSame: true, statuses: [200, 401] }])
    expect(err).not.toContain(made)
    expect(existsSync(join(machine.home, 'agents', 'claude', 'local.key'))).toBe(false)
    await expect(fetch(base)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    const agent = join(machine.home, 'agents', 'claude')
    for (const [clientKey, listen] of [
      ['short', '127.0.0.1:0'],
      [made, join(machine.folder, 'api.sock')],
    ])
      await expect(listenForApi({ api: 'crm', agent, listen, clientKey })).rejects.toThrow('`clientKey` must have')
  })

  it('refuses two APIs with the same variables, and one that is unknown [CON-42]', async () => {
    expect((await runs(['--api', 'erp', ...child()])).err).toContain('the gateway has no API `erp`')
    for (const name of ['a-b', 'a_b'])
      await machine.procura(
        ['api', 'add', name, upstream.origin, '--bearer', '--agent', 'claude', '--key-file', machine.keyFile],
        { typed: [`${name}-canary`] },
      )
    expect((await runs(child())).err).toContain('the APIs a-b and a_b would have the same variables')
    expect(existsSync(out())).toBe(false)
  })

  it('passes words, exit codes and signals on, and reports a program that cannot be started [CLI-52]', async () => {
    await startGateway()
    const odd = ['--help', '$HOME', 'a b', '*', '', '--', ';ls']
    await runs(child(...odd))
    expect(written().words).toEqual(odd)
    const ends = (text: string): Promise<CliResult> => runs(['--', process.execPath, '-e', text])
    expect((await ends('process.exit(7)')).code).toBe(7)
    expect((await ends("process.kill(process.pid, 'SIGKILL')")).code).toBe(137)
    const missing = join(machine.folder, 'missing')
    const failed = await runs(['--', missing])
    expect([failed.code, failed.err]).toEqual([2, expect.stringContaining('could not be started (ENOENT)')])
    expect((await runs([])).err).toContain('the program is missing')
  })

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const)(
    'passes %s on to its program [CLI-52]',
    async (signal) => {
      await startGateway()
      const waits = `process.on('${signal}', () => process.exit(9)); console.log('ready'); setInterval(() => {}, 1000)`
      const words = [program, 'run', '--', process.execPath, '-e', waits]
      const started = spawn(process.execPath, words, { env: { ...machine.env }, stdio: ['ignore', 'pipe', 'ignore'] })
      await once(started.stdout, 'data')
      started.kill(signal)
      expect(await once(started, 'exit')).toEqual([9, null])
    },
  )

  it('starts nothing where the gateway does not run [CLI-53]', async () => {
    const { code, err } = await runs(child())
    expect([code, err]).toEqual([2, expect.stringContaining('run `procura start`')])
    expect(existsSync(out())).toBe(false)
  })
})
