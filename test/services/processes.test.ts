// node only: starts processes
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openContainer } from '../../src/authorization/open-container.ts'
import { encodeContainer } from '../../src/container/container.ts'
import { invoke } from '../../src/invocation/invoke.ts'
import type { Signer } from '../../src/principal/signer.ts'
import { openSignerFile } from '../../src/signer-file/signer-file.ts'
import { runCli } from '../cli/run-cli.ts'
import { type Listening, listen } from '../http/adapters/servers.ts'
import { platformAliases, root } from '../setup/entries.ts'
import { programsOf } from '../setup/programs.ts'
import { freePort } from '../support/free-port.ts'

const address = process.env['PROCURA_POSTGRES'] ?? ''
const name = 'processes_of_the_guide'
const role = 'processes_service'
let folder: string
let owner: Pool
let api: Listening
let running: ChildProcess
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
  const [program] = programsOf('processes', readFileSync(`${root}spec/guides/processes.md`, 'utf8'))
  // A busy machine needs longer than the defaults.
  const patient = program?.text
    .replace('deadlineMs: 2_000', 'deadlineMs: 20_000')
    .replace('query_timeout: 5_000', 'query_timeout: 20_000')
    .replace('connectionTimeoutMillis: 500', 'connectionTimeoutMillis: 20_000')
    .replace("readFileSync('store.key')", "readFileSync('store.key'), timeoutMs: 20_000")
    .replace('registry: true,', 'registry: true, deadlines: { decisionMs: 20_000, closeMs: 20_000 },')
    .replace('workers: 4', 'workers: 4, closeMs: 60_000')
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
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  running = spawn(process.execPath, [place('program.mjs')], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      DATABASE_URL: database.replace('postgres@', `${role}@`),
      MAIL_API: `http://127.0.0.1:${api.port}`,
    },
  })
  for (const stream of [running.stdout, running.stderr]) {
    stream?.on('data', (part) => {
      output += String(part)
    })
  }
  await vi.waitUntil(isUp, { timeout: 60_000, interval: 200 })
}, 120_000)

afterAll(async () => {
  if (running?.exitCode === null) running.kill('SIGKILL')
  await owner?.end()
  await api?.close()
  rmSync(folder, { recursive: true, force: true })
})

const isUp = async (): Promise<boolean> => (await fetch(url).catch(() => undefined))?.status === 401

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
    const before = pids()
    const answers: string[] = []
    let isOver = false
    const calling = Promise.all(
      [1, 2, 3].map(async () => {
        while (!isOver) answers.push(await caller.call())
      }),
    )
    running.kill('SIGHUP')
    await expect
      .poll(() => pids().filter((pid) => before.includes(pid)), { timeout: 60_000, interval: 200 })
      .toEqual([])
    isOver = true
    await calling
    expect(before).toHaveLength(4)
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
    running.kill('SIGTERM')
    const [code] = await once(running, 'exit')
    expect([code, output]).toEqual([0, ''])
    expect(await procura(['audit', 'verify', '--postgres'])).toMatch(/ records, unchanged/)
    for (const secret of ['canary', 'BEGIN'])
      expect(await procura(['log', '--postgres', '--json'])).not.toContain(secret)
  })
})

/** The processes that serve. */
function pids(): readonly number[] {
  const listed = execFileSync('ps', ['-o', 'pid=', '--ppid', String(running.pid)], { encoding: 'utf8' })
  return listed
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0)
}
