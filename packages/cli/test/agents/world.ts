// node only: runs programs
/**
 * Everything around a real agent: a home folder with keys and delegations, a running gateway, the mail server with its
 * API, and the server of files. All of it is made by the program `procura`, as a person would.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readJsonlRecords } from 'procura/audit/jsonl'
import { root } from '../../../../test/setup/entries.ts'
import { freePort } from '../../../../test/support/free-port.ts'

/** The command line of the program. */
const built: readonly string[] = [process.execPath, `${root}packages/cli/dist/procura.js`]

/** The secret that must be nowhere. */
export const canary: string = `canary-${Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString('hex')}`

/** A program that an MCP client starts. */
interface Server {
  readonly command: string
  readonly args: readonly string[]
}

/** The parts. */
export interface World {
  readonly home: string
  /** Files that the agent may read are in `files/allowed`. */
  readonly files: string
  /** Recipients of mail that the API accepted, and of mail that it refused for its key. */
  readonly mails: { readonly to: string; readonly accepted: boolean }[]
  /** Called while a mail is sent. */
  whileSending: () => Promise<void>
  /** Changes the description of the tool `send`. */
  describe(text: string): void
  startGateway(): Promise<void>
  killGateway(): Promise<void>
  /** The lines of the log. */
  log(): readonly string[]
  /** The records of allowed calls, with the facts that the agent claims. */
  calls(): Promise<readonly { readonly claimed?: Readonly<Record<string, string>> }[]>
  /** Output of the gateway. */
  readonly output: string[]
  /** The configuration of an MCP client for the agent. */
  readonly servers: Readonly<Record<string, Server>>
  /**
   * The server for files, for another agent. Thousands of refused calls use up the requests for approvals of an agent.
   */
  readonly filesOfReader: Server
  /** Arguments of the hook. */
  readonly hook: readonly string[]
  stop(): Promise<void>
}

/** Runs the program, and returns its output. */
function run([command = '', ...first]: readonly string[], words: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(command, [...first, ...words], { input, encoding: 'utf8' })
  if (status !== 0) throw new Error(`procura ${words.slice(0, 2).join(' ')}: ${stderr}`)
  return stdout.trim()
}

/**
 * Makes the world. The gateway is not started.
 *
 * @param filesystemServer - the script of the server for files, if there is one.
 * @param program - the command line of the program. Default: the built one, on this runtime.
 */
export async function makeWorld(filesystemServer?: string, program: readonly string[] = built): Promise<World> {
  const procura = (words: readonly string[], input?: string): string => run(program, words, input)
  const [command = '', ...first] = program
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'procura-world-')))
  const [home, files] = [join(folder, 'home'), join(folder, 'files')]
  for (const one of [home, join(files, 'allowed'), join(files, 'secret')])
    mkdirSync(one, { recursive: true, mode: 0o700 })
  writeFileSync(join(files, 'allowed', 'note.txt'), 'a note that the agent may read')
  writeFileSync(join(files, 'secret', 'plan.txt'), 'a plan that the agent may not read')
  const description = join(folder, 'description')
  writeFileSync(description, 'sends a mail')
  const api = await startApi()
  const [owner, service] = ['owner.key', 'service.key'].map((name) => join(home, name)) as [string, string]
  const [subject, audience] = [owner, service].map((path) => procura(['key', 'new', path])) as [string, string]
  const vault = ['--file', join(home, 'vault'), '--key-file', join(home, 'vault.key')]
  procura(['vault', 'new-key', '--key-file', join(home, 'vault.key')])
  procura(['vault', 'put', 'mail.MAIL_KEY', ...vault, '--leasable'], canary)
  const env = { MAIL_URL: api.url, DESCRIPTION: description }
  const mail = {
    type: 'stdio',
    command: process.execPath,
    args: [`${root}packages/cli/test/agents/mail-server.mjs`],
    env,
  }
  const configuration = {
    ...{ version: 1, listen: { socket: 'gateway.sock' }, service: { key: 'service.key' }, subjects: [subject] },
    ...{ vault: { file: 'vault', keyFile: 'vault.key' }, audit: { directory: 'log' }, state: { file: 'state.db' } },
    tools: 'first-use',
    approvals: { page: `127.0.0.1:${await freePort()}` },
    servers: {
      mail: { ...mail, secretEnv: { MAIL_KEY: 'mail.MAIL_KEY' } },
      ...(filesystemServer !== undefined && {
        files: { type: 'stdio', command: process.execPath, args: [filesystemServer, files], paths: ['path'] },
      }),
    },
  }
  writeFileSync(join(home, 'gateway.json'), JSON.stringify(configuration), { mode: 0o600 })
  const place = ['--socket', join(home, 'gateway.sock'), '--audience', audience, '--subject', subject]
  for (const name of ['assistant', 'reader']) {
    const agent = procura(['agent', 'new', name, '--home', home, ...place])
    for (const [command, policy] of [
      ['/mcp/mail/send', '.to like *@example.com'],
      ['/mcp/files/read_text_file', `.path like ${files}/allowed/*`],
    ] as const) {
      const words = ['delegate', '--from', owner, '--to', agent, '--command', command, '--policy', policy]
      procura(['agent', 'receive', name, '--home', home], procura([...words, '--expires-in', '1h']))
    }
  }
  const connect = (server: string, agent = 'assistant'): Server => ({
    command,
    args: [...first, 'connect', server, '--home', home, '--agent', agent],
  })
  return {
    ...{ home, files, mails: api.mails },
    get whileSending() {
      return api.pause.wait
    },
    set whileSending(wait) {
      api.pause.wait = wait
    },
    describe: (text) => writeFileSync(description, text),
    ...gatewayIn(home, program),
    log: () => textsIn(join(home, 'log')),
    async calls() {
      const found: { readonly claimed?: Readonly<Record<string, string>> }[] = []
      for await (const { event } of readJsonlRecords({ directory: join(home, 'log') }))
        if (event.kind === 'intent' && event.command?.startsWith('/mcp/') === true) found.push(event)
      return found
    },
    servers: { mail: connect('mail'), files: connect('files') },
    filesOfReader: connect('files', 'reader'),
    hook: [...first, 'hook', '--home', home, '--agent', 'assistant', '--server', 'mail', '--server', 'files'],
    async stop() {
      await api.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

function gatewayIn(
  home: string,
  [command = '', ...first]: readonly string[],
): Pick<World, 'startGateway' | 'killGateway' | 'output'> {
  let gateway: ChildProcess | undefined
  const output: string[] = []
  return {
    output,
    async startGateway() {
      const child = spawn(command, [...first, 'serve', '--home', home], { stdio: ['ignore', 'pipe', 'pipe'] })
      gateway = child
      await new Promise<void>((settle, fail) => {
        const read = (chunk: Buffer): void => {
          output.push(chunk.toString())
          if (output.join('').includes('audience ')) settle()
        }
        child.stdout.on('data', read)
        child.stderr.on('data', read)
        child.once('exit', () => fail(new Error(`the gateway ended: ${output.join('')}`)))
      })
    },
    async killGateway() {
      if (gateway === undefined || gateway.exitCode !== null || gateway.signalCode !== null) return
      const ended = once(gateway, 'exit')
      gateway.kill('SIGKILL')
      await ended
      output.splice(0)
    },
  }
}

function textsIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
}

/** The API for mail, which wants its key. */
async function startApi(): Promise<{
  readonly url: string
  readonly mails: World['mails']
  readonly pause: { wait: () => Promise<void> }
  stop(): Promise<void>
}> {
  const mails: World['mails'] = []
  const pause: { wait: () => Promise<void> } = { wait: async () => undefined }
  const server = createServer(async (request, response) => {
    const accepted = request.headers.authorization === `Bearer ${canary}`
    mails.push({ to: decodeURIComponent(request.url?.split('/').at(-1) ?? ''), accepted })
    await pause.wait()
    response.writeHead(accepted ? 200 : 401).end()
  })
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  return {
    ...{ mails, pause, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    stop: () =>
      new Promise((settle) => {
        server.closeAllConnections()
        server.close(() => settle())
      }),
  }
}
