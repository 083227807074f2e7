import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { until } from '../../../../../test/support/until.ts'
import { controlGateway } from '../../../src/cli/gateway/control.ts'
import { runningProcess } from '../../../src/cli/gateway/lock-gateway.ts'
import { newClients, textOf } from '../../gateway/agent-side/connect/client.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from '../../gateway/serve/gateway-home.ts'

const program = bundledProcura()
let home: GatewayHome
const clients = newClients()

beforeEach(async () => {
  home = await makeGatewayHome()
})

afterEach(async () => {
  await clients.end()
  const id = await holder()
  if (typeof id === 'number') process.kill(id, 'SIGKILL')
  await until(async () => (await holder()) === undefined)
  await home.remove()
})

const holder = (): ReturnType<typeof runningProcess> => runningProcess(join(home.folder, 'state.db'))
const config = (): string => join(home.folder, 'gateway.json')
const log = (): string => readFileSync(join(home.folder, 'serve.log'), 'utf8')

function procura(verb: string, env: Readonly<Record<string, string>> = {}): { code: number | null; all: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program(), verb, '--home', home.folder], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  return { code: status, all: `${stdout}${stderr}` }
}

/** The processes that were started with a home folder. */
function processesOf(folder: string): readonly number[] {
  const words = (id: string): string => {
    try {
      return readFileSync(`/proc/${id}/cmdline`, 'utf8')
    } catch {
      return ''
    }
  }
  return readdirSync('/proc')
    .filter((id) => /^\d+$/.test(id) && words(id).includes(`\0serve\0--background\0--config\0${folder}/`))
    .map(Number)
}

/** The process of the gateway, which has to run. */
async function processOf(): Promise<number> {
  const answer = await controlGateway(config(), 'status')
  if (answer.state !== 'done') throw new Error(`it does not run: ${JSON.stringify(answer)}`)
  return answer.data.process
}

describe('procura start', () => {
  it('starts one gateway in the background, prints a line, and `stop` ends it [CLI-33] [CLI-34]', async () => {
    const { code, all } = procura('start')
    const id = await processOf()
    expect(all).toBe(`the gateway runs: process ${id}, listening on ${join(home.folder, 'gateway.sock')}, 1 server\n`)
    expect(code).toBe(0)
    expect(log()).toContain('server mail (stdio): 6 tools')
    expect(statSync(join(home.folder, 'serve.log')).mode & 0o777).toBe(0o600)
    const again = procura('start')
    expect(again.all).toContain(`the gateway runs already: process ${id},`)
    expect(again.code).toBe(0)
    const stopped = procura('stop')
    expect(stopped.all).toBe(`the gateway has ended: process ${id}, after 0 calls in progress\n`)
    expect(stopped.code).toBe(0)
    expect(await holder()).toBeUndefined()
    expect(procura('stop')).toEqual({ code: 0, all: 'the gateway does not run\n' })
  }, 60_000)

  it('starts a gateway after one that was killed [CLI-33]', async () => {
    expect(procura('start').code).toBe(0)
    const id = await processOf()
    process.kill(id, 'SIGKILL')
    await until(async () => (await holder()) === undefined)
    expect(procura('start').code).toBe(0)
    expect(await processOf()).not.toBe(id)
  }, 60_000)

  it('started four times at once, leaves one process, and none after `stop` [CLI-33] [CLI-34]', async () => {
    const starts = Array.from({ length: 4 }, () =>
      spawn(process.execPath, [program(), 'start', '--home', home.folder], { stdio: 'ignore' }),
    )
    const codes = starts.map((one) => new Promise((resolve) => one.once('exit', resolve)))
    expect(await Promise.all(codes)).toEqual([0, 0, 0, 0])
    expect(processesOf(home.folder)).toEqual([await processOf()])
    expect(procura('stop').code).toBe(0)
    // A process ends a moment after it has given up its locks.
    await until(() => processesOf(home.folder).length === 0)
  }, 60_000)

  it('passes the passphrase on where no other program finds it [CLI-33] [GTW-16]', async () => {
    const passphrase = 'correct horse CANARY battery'
    await home.vault.changeKey({ passphrase })
    home.configure((given) => void Object.assign(given, { vault: { file: 'vault' } }))
    expect(procura('start', { PROCURA_VAULT_PASSPHRASE: passphrase }).code).toBe(0)
    const id = await processOf()
    const files = readdirSync(home.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    const places = [
      ...['cmdline', 'environ'].map((name) => `/proc/${id}/${name}`),
      ...files.map((entry) => join(entry.parentPath, entry.name)),
    ]
    for (const place of places) expect(readFileSync(place, 'latin1'), place).not.toContain('CANARY')
    const wrong = 'another CANARY passphrase'
    expect(procura('stop').code).toBe(0)
    const { code, all } = procura('start', { PROCURA_VAULT_PASSPHRASE: wrong })
    expect(all).toContain('the key or passphrase is not the one of')
    expect(all).toContain(`the gateway did not start; its output is in \`${join(home.folder, 'serve.log')}\``)
    expect(all).not.toContain('CANARY')
    expect(code).toBe(2)
    expect(await holder()).toBeUndefined()
  }, 60_000)

  it('prints the fault of a configuration, and starts nothing [CLI-33]', async () => {
    home.configure((given) => void Object.assign(given, { sandbox: true }))
    const { code, all } = procura('start')
    expect(all).toMatch(/gateway\.json:1:\d+: `sandbox` is unknown/)
    expect(code).toBe(2)
    expect(existsSync(join(home.folder, 'serve.log'))).toBe(false)
  }, 60_000)

  it('reloads at SIGHUP, because it has no terminal that could be gone [CLI-32] [GTW-34]', async () => {
    expect(procura('start').code).toBe(0)
    const id = await processOf()
    process.kill(id, 'SIGHUP')
    await until(() => log().includes('took the new configuration'))
    expect(await processOf()).toBe(id)
  }, 60_000)

  it('keeps its output in one file of a bounded size, and an older one [CLI-33]', async () => {
    writeFileSync(join(home.folder, 'serve.log'), 'x'.repeat(5 * 1024 * 1024 + 1), { mode: 0o644 })
    expect(procura('start').code).toBe(0)
    expect(statSync(join(home.folder, 'serve.log.1')).size).toBeGreaterThan(5 * 1024 * 1024)
    expect(log().length).toBeLessThan(10_000)
    expect(log()).toContain('listening on')
    for (const name of ['serve.log', 'serve.log.1']) expect(statSync(join(home.folder, name)).mode & 0o777).toBe(0o600)
  }, 60_000)

  it.each(['serve.log', 'control.sock'])(
    'that is killed when %s is there leaves a home that starts [CLI-33]',
    async (name) => {
      const first = spawn(process.execPath, [program(), 'start', '--home', home.folder], { stdio: 'ignore' })
      const exit = new Promise((resolve) => first.once('exit', resolve))
      await until(() => existsSync(join(home.folder, name)))
      first.kill('SIGKILL')
      await exit
      expect(procura('start').code).toBe(0)
      const agent = await home.agent('assistant')
      await agent.give(home.owner, '/mcp/mail')
      expect(textOf(await (await clients.open(agent.folder)).call('send', { to: 'bob' }))).toBe('sent to bob')
      expect(procura('stop').code).toBe(0)
      expect(await holder()).toBeUndefined()
    },
    60_000,
  )
})

describe('procura stop', () => {
  it('waits for the calls in progress, and reports how many there were [CLI-34] [GTW-35]', async () => {
    expect(procura('start').code).toBe(0)
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    const mail = await clients.open(agent.folder)
    const slow = mail.call('slow', { ms: 2_000 })
    await until(() => callsIn(home.folder).some(({ name }) => name === 'slow'))
    expect(procura('stop').all).toContain('after 1 call in progress')
    expect(textOf(await slow)).toBe('waited')
  }, 60_000)

  it('ends the process that has the state, where the socket is gone [CLI-34]', async () => {
    expect(procura('start').code).toBe(0)
    const id = await processOf()
    rmSync(join(home.folder, 'control.sock'))
    const { code, all } = procura('stop')
    expect(all).toBe(`the gateway has ended: process ${id}\n`)
    expect(code).toBe(0)
    expect(log()).toContain('stopping; waiting for the calls in progress')
  }, 60_000)
})
