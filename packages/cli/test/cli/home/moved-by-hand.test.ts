import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { freePort } from '../../../../../test/support/free-port.ts'
import { until } from '../../../../../test/support/until.ts'
import { canary, mailServer } from '../../gateway/serve/gateway-home.ts'

const isRoot = process.getuid?.() === 0
/** The person, and the user of the gateway. */
const [person, other] = [54_321, 65_534]

const program = bundledProcura()
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'procura-by-hand-'))
  chmodSync(folder, 0o755)
  for (const [name, uid] of [
    ['person', person],
    ['other', other],
  ] as const) {
    mkdirSync(join(folder, name), { mode: 0o700 })
    chownSync(join(folder, name), uid, uid)
  }
})

afterEach(() => {
  sh('gateway procura stop --home "$OTHER/home"')
  rmSync(folder, { recursive: true, force: true })
})

/** Runs lines of the page: words behind `sudo -u procura` as the user of the gateway, other programs as the person. */
function sh(lines: string, input = ''): { readonly code: number | null; readonly out: string; readonly err: string } {
  const text = lines
    .replaceAll('~/', '$PERSON/')
    .replaceAll('-C ~', '-C $PERSON')
    .replaceAll('/var/lib/procura', '$OTHER')
  const as = (uid: number, home: string): string => `HOME=$${home} setpriv --reuid ${uid} --regid ${uid} --clear-groups`
  const script = `set -e -o pipefail
words() { if [ "$1" = procura ]; then shift; WORDS=("$NODE" "$PROGRAM" "$@"); else WORDS=("$@"); fi; }
person() { words "$@"; ${as(person, 'PERSON')} "\${WORDS[@]}"; }
gateway() { words "$@"; ${as(other, 'OTHER')} "\${WORDS[@]}"; }
sudo() { if [ "$1" = -u ]; then shift 2; gateway "$@"; fi; }
procura() { person procura "$@"; }
tar() { person tar "$@"; }
rm() { person rm "$@"; }
cd /
${text}`
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
    encoding: 'utf8',
    input,
    env: {
      ...{ PATH: process.env['PATH'], PROCURA_VAULT_PASSPHRASE: 'correct horse battery', NODE: process.execPath },
      ...{ PROGRAM: join(folder, 'bin', 'procura.mjs'), PERSON: join(folder, 'person'), OTHER: join(folder, 'other') },
    },
  })
  return { code: status, out: stdout, err: stderr }
}

function done(lines: string, input = ''): string {
  const { code, out, err } = sh(lines, input)
  expect(code, `${lines}\n${out}${err}`).toBe(0)
  return out
}

function change(path: string, members: Readonly<Record<string, unknown>>, without = ''): void {
  const content: Record<string, unknown> = JSON.parse(readFileSync(path, 'utf8'))
  Reflect.deleteProperty(content, without)
  writeFileSync(path, JSON.stringify({ ...content, ...members }))
}

describe('the steps of gateway.md to a user of its own', () => {
  it.runIf(isRoot)(
    'move the gateway: the agent calls it, and the person holds no key of it [GTW-81]',
    async () => {
      expect(spawnSync('cp', ['-r', join(program(), '..'), join(folder, 'bin')]).status).toBe(0)
      expect(spawnSync('chmod', ['-R', 'a+rX', join(folder, 'bin')]).status).toBe(0)
      copyFileSync(mailServer, join(folder, 'mail-server.mjs'))
      chmodSync(join(folder, 'mail-server.mjs'), 0o644)
      const config = join(folder, 'person', '.claude.json')
      const mail = { command: process.execPath, args: [join(folder, 'mail-server.mjs')], env: { MAIL_KEY: canary } }
      writeFileSync(config, JSON.stringify({ mcpServers: { mail } }), { mode: 0o600 })
      chownSync(config, person, person)
      done('procura wrap ~/.claude.json --ask-passphrase')
      const page = readFileSync(new URL('../../../spec/gateway.md', import.meta.url), 'utf8')
      const section = page.slice(page.indexOf('\n### To a user of its own\n'))
      const [move = '', renew = '', remove = ''] = [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, lines]) => lines)
      const did = /did:key:\w+/.exec(done(move).split('\n').at(-2) ?? '')?.[0]
      expect(did).toBeDefined()
      const address = `127.0.0.1:${await freePort()}`
      const home = join(folder, 'other', 'home')
      const keyFile = join(folder, 'other', 'vault.key')
      change(join(home, 'gateway.json'), { listen: { address }, vault: { file: 'vault', keyFile } })
      done('sudo -u procura procura start --home /var/lib/procura/home')
      done(renew)
      const own = join(folder, 'person', '.config', 'procura')
      change(join(own, 'agents', 'claude', 'connect.json'), { address, audience: did }, 'socket')
      expect(await called()).toContain('sent to a@b.c')
      change(join(own, 'gateway.json'), { moved: { home, user: 'procura' } })
      done(remove)
      expect(await called()).toContain('sent to a@b.c')
      for (const path of [join(home, 'vault'), keyFile, join(home, 'owner.key')])
        expect(sh(`person cat '${path}'`).err).toContain('Permission denied')
      expect(spawnSync('grep', ['-rl', canary, join(folder, 'person')]).stdout.toString()).toBe('')
      for (const verb of ['wrap ~/.claude.json', 'start', 'serve']) {
        const { code, err } = sh(`procura ${verb}`)
        expect([code, err]).toEqual([2, expect.stringContaining(`has moved to \`${home}\`, of the user \`procura\``)])
      }
    },
    120_000,
  )
})

/** The answers to a session of the agent with one call. */
async function called(): Promise<string> {
  const child = spawn(process.execPath, [join(folder, 'bin', 'procura.mjs'), 'connect', 'mail'], {
    ...{ uid: person, gid: person, cwd: '/', stdio: ['pipe', 'pipe', 'ignore'] },
    env: { PATH: process.env['PATH'], HOME: join(folder, 'person') },
  })
  const output: string[] = []
  child.stdout?.on('data', (chunk) => output.push(String(chunk)))
  const clientInfo = { name: 'test', version: '1' }
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo }
  for (const message of [
    { id: 1, method: 'initialize', params },
    { method: 'notifications/initialized' },
    { id: 2, method: 'tools/call', params: { name: 'send', arguments: { to: 'a@b.c' } } },
  ])
    child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  await until(async () => output.join('').includes('"id":2'))
  child.stdin?.end()
  await new Promise((resolve) => child.once('exit', resolve))
  return output.join('')
}
