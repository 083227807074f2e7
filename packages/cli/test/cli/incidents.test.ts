import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { attenuate, createAuthorizer, defineCommand, delegate, encodeContainer, invoke } from 'procura'
import { openJsonlAuditSink } from 'procura/audit/jsonl'
import { createLedger, fileArchive } from 'procura/audit/ledger'
import { sqliteStores } from 'procura/store/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { intent, outcome } from '../../../../test/audit/events.ts'
import { root } from '../../../../test/setup/entries.ts'
import { actor } from '../../../../test/support/actors.ts'
import { until } from '../../../../test/support/until.ts'
import { type CliResult, runCli } from './run-cli.ts'

const page = readFileSync(`${root}spec/operations.md`, 'utf8')
const [, block = ''] = /^## Incidents\n[\s\S]*?^```sh\n([\s\S]*?)^```$/m.exec(page) ?? []
const lines = block.split('\n').filter((line) => line.startsWith('procura '))
const files = /^(?:state\.db|store\.key|vault|vault\.key|service\.key|log|operator)$/

const [owner, agent, helper, service] = await Promise.all([
  actor('owner'),
  actor('agent'),
  actor('helper'),
  actor('service'),
])
const send = defineCommand({ command: '/mail/send', args: {} })

let folder: string
let chain: readonly [Awaited<ReturnType<typeof delegate>>, Awaited<ReturnType<typeof attenuate>>]
const variables: Record<string, string> = { AGENT: agent.did }
const done = new Set<string>()
const inFolder = (name: string): string => join(folder, name)

/** Runs a command line. Names of files are in the folder of the test, and the first word after `procura` is a verb. */
function procura(line: string, input = ''): Promise<CliResult> {
  const words = line.replace(/"\$(\w+)"/g, (_, name: string) => variables[name] ?? '').split(' ')
  return runCli(
    words.slice(1).map((word, at) => (at > 0 && files.test(word) ? inFolder(word) : word)),
    input,
  )
}

/** Runs the command of the page that begins with some words, without its pipe. */
function onPage(start: string, input = ''): Promise<CliResult> {
  const [line = '', ...others] = lines.filter((one) => one.startsWith(`procura ${start}`))
  expect([line === '', others], start).toEqual([false, []])
  done.add(line)
  return procura(line.replace(/ [<|].*/, ''), input)
}

/** The answer of the stores about a call of the helper. */
async function decided(): Promise<string> {
  const database = new sqlite.Database(inFolder('state.db'))
  try {
    const stores = sqliteStores({ database: database as never, secret: readFileSync(inFolder('store.key')) })
    const options = { audience: service.did, subjects: [owner.did], commands: [send], ...stores }
    const call = await invoke({ issuer: helper, audience: service.did, command: send, args: {}, proofs: chain })
    const decision = await createAuthorizer(options).authorize(encodeContainer([call, ...chain]))
    return decision.allowed ? 'allowed' : decision.denial.code
  } finally {
    database.close()
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-incidents-'))
  const first = await delegate({ issuer: owner, audience: agent.did, command: '/mail' })
  chain = [first, await attenuate(first, { issuer: agent, audience: helper.did, command: send })]
  for (const line of [
    'procura key new service.key',
    'procura vault new-key --key-file store.key',
    'procura vault new-key --key-file vault.key',
    'procura store prepare --sqlite state.db --secret-file store.key --new-service',
    'procura vault put acme --file vault --key-file vault.key --origin https://api.example --bearer',
  ])
    expect(await procura(line, 'sk-1'), line).toMatchObject({ code: 0 })
  const sink = await openJsonlAuditSink({ directory: inFolder('log') })
  await createLedger({ sink, archive: fileArchive({ directory: join(inFolder('log'), 'delegations') }) }).issued(chain)
  const time = Math.floor(Date.now() / 1_000)
  const chained = { chain: chain.map(({ cid }) => `${cid}`), principals: [owner.did, agent.did, helper.did] }
  await sink.append(intent(1, { ...chained, subject: owner.did, invoker: helper.did, time }), {})
  await sink.append(outcome(2, 1, { time }), {})
  await sink.append(intent(3, { time }), {})
  await sink.close()
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('the commands for incidents', () => {
  it('end the authority of an agent, and find what was done with it and what it could do', async () => {
    copyFileSync(inFolder('state.db'), inFolder('backup'))
    expect(await decided()).toBe('allowed')
    const before = Math.floor(Date.now() / 1_000)
    variables['BEFORE'] = String(before)
    await until(() => Date.now() >= (before + 1) * 1_000, 20)
    expect(await onPage('store revoke "$AGENT"')).toMatchObject({ code: 0, out: `revoked ${agent.did}` })
    expect(await decided()).toBe('revoked')
    const rows = (await onPage('log log --via')).out.split('\n').map((line) => JSON.parse(line))
    expect(rows.map(({ decision, agent: who }) => [decision, who])).toEqual([
      ['seen', owner.did],
      ['issued', agent.did],
      ['allowed', helper.did],
      ['ok', helper.did],
    ])
    expect((await onPage('log could')).out).toMatch(`/mail for ${owner.did}`)
    const after = await procura('procura log could log operator --agent "$AGENT" --at now')
    expect(after).toMatchObject({ code: 1, out: 'nothing, by the delegations on record' })
  })

  it('replace the key of the service and that of an API', async () => {
    const former = (await procura('procura key show service.key')).out
    expect(await onPage('key rotate')).toMatchObject({ code: 0, err: expect.stringContaining(former) })
    expect(await procura('procura key show service.key')).toMatchObject({ code: 0, err: '' })
    expect(await onPage('vault rotate', 'sk-2')).toMatchObject({ code: 0 })
  })

  it('detect a log that was cut', async () => {
    const { head } = JSON.parse((await procura('procura audit verify log --json')).out)
    Object.assign(variables, { NUMBER: String(head.sequence), HASH: head.hash })
    expect(await onPage('audit verify')).toMatchObject({ code: 0 })
    const [file = ''] = readdirSync(inFolder('log')).filter((name) => name.endsWith('.jsonl'))
    const path = join(inFolder('log'), file)
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.slice(0, text.trimEnd().lastIndexOf('\n') + 1))
    expect(await onPage('audit verify')).toMatchObject({ code: 1, out: expect.stringMatching(/^truncated at line/) })
    writeFileSync(path, text)
  })

  it('bring the revocations on record back into stores that were restored', async () => {
    copyFileSync(inFolder('backup'), inFolder('state.db'))
    for (const end of ['-wal', '-shm']) rmSync(inFolder(`state.db${end}`), { force: true })
    expect(await onPage('store prepare')).toMatchObject({ code: 0 })
    expect(await decided()).toBe('replay_unknown')
    const listed = await onPage('log log operator --decision revoked')
    const ids = new Set(listed.out.split('\n').map((line) => JSON.parse(line).revoked))
    expect([...ids]).toEqual([agent.did])
    const [, rest = ''] = /xargs -r (procura .*)$/m.exec(block) ?? []
    expect(await procura(`${rest} ${[...ids].join(' ')}`)).toMatchObject({ code: 0 })
    expect(await decided()).toBe('revoked')
    expect(lines.filter((line) => !done.has(line))).toEqual([])
  })
})
