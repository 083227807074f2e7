import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { openJsonlAuditSink } from 'procura/audit/jsonl'
import { sqliteAuditSink } from 'procura/audit/sqlite'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { IssuedEvent } from '../../../../../src/audit/events/event.ts'
import { agent, alice, denied, intent, outcome } from '../../../../../test/audit/events.ts'
import { likeBetterSqlite } from '../../../../../test/support/like-better-sqlite.ts'
import { run } from '../../../src/cli/run.ts'
import { runCli } from '../run-cli.ts'

const third = 'bafyreifuwqbj2te36ooycpijvlwfe4fwpm62zgqr2rf33wn56spxn6q2n4'
const fourth = 'bafyreiharwddcqbga7nafe7qvgsfpoessvuxm4ycftuebsohftsv63hvbq'

/** The record that a delegation was made. */
function delegationTo(audience: string, number: number): IssuedEvent {
  const facts = { issuer: alice, audience, subject: alice, command: '/mail', delegation: third }
  return {
    kind: 'issued',
    id: String(number).padStart(32, '0'),
    time: 1_800_000_000 + number,
    ...facts,
    expiration: 1_900_000_000,
  }
}

let folder: string
let directory: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'procura-log-'))
  directory = join(folder, 'log')
  const sink = await openJsonlAuditSink({ directory, maxBytes: 4_096 })
  await sink.append(intent(1), {})
  await sink.append(outcome(2, 1, { status: 'error', code: 'ERR_VAULT_UPSTREAM' }), {})
  await sink.append(denied(3, { command: '/files/read', invoker: alice }), {})
  await sink.append(denied(4, { authenticated: false, invoker: agent, command: '/mail/send' }), {})
  await sink.append({ kind: 'settled', id: 'ab'.repeat(16), time: 1_800_000_005, before: 1 }, {})
  await sink.append(intent(6, { mode: 'shadow' }), {})
  // The call of a dry run was sent.
  await sink.append(denied(7, { command: '/mail/send', invoker: agent, mode: 'shadow' }), {})
  await sink.close()
})
afterAll(() => rm(folder, { recursive: true }))

describe('procura log', () => {
  it('CLI-10 shows who did what, and attributes nothing to a principal whose call was not authenticated', async () => {
    const { code, out } = await runCli(['log', directory])
    expect(code).toBe(0)
    expect(out.split('\n').map((line) => line.split('\t'))).toEqual([
      ['2027-01-15T08:00:01Z', 'allowed', agent, '/mail/send'],
      ['2027-01-15T08:00:02Z', 'error', agent, '/mail/send', 'ERR_VAULT_UPSTREAM'],
      ['2027-01-15T08:00:03Z', 'denied', alice, '/files/read', 'policy_unsatisfied'],
      ['2027-01-15T08:00:04Z', 'denied', `claimed:${agent}`, '/mail/send', 'policy_unsatisfied'],
      ['2027-01-15T08:00:06Z', 'would allow', agent, '/mail/send'],
      ['2027-01-15T08:00:07Z', 'would deny', agent, '/mail/send', 'policy_unsatisfied'],
    ])
    const rows = (await runCli(['log', directory, '--json'])).out.split('\n').map((line) => JSON.parse(line))
    expect(rows[0]).toMatchObject({ agent, onBehalfOf: alice, subject: alice, sequence: 1, log: directory })
    expect(rows[3]).toMatchObject({ claimedAgent: agent, decision: 'denied' })
    expect(rows[3]).not.toHaveProperty('agent')
    expect(rows[4]).toMatchObject({ mode: 'shadow', sequence: 6 })
  })

  it('CLI-10 shows the facts that a caller stated, as claims, with the call and its outcome', async () => {
    const place = join(folder, 'claims')
    const sink = await openJsonlAuditSink({ directory: place })
    const forged = { toolUse: 'a\tallowed b=c', session: 's-2' }
    await sink.append(intent(1, { claimed: { toolUse: 'toolu_01', session: 's-1', subAgent: 'researcher' } }), {})
    await sink.append(outcome(2, 1), {})
    await sink.append(denied(3, { authenticated: false, claimed: forged }), {})
    await sink.append(denied(4), {})
    await sink.close()
    const claims = 'claimed:session=s-1 claimed:toolUse=toolu_01 claimed:subAgent=researcher'
    const rows = (await runCli(['log', place])).out.split('\n').map((line) => line.split('\t').slice(4))
    expect(rows).toEqual([
      ['', claims],
      ['', claims],
      ['policy_unsatisfied', String.raw`claimed:session=s-2 claimed:toolUse="a\tallowed b=c"`],
      ['policy_unsatisfied'],
    ])
    const json = (await runCli(['log', place, '--json'])).out.split('\n').map((line) => JSON.parse(line))
    expect(json.map(({ claimed }) => claimed?.session)).toEqual(['s-1', 's-1', 's-2', undefined])
    const ocsf = (await runCli(['log', place, '--ocsf', '--product', 'a', '--vendor', 'b'])).out.split('\n')
    const unmapped = ocsf.map((line) => JSON.parse(line).unmapped.claimed)
    expect(unmapped.map((claimed) => claimed?.session)).toEqual(['s-1', 's-1', 's-2', undefined])
  })

  it('CLI-10 shows the recorded arguments, and has a field for each fact in JSON', async () => {
    const place = join(folder, 'facts')
    const sink = await openJsonlAuditSink({ directory: place })
    const args = { to: 'ann@example.com\u202e\n', raw: new Uint8Array([1, 2]), count: 3 }
    await sink.append(intent(1, { args }), {})
    const released = { kind: 'released', vault: 'smtp', version: '7', downscoped: false } as const
    await sink.append({ ...released, id: '2'.padStart(32, '0'), time: 1_800_000_002, intent: intent(1).id }, {})
    await sink.append(outcome(3, 1, { status: 'error', code: 'ERR_X', upstreamStatus: 503 }), {})
    const reason = { at: 1, requirement: 'POL-01', policy: { statement: 0, path: [], operator: '==', selector: '.to' } }
    await sink.append({ ...denied(4), authenticated: true, ...reason }, {})
    await sink.append(delegationTo(agent, 5), {})
    await sink.append({ kind: 'revoked', id: '6'.padStart(32, '0'), time: 1_800_000_006, revoked: third }, {})
    await sink.close()
    const { out } = await runCli(['log', place])
    const shown = String.raw`args={"to":"ann@example.com\u202e\n","raw":{"/":{"bytes":"AQI"}},"count":3}`
    expect(out.split('\n').map((line) => line.split('\t').slice(4))).toEqual([
      ['', expect.any(String)],
      ['smtp'],
      ['ERR_X', 'HTTP 503'],
      ['policy_unsatisfied'],
      [`${third} to ${agent}`],
      [third],
    ])
    expect(JSON.parse(out.split('\n')[0]?.split('args=')[1] ?? '')).toEqual(JSON.parse(shown.slice(5)))
    const rows = (await runCli(['log', place, '--json'])).out.split('\n').map((line) => JSON.parse(line))
    const call = { principals: [alice, agent], audience: 'did:web:mail.example' }
    expect(rows).toMatchObject([
      { ...call, args: { to: args.to, raw: { '/': { bytes: 'AQI' } }, count: 3 } },
      { ...call, decision: 'released', credential: 'smtp', version: '7' },
      { ...call, decision: 'error', code: 'ERR_X', upstreamStatus: 503 },
      { decision: 'denied', code: 'policy_unsatisfied', authenticated: true, ...reason },
      { decision: 'issued', delegation: third, audience: agent, expiration: 1_900_000_000 },
      { decision: 'revoked', revoked: third },
    ])
  })

  it('CLI-10 finds all that was done on the path of a principal or a delegation', async () => {
    const place = join(folder, 'via')
    const sink = await openJsonlAuditSink({ directory: place })
    const [first, second] = [intent(1).chain?.[0] ?? '', third]
    const sub = 'did:web:sub.example'
    const below = { chain: [first, second], principals: [alice, agent, sub], invoker: sub }
    await sink.append(intent(1), {})
    await sink.append(intent(2, below), {})
    await sink.append(outcome(3, 2), {})
    // A chain that has neither; then refused calls, which have no principals on record.
    await sink.append(intent(4, { chain: [fourth], principals: [alice, sub], invoker: sub }), {})
    await sink.append(outcome(5, 4), {})
    await sink.append(denied(6, { chain: [first, second], invoker: sub }), {})
    await sink.append(denied(7, { chain: [fourth], invoker: sub }), {})
    await sink.append({ kind: 'revoked', id: '8'.padStart(32, '0'), time: 1_800_000_008, revoked: second }, {})
    await sink.append({ kind: 'revoked', id: '9'.padStart(32, '0'), time: 1_800_000_009, revoked: fourth }, {})
    await sink.close()
    const seconds = async (...words: string[]): Promise<string> => {
      const { out } = await runCli(['log', place, ...words])
      return out
        .split('\n')
        .map((line) => line.slice(18, 19))
        .join('')
    }
    expect(await seconds('--agent', agent)).toBe('1')
    expect(await seconds('--via', agent)).toBe('12368')
    expect(await seconds('--via', second)).toBe('2368')
    expect(await seconds('--via', fourth)).toBe('4579')
    expect(await seconds('--via', alice)).toBe('123456789')
    // An earlier event still teaches which delegations are on the path.
    expect(await seconds('--via', agent, '--since', '1800000006')).toBe('68')
    expect(await seconds('--via', agent, '--agent', sub, '--decision', 'ok')).toBe('3')
    expect(await runCli(['log', place, '--via', 'did:web:x.example'])).toMatchObject({ code: 1, out: '' })
  })

  it('CLI-10 names the place of a line that is not a record, and the next step', async () => {
    const place = join(folder, 'garbage')
    const sink = await openJsonlAuditSink({ directory: place })
    await sink.append(intent(1), {})
    await sink.append(intent(2), {})
    await sink.close()
    const [file = ''] = (await readdir(place)).filter((name) => name.endsWith('.jsonl'))
    const text = await readFile(join(place, file), 'utf8')
    const [one, two] = text.split('\n')
    const fault =
      /line after record 1 of `.*` is not a record \(.*\); `procura audit verify (.*)` reports the first fault/
    await writeFile(join(place, file), `${one}\ngarbage\n${two}\n`)
    for (const words of [
      ['log', place],
      ['audit', 'open', place],
      ['log', 'could', place, '--agent', agent, '--at', 'now'],
    ])
      expect(await runCli(words)).toMatchObject({ code: 2, err: expect.stringMatching(fault) })
    const named = fault.exec((await runCli(['log', place, '--prefix', 'audit'])).err)?.[1] ?? ''
    expect(named).toBe(`${place} --prefix audit`)
    expect(await runCli(['audit', 'verify', ...named.split(' ')])).toMatchObject({
      ...{ code: 1, out: expect.stringMatching(/at line 2, record 2/) },
    })
    await writeFile(join(place, file), `garbage\n${two}\n`)
    expect((await runCli(['log', place])).err).toMatch(/the first line of .* is not a record/)
    // A write that was interrupted: the intents before it are listed.
    await writeFile(join(place, file), text.slice(0, -20))
    expect(await runCli(['audit', 'open', place])).toMatchObject({ code: 1, out: expect.stringMatching(/\n1 intents/) })
  })

  it('CLI-10 selects by agent, command, time and decision', async () => {
    const times = async (...words: string[]): Promise<string[]> =>
      (await runCli(['log', directory, ...words])).out.split('\n').map((line) => line.slice(17, 19))
    expect(await times('--agent', alice)).toEqual(['03'])
    expect(await times('--agent', agent)).toEqual(['01', '02', '04', '06', '07'])
    expect(await times('--command', '/files')).toEqual(['03'])
    expect(await times('--command', '/mail')).toEqual(['01', '02', '04', '06', '07'])
    expect(await times('--decision', 'denied')).toEqual(['03', '04'])
    expect(await times('--decision', 'would deny')).toEqual(['07'])
    expect(await times('--since', '1800000003', '--until', '2027-01-15T08:00:04Z')).toEqual(['03', '04'])
    // The form in which other verbs print a time, and an offset.
    expect(await times('--since', '2027-01-15T08:00:03.000Z', '--until', '2027-01-15T09:00:04.9+01:00')).toEqual([
      '03',
      '04',
    ])
    const none = await runCli(['log', directory, '--command', '/mai'])
    expect(none).toMatchObject({ code: 1, out: '', err: 'no record matches' })
    expect((await runCli(['log', directory, '--decision', 'refused'])).err).toMatch(/must be one of allowed, denied/)
    expect((await runCli(['log'])).err).toMatch(/the directory of the log is missing, .* or --sqlite or --postgres/)
    expect((await runCli(['log', '--postgres'])).err).toMatch(/PROCURA_LOG_URL, or in the file of --url-file/)
    expect((await runCli(['log', directory, '--postgres'], '', { PROCURA_LOG_URL: 'x' })).err).toMatch(/not both/)
  })

  it('CLI-10 finds a pseudonym, and says that a DID finds none where the log has pseudonyms', async () => {
    const place = join(folder, 'pseudonyms')
    const sink = await openJsonlAuditSink({ directory: place })
    const name = 'pseudonym:2026-12:abc_-'
    await sink.append(denied(3, { command: '/files/read', invoker: name as typeof agent }), {})
    await sink.close()
    expect(await runCli(['log', place, '--agent', name])).toMatchObject({ code: 0, out: expect.stringContaining(name) })
    for (const option of ['--agent', '--via'])
      expect(await runCli(['log', place, option, agent])).toMatchObject({
        ...{ code: 2, out: '', err: expect.stringContaining('the log has pseudonyms in the place of DIDs') },
      })
    expect(await runCli(['log', place, '--agent', `${name}x`])).toMatchObject({ code: 1, err: 'no record matches' })
  })

  it('CLI-10 refuses an option that selects nothing or has no effect, before it reads', async () => {
    const mistakes: readonly (readonly [words: readonly string[], message: RegExp])[] = [
      [['--agent', 'assistant'], /--agent must be a DID, .*or an agent of `/],
      [['--agent', 'did:key:z6Mk'], /--agent is not a valid DID/],
      [['--command', 'mail/send'], /--command must be a command such as \/mail\/send: .* does not begin with a slash/],
      [['--command', '/Mail'], /--command must be a command such as/],
      [['--command', '/mail/'], /--command must be .* ends with a slash/],
      [['--decision', 'maybe'], /--decision must be one of allowed, denied/],
      [['--since', 'tomorrow'], /--since must be a time/],
      [['--until', '2026-02-30'], /--until must be a time/],
      [['--since', '2027-01-15T08:00:04'], /--since has no time zone; end it with Z/],
      [['--until', '1800000004000'], /--until is in milliseconds; pass seconds/],
      [['--via', 'assistant'], /--via must be a DID, .*or an agent of `/],
      [['--via', 'bafybad'], /--via is not a valid CID; copy the whole CID/],
      [['--until', '--', '-5h'], /--until needs a value/],
      [['--until', '-5 h'], /--until needs a value; write .* such as --until=-2h; see/],
      [['--since', '1h', '--until', '2h'], /--since is after --until/],
      [['--product', 'mail'], /--product and --vendor are for --ocsf/],
      [['--ocsf', '--product', 'mail'], /--ocsf needs --product and --vendor/],
      [['--table', 'audit'], /--table is for --sqlite and --postgres/],
      [['--url-file', 'x'], /--url-file is for --postgres/],
      [['--sqlite', 'x', '--postgres'], /pass --sqlite or --postgres, not both/],
      [['--sqlite', 'x'], /pass directories or a database, not both/],
      [['--prefix', 'other'], /no record in `.*`, in files that begin with `other`/],
    ]
    for (const [words, message] of mistakes) {
      const { code, out, err } = await runCli(['log', directory, ...words])
      expect([code, out, err], words.join(' ')).toEqual([2, '', expect.stringMatching(message)])
    }
    expect((await runCli(['log', '--sqlite', 'x', '--prefix', 'y'])).err).toMatch(/--prefix is for a log in files/)
    // A folder that is not a log must not look like a log in which nothing happened.
    expect(await runCli(['log', folder])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/no record in/),
    })
    expect(await runCli(['log', directory, '--agent', 'did:web:x.example'])).toMatchObject({ code: 1, out: '' })
  })

  it('CLI-10 opens a log in SQLite with better-sqlite3, which refuses the options of other drivers', async () => {
    const file = join(folder, 'strict.db')
    const database = likeBetterSqlite(new sqlite.Database(file))
    const sink = sqliteAuditSink({ database })
    await sink.append(denied(1), {})
    await sink.close?.()
    database.close()
    const driver = join(folder, 'project', 'node_modules', 'better-sqlite3')
    await mkdir(driver, { recursive: true })
    await writeFile(join(driver, 'package.json'), '{ "main": "driver.cjs" }')
    // The checks of better-sqlite3 12.
    await writeFile(
      join(driver, 'driver.cjs'),
      `const { Database } = require(${JSON.stringify(createRequire(import.meta.url).resolve('node-sqlite3-wasm'))})
module.exports = function (file, options) {
  if ('readOnly' in options) throw new TypeError('Misspelled option "readOnly" should be "readonly"')
  if (options.readonly !== true || options.fileMustExist !== true) throw new TypeError('the file could be changed')
  const database = new Database(file, { readOnly: true, fileMustExist: true })
  return { prepare: (sql) => ({ all: (...values) => database.all(sql, values) }), close: () => database.close() }
}`,
    )
    const place = vi.spyOn(process, 'cwd').mockReturnValue(join(folder, 'project'))
    const { code, out, err } = await runCli(['log', '--sqlite', file])
    place.mockRestore()
    expect([code, out.split('\t')[1], err]).toEqual([0, 'denied', ''])
  })

  it('CLI-10 reads a log in SQLite, and changes nothing in the file', async () => {
    const file = join(folder, 'log.db')
    const database = likeBetterSqlite(new sqlite.Database(file))
    const sink = sqliteAuditSink({ database, table: 'mail_log' })
    await sink.append(intent(1), {})
    await sink.append(denied(2), {})
    await sink.close?.()
    database.close()
    const before = await readFile(file)
    const { code, out } = await runCli(['log', '--sqlite', file, '--table', 'mail_log'])
    expect([code, out.split('\n').map((line) => line.split('\t')[1])]).toEqual([0, ['allowed', 'denied']])
    const place = ['--sqlite', file, '--table', 'mail_log']
    expect(await runCli(['audit', 'verify', ...place])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^2 records, unchanged/),
    })
    expect(await runCli(['audit', 'open', ...place])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/\n1 intents/),
    })
    expect((await readFile(file)).equals(before)).toBe(true)
    const edited = new sqlite.Database(join(folder, 'edited.db'))
    edited.exec(`ATTACH '${file}' AS genuine`)
    edited.exec(`CREATE TABLE mail_log AS SELECT * FROM genuine.mail_log`)
    edited.exec(`UPDATE mail_log SET line = replace(line, '/mail/send', '/mail/read') WHERE sequence = 1`)
    edited.close()
    const verified = await runCli(['audit', 'verify', '--sqlite', join(folder, 'edited.db'), '--table', 'mail_log'])
    expect(verified).toMatchObject({ code: 1, out: expect.stringMatching(/^edited at line 1, record 1/) })
    expect((await runCli(['audit', 'verify', ...place, directory])).err).toMatch(/not both/)
    const wrong = async (...words: string[]): Promise<string> => (await runCli(['log', ...words])).err
    expect(await wrong('--sqlite', file)).toMatch(/the table `audit_log` of .* cannot be read/)
    expect(await wrong('--sqlite', join(folder, 'no.db'))).toMatch(/cannot be read .*check the path and --table/)
    expect(await wrong('--sqlite', file, '--table', 'a b')).toMatch(/cannot be read/)
    expect(await wrong('--sqlite', file, directory)).toMatch(/not both/)
    // The address of another database, with its password, in the place of a file: the driver writes it into its
    // message.
    const misplaced = await wrong('--sqlite', `postgres://ann:${'pass'}word-canary@db.example/audit`)
    expect(misplaced).toMatch(/`postgres:\/\/…@db\.example\/audit` cannot be read \(the database cannot be opened\)/)
    expect(misplaced).not.toContain('canary')
    const role = await runCli(['audit', 'prepare', '--postgres', '--sql', '--role', 'a b'])
    expect([role.code, role.err]).toEqual([2, expect.stringContaining('`role` must be 1 to 63 characters')])
    expect(await readdir(folder)).not.toContain('no.db')
  })

  it('prints OCSF in which the outcome of a call names its agent', async () => {
    expect((await runCli(['log', directory, '--ocsf'])).err).toMatch(/--ocsf needs --product and --vendor/)
    const words = ['log', directory, '--ocsf', '--product', 'Mailer', '--vendor', 'Example', '--decision', 'error']
    const event = JSON.parse((await runCli(words)).out)
    expect(event).toMatchObject({
      status: 'Failure',
      actor: { user: { uid: alice } },
      ai_agent: { uid: agent },
      api: { operation: '/mail/send' },
    })
  })

  it('follows a log over its files, and takes no half of a line', async () => {
    const followed = join(folder, 'followed')
    const sink = await openJsonlAuditSink({ directory: followed, maxBytes: 4_096 })
    await sink.append(intent(1), {})
    const stop = new AbortController()
    const lines: string[] = []
    const arrived = (count: number): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => (lines.length >= count ? resolve() : void setTimeout(look, 20))
        look()
      })
    const done = run(['log', followed, '--follow', '--json'], {
      env: {},
      isTerminal: false,
      signal: stop.signal,
      print: (line) => void lines.push(line),
      complain: () => undefined,
      readInput: async () => undefined,
      askHidden: async () => undefined,
    })
    await arrived(1)
    for (let number = 2; number <= 20; number++) await sink.append(intent(number), {})
    await sink.close()
    const last =
      (await readdir(followed))
        .filter((name) => name.endsWith('.jsonl'))
        .sort()
        .at(-1) ?? ''
    await writeFile(join(followed, last), '{"hash":"', { flag: 'a' })
    await arrived(20)
    // A torn line in the middle of a log would hide the records behind it.
    const torn = join(folder, 'torn')
    await cp(followed, torn, { recursive: true })
    const [earlier = ''] = (await readdir(torn)).filter((name) => name.endsWith('.jsonl')).sort()
    await writeFile(join(torn, earlier), '{', { flag: 'a' })
    const hidden = await runCli(['log', torn])
    expect([hidden.code, hidden.err]).toEqual([
      2,
      expect.stringContaining(`is incomplete, and more lines follow; run \`procura audit verify ${torn}\``),
    ])
    stop.abort()
    expect(await done).toBe(0)
    expect(lines.map((line) => JSON.parse(line).sequence)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1))
  })
})

describe('procura log could', () => {
  it('refuses a folder without records, and an archive that is missing', async () => {
    const words = ['--agent', agent, '--at', 'now']
    expect(await runCli(['log', 'could', folder, ...words])).toMatchObject({
      ...{ code: 2, out: '', err: expect.stringMatching(/no record in `.*`, in files that begin with `audit`/) },
    })
    const missing = join(folder, 'nowhere')
    expect(await runCli(['log', 'could', directory, ...words, '--archive', missing])).toMatchObject({
      ...{ code: 2, out: '', err: expect.stringMatching(/--archive `.*nowhere` is not a directory/) },
    })
  })

  it('tells what an agent could do at a moment, from what delegate, attenuate and revoke recorded', async () => {
    const path = (name: string): string => join(folder, name)
    const [owner, planner, mailer] = await Promise.all(
      ['owner', 'planner', 'mailer'].map(async (name) => (await runCli(['key', 'new', path(name)])).out),
    )
    const ledger = ['--ledger', path('ledger')]
    const first = [
      'delegate',
      '--from',
      path('owner'),
      '--to',
      planner ?? '',
      '--command',
      '/mail',
      '--expires-in',
      '9d',
    ]
    expect((await runCli([...first, ...ledger, '--out', path('first')])).code).toBe(0)
    const second = ['attenuate', path('first'), '--from', path('planner'), '--to', mailer ?? '']
    const narrow = ['--command', '/mail/send', '--policy', '.to like *@example.com', '--expires-in', '2d']
    expect((await runCli([...second, ...narrow, ...ledger, '--out', path('second')])).code).toBe(0)
    const ask = (who: string | undefined, at: string, ...more: string[]) =>
      runCli(['log', 'could', path('ledger'), '--agent', who ?? '', `--at=${at}`, ...more])
    const tomorrow = await ask(mailer, '+1d')
    expect(tomorrow.code).toBe(0)
    expect(tomorrow.out).toMatch(new RegExp(`^/mail/send for ${owner}\n {2}where \`\\.to\` is a string that ends with`))
    expect(await ask(mailer, '+3d')).toMatchObject({ code: 1, out: 'nothing, by the delegations on record' })
    expect(JSON.parse((await ask(planner, '+3d', '--json')).out).authority).toMatchObject([
      { command: '/mail', policy: [] },
    ])
    expect((await ask(mailer, '-1h')).out).toBe('nothing, by the delegations on record')
    expect((await ask(mailer, '+1m')).out).not.toMatch(/which is later/)
    expect((await runCli(['revoke', path('second'), '--from', path('owner'), ...ledger])).code).toBe(0)
    expect((await ask(mailer, '+1d')).code).toBe(1)
    expect((await ask(planner, '+1d')).code).toBe(0)
    expect((await runCli(['log', path('ledger')])).out.split('\n').map((line) => line.split('\t')[1])).toEqual([
      'issued',
      'seen',
      'issued',
      'revoked',
    ])
    const names = await readdir(join(path('ledger'), 'delegations'))
    await rm(join(path('ledger'), 'delegations', names[0] ?? ''))
    expect((await ask(planner, '+1d')).err).toMatch(/is on record, and is not in the archive/)
    expect((await runCli(['log', 'could', path('ledger'), '--at', 'now'])).err).toMatch(/--agent is missing/)
  })
})
