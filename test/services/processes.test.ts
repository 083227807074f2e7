// node only: starts processes
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { runCli } from '../../packages/cli/test/cli/run-cli.ts'
import { openContainer } from '../../src/core/authorization/open-container.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { openSignerFile } from '../../src/signers/file/signer-file.ts'
import { type Listening, listen } from '../http/adapters/servers.ts'
import { platformAliases, root } from '../setup/entries.ts'
import { programsOf } from '../setup/programs.ts'
import { freePort } from '../support/free-port.ts'
import { service as nginx } from './nginx.service.ts'
import { launch } from './service.ts'

const address = process.env['PROCURA_POSTGRES'] ?? ''
const name = 'processes_of_the_guide'
const role = 'processes_service'
const guide = readFileSync(`${root}spec/guides/processes.md`, 'utf8')
let folder: string
let owner: Pool
let api: Listening
const ports: number[] = []
const running: ChildProcess[] = []
let proxy: { stop(): Promise<void> } | undefined
let url: string
let received: string[] = []
let output = ''

const place = (file: string): string => join(folder, file)
const database = address.replace(/\/[^/]*$/, `/${name}`)
const env = { PROCURA_STORE_URL: database, PROCURA_LOG_URL: database }

/** Runs a command of the guide. */
async function procura(words: readonly string[], input = ''): Promise<string> {
  const { code, out, err } = await runCli(words, input, { ...env, PROCURA_HOME: place('none') })
  if (code !== 0) throw new Error(`${words.join(' ')}: ${code} ${err}`)
  return out.trim()
}

async function newKey(key: string): Promise<string> {
  const [did = ''] = (await procura(['key', 'new', place(key)])).split('\n')
  return did
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-processes-'))
  api = await listen(
    createServer((request, response) => {
      received.push(String(request.headers.authorization))
      request.resume().once('end', () => response.writeHead(202).end())
    }),
  )
  const first = new Pool({ connectionString: address, max: 1 })
  await first.query(`CREATE ROLE ${role} LOGIN`)
  await first.query(`CREATE DATABASE ${name}`)
  await first.end()
  owner = new Pool({ connectionString: database, max: 2 })
  owner.on('error', () => undefined)
  await owner.query(`CREATE TABLE tenants (did text PRIMARY KEY, credential text NOT NULL)`)
  await owner.query(`GRANT SELECT ON tenants TO ${role}`)
  await newKey('service.key')
  for (const key of ['vault.key', 'store.key']) await procura(['vault', 'new-key', '--key-file', place(key)])
  await procura([
    'store',
    'prepare',
    '--postgres',
    '--secret-file',
    place('store.key'),
    '--role',
    role,
    '--new-service',
  ])
  await procura(['audit', 'prepare', '--postgres', '--role', role])
  for (const tenant of ['one', 'two']) {
    const words = ['vault', 'put', tenant, '--file', place('vault'), '--key-file', place('vault.key')]
    const rules = ['--origin', `http://127.0.0.1:${api.port}`, '--method', 'POST', '--bearer']
    await procura([...words, ...rules], `canary-${tenant}`)
  }
  const [program] = programsOf('processes', guide)
  // A busy machine needs longer than the defaults.
  const patient = program?.text
    .replace('deadlineMs: 2_000', 'deadlineMs: 20_000')
    .replace('query_timeout: 5_000', 'query_timeout: 20_000')
    .replace('connectionTimeoutMillis: 500', 'connectionTimeoutMillis: 20_000')
    .replace("readFileSync('store.key')", "readFileSync('store.key'), timeoutMs: 20_000")
    .replace('registry: true,', 'registry: true, deadlines: { decisionMs: 20_000, closeMs: 20_000 },')
  writeFileSync(place('program.ts'), patient ?? '')
  symlinkSync(join(root, 'node_modules'), place('node_modules'))
  await build({
    entryPoints: [place('program.ts')],
    outfile: place('program.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    mainFields: ['module', 'main'],
    tsconfig: join(root, 'tsconfig.json'),
    alias: platformAliases(),
    external: ['pg'],
  })
  for (let n = 0; n < 4; n++) ports.push(await freePort())
  running.push(...ports.map(start))
  for (const port of ports) await vi.waitUntil(() => isUp(port), { timeout: 60_000, interval: 200 })
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  proxy = await startProxy(port)
}, 120_000)

afterAll(async () => {
  await proxy?.stop()
  for (const one of running) if (one.exitCode === null) one.kill('SIGKILL')
  await owner?.end()
  await api?.close()
  rmSync(folder, { recursive: true, force: true })
})

const isUp = async (port: number): Promise<boolean> =>
  (await fetch(`http://127.0.0.1:${port}`).catch(() => undefined))?.status === 401

/** Starts the program, as the supervisor of the guide does. */
function start(port: number): ChildProcess {
  const started = spawn(process.execPath, [place('program.mjs')], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      DATABASE_URL: database.replace('postgres@', `${role}@`),
      MAIL_API: `http://127.0.0.1:${api.port}`,
    },
  })
  for (const stream of [started.stdout, started.stderr]) {
    stream?.on('data', (part) => {
      output += String(part)
    })
  }
  return started
}

/** nginx with the configuration of the guide. */
async function startProxy(port: number): Promise<{ stop(): Promise<void> }> {
  const [, given = ''] = /```\n(upstream .*?)```/s.exec(guide) ?? []
  const servers = ports.reduce(
    (text, own, n) => text.replace(`:${8081 + n}`, `:${own}`),
    given.replace(':8080', `:${port}`),
  )
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${place(kind)};`,
  )
  writeFileSync(
    place('nginx.conf'),
    `daemon off; pid ${place('pid')}; error_log ${place('error.log')}; events {}
    http { access_log off; ${folders.join(' ')} ${servers} }`,
  )
  const found = nginx.find()
  if (found === undefined) throw new Error('nginx is missing')
  return launch(found, { arguments: ['-c', place('nginx.conf')], isReady: () => isUp(port) })
}

/** Restarts a process, as the supervisor of the guide does. */
async function restart(port: number): Promise<void> {
  const at = ports.indexOf(port)
  await stop(running[at])
  running[at] = start(port)
  await vi.waitUntil(() => isUp(port), { timeout: 60_000, interval: 200 })
}

async function stop(one: ChildProcess | undefined): Promise<void> {
  const ended = once(one as ChildProcess, 'exit')
  one?.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
}

/** A caller with delegations of an owner. */
async function newCaller(of: string) {
  const agent = await newKey(`agent-of-${of}.key`)
  const grant = place(`${of}.ucan`)
  await procura(['delegate', '--from', place(`${of}.key`), '--to', agent, '--command', '/mail', '--out', grant])
  const { delegations } = await openContainer(readFileSync(grant, 'latin1').trim())
  const { signer: issuer } = await openSignerFile({ path: place(`agent-of-${of}.key`) })
  const { signer: self } = await openSignerFile({ path: place('service.key') })
  const make = async (): Promise<string> => {
    const options = {
      issuer: issuer as Signer,
      audience: self.did,
      command: '/mail/send',
      args: { to: 'bob@example.com' },
    }
    return encodeContainer([await invoke({ ...options, proofs: delegations }), ...delegations])
  }
  const send = async (container: string): Promise<string> => {
    const headers = { 'x-ucan-container': container, connection: 'close' }
    const response = await fetch(`${url}/mail`, { method: 'POST', headers })
    const { code, status } = (await response.json()) as Record<string, unknown>
    return String(code ?? status)
  }
  return { grant, make, send, call: async () => send(await make()) }
}

const times = (count: number, task: () => Promise<string>): Promise<readonly string[]> =>
  Promise.all(Array.from({ length: count }, task))
const all = (answers: readonly string[]): readonly string[] => [...new Set(answers)]

describe('the program of the guide on processes', () => {
  it('SVC-12 SVC-13 takes owners while it runs, and uses the credential of each', async () => {
    const [one, two] = [await newKey('one.key'), await newKey('two.key')]
    await owner.query('INSERT INTO tenants VALUES ($1, $2)', [one, 'one'])
    const [first, second] = [await newCaller('one'), await newCaller('two')]
    expect(all(await times(20, first.call))).toEqual(['202'])
    expect(all(await times(8, second.call))).toEqual(['subject_not_accepted'])
    await owner.query('INSERT INTO tenants VALUES ($1, $2)', [two, 'two'])
    received = []
    expect(all(await times(8, second.call))).toEqual(['202'])
    expect(all(received)).toEqual(['Bearer canary-two'])
    await owner.query('DELETE FROM tenants WHERE did = $1', [two])
    expect(all(await times(8, second.call))).toEqual(['subject_not_accepted'])
    // RPL-01: whichever processes receive the copies.
    const copy = await first.make()
    const copies = await times(16, () => first.send(copy))
    expect(copies.toSorted()).toEqual(['202', ...Array.from({ length: 15 }, () => 'replayed')])
  })

  it('SVC-18 answers every call during a restart of all processes', async () => {
    await newKey('three.key').then((did) => owner.query('INSERT INTO tenants VALUES ($1, $2)', [did, 'one']))
    const caller = await newCaller('three')
    const answers: string[] = []
    let isOver = false
    const calling = Promise.all(
      [1, 2, 3].map(async () => {
        while (!isOver) answers.push(await caller.call())
      }),
    )
    for (const port of ports) await restart(port)
    isOver = true
    await calling
    expect(answers.length).toBeGreaterThan(10)
    expect(all(answers)).toEqual(['202'])
    expect(await procura(['audit', 'verify', '--postgres'])).toMatch(/ records, unchanged/)
    // An intent without an outcome would be a call that a process has cut off.
    expect(await procura(['audit', 'open', '--postgres'])).toMatch(/^0 intents/)
    expect((await runCli(['log', '--postgres', '--decision', 'unknown'], '', env)).err).toBe('no record matches')
  })

  it('CLI-15 RVK-05 refuses a delegation in all processes after `procura revoke --to`, and ends with its log closed', async () => {
    await newKey('four.key').then((did) => owner.query('INSERT INTO tenants VALUES ($1, $2)', [did, 'one']))
    const caller = await newCaller('four')
    expect(all(await times(8, caller.call))).toEqual(['202'])
    await procura(['revoke', caller.grant, '--from', place('four.key'), '--to', `${url}/revocations`])
    expect(all(await times(16, caller.call))).toEqual(['revoked'])
    await Promise.all(running.map(stop))
    expect(output).toBe('')
    expect(await procura(['audit', 'verify', '--postgres'])).toMatch(/ records, unchanged/)
    for (const secret of ['canary', 'BEGIN'])
      expect(await procura(['log', '--postgres', '--json'])).not.toContain(secret)
  })
})
