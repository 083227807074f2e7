// node only: writes files and starts programs
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { createDurableFile } from '#support/durable-file.ts'
import { quote } from '#support/quote.ts'
import { networkFor } from '../../support/proxy.ts'
import { runProgram } from '../../support/run-program.ts'
import { userHome } from '../../support/user-home.ts'
import { controlGateway, sendControl } from '../gateway/control.ts'
import { configOf } from '../gateway/tools.ts'
import type { Host } from '../host.ts'
import { programOf } from '../terminal/program-words.ts'
import { UsageError } from '../usage-error.ts'
import type { Flags } from '../verb.ts'
import { describeService, launchAgent, launchLabel, type ServiceStart, userUnit } from './service-text.ts'

/** Milliseconds until the gateway has to listen: the keyring may ask a person, and servers may be slow. */
const startMs = 60_000

/** Milliseconds between two questions. */
const pollMs = 100

/** The program that starts a service at the login of its user. */
interface Manager {
  /** The file that describes the service. */
  readonly file: string
  readonly text: (start: ServiceStart) => string
  readonly install: readonly (readonly string[])[]
  /** The commands before the file is removed, which may find nothing, and after it. */
  readonly remove: readonly (readonly string[])[]
  readonly removed: readonly (readonly string[])[]
  /** The command that shows the state of the service to a person. */
  readonly show: string
}

function managerOf(host: Host): Manager {
  const user = host.env['HOME'] || userHome()
  if (process.platform === 'darwin') {
    const domain = `gui/${process.getuid?.()}`
    const file = join(user, 'Library', 'LaunchAgents', `${launchLabel}.plist`)
    return {
      ...{ file, text: launchAgent, removed: [] },
      install: [['launchctl', 'bootstrap', domain, file]],
      remove: [['launchctl', 'bootout', `${domain}/${launchLabel}`]],
      show: `launchctl print ${domain}/${launchLabel}`,
    }
  }
  if (process.platform !== 'linux') throw new UsageError('a service needs systemd or launchd')
  const systemctl = ['systemctl', '--user']
  return {
    file: join(host.env['XDG_CONFIG_HOME'] || join(user, '.config'), 'systemd', 'user', 'procura.service'),
    text: userUnit,
    install: [
      [...systemctl, 'daemon-reload'],
      [...systemctl, 'enable', '--now', 'procura.service'],
    ],
    remove: [[...systemctl, 'disable', '--now', 'procura.service']],
    removed: [[...systemctl, 'daemon-reload']],
    show: 'systemctl --user status procura',
  }
}

/**
 * `procura service install`: lets the service manager of this user start the gateway at each login. CLI-36
 *
 * @returns 1 when the gateway does not listen.
 */
export async function installService(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('too many words; service install takes none')
  if ((host.env['SUDO_UID'] ?? '') !== '')
    throw new UsageError(
      'run this without sudo, as the user of the gateway; for a gateway with a user of its own, see the section To a user of its own of gateway.md',
    )
  const { path: config, vault } = await configOf(flags, host)
  const home = resolve(dirname(config))
  if (vault.keyFile === undefined && vault.unlock === undefined)
    throw new UsageError(
      'nobody types a passphrase for a service; name its source in `vault.unlock` of gateway.json, such as { "keyring": true }',
    )
  const manager = managerOf(host)
  const { variables: network, left } = networkFor(host.env)
  const text = manager.text({ program: programOf(host), home, path: host.env['PATH'], network })
  const before = await readText(manager.file)
  if (before !== undefined && !describeService(before, home).isSame)
    throw new UsageError(
      `${quote(manager.file, 256)} is of another home folder or program; run \`procura service remove\`, or move it away`,
    )
  const running = await controlGateway(config, 'status')
  if (running.state !== 'down')
    throw new UsageError('the gateway runs already; run `procura stop`, and then this again')
  await replaceText(manager.file, text)
  for (const command of manager.install) {
    const fault = await faultOf(command, host)
    if (fault === undefined) continue
    // One that was there before stays as the new one: its next start uses the present program.
    if (before === undefined) await rm(manager.file, { force: true })
    throw new Error(`\`${command.join(' ')}\` failed: ${fault}`)
  }
  if (left.length > 0)
    host.complain(
      `the service does not have ${left.join(' and ')}: a proxy with a password is not written into its file`,
    )
  if (!(await listens(config))) {
    if (flags['json'] === true) host.print(JSON.stringify({ file: manager.file, listens: false }))
    host.complain(`${manager.file} is installed, and the gateway does not listen yet; \`${manager.show}\` shows why`)
    return 1
  }
  const { file } = manager
  const said = `the gateway runs as a service, and starts at each login: ${file}`
  host.print(flags['json'] === true ? JSON.stringify({ file, listens: true }) : said)
  if (process.platform === 'linux' && (await isWithoutLinger(host)))
    host.complain('it ends when you log out; `loginctl enable-linger` lets it run without a login')
  return 0
}

/** `procura service remove`: ends the service of this user, and removes its file. CLI-36 */
export async function removeService(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('too many words; service remove takes none')
  const manager = managerOf(host)
  const text = await readText(manager.file)
  if (text === undefined) {
    if (flags['json'] === true) host.print(JSON.stringify({ removed: null }))
    host.complain('no service is installed')
    return 0
  }
  if (!describeService(text, '/').isOurs)
    throw new UsageError(`${quote(manager.file, 256)} is not a file of \`service install\`; remove it by hand`)
  const faults: string[] = []
  for (const command of manager.remove) {
    const fault = await faultOf(command, host)
    if (fault !== undefined) faults.push(`\`${command.join(' ')}\` failed: ${fault}`)
  }
  await rm(manager.file)
  for (const command of manager.removed) await faultOf(command, host)
  host.print(flags['json'] === true ? JSON.stringify({ removed: manager.file }) : `removed ${manager.file}`)
  for (const fault of faults) host.complain(fault)
  return faults.length === 0 ? 0 : 1
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
}

/** Writes a file in one step. */
async function replaceText(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${randomBytes(8).toString('hex')}`
  try {
    await createDurableFile(draft, text)
    await rename(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
}

/** Runs a command of the service manager. Resolves its fault. */
async function faultOf(command: readonly string[], { env }: Host): Promise<string | undefined> {
  return runProgram(command, { env, errors: true, ms: 60_000 }).then(
    ({ code, errors }) => (code === 0 ? undefined : quote(errors.trim().split('\n', 1)[0] || `exit code ${code}`, 256)),
    (error: Error) => `it ${error.message}`,
  )
}

async function listens(config: string): Promise<boolean> {
  for (const deadline = performance.now() + startMs; performance.now() < deadline; ) {
    if ((await sendControl(config, 'status')).state === 'done') return true
    await new Promise((done) => setTimeout(done, pollMs))
  }
  return false
}

async function isWithoutLinger({ env }: Host): Promise<boolean> {
  const words = ['loginctl', 'show-user', String(process.getuid?.()), '--property=Linger']
  const output = await runProgram(words, { env }).then(
    (ended) => Buffer.from(ended.output).toString('utf8'),
    () => '',
  )
  return output.trim() === 'Linger=no'
}
