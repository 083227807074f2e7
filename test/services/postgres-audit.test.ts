import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../packages/cli/test/cli/run-cli.ts'
import { withDeadline } from '../../src/audit/combine/with-deadline.ts'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import { parseRecord } from '../../src/audit/events/record.ts'
import { recoverIntents } from '../../src/audit/recovery/recover-intents.ts'
import type { AuditSink, Confirmation } from '../../src/audit/sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import {
  openPostgresAuditSink,
  type PostgresPool,
  postgresAuditSchema,
  postgresAuditSink,
  readPostgresLines,
} from '../../src/entries/audit/postgres.ts'
import { ArgumentError } from '../../src/errors.ts'
import { denied, id, intent, outcome, stoppedClock } from '../audit/events.ts'
import { makeRole } from '../support/postgres-role.ts'

const address = process.env['PROCURA_POSTGRES'] ?? ''
const asService = address.replace('postgres@', 'mail_service@')

let owner: Pool
let pool: Pool

beforeAll(async () => {
  owner = new Pool({ connectionString: address, max: 4 })
  await makeRole(owner, 'mail_service')
  await owner.query('CREATE SCHEMA audit')
  await owner.query('GRANT USAGE ON SCHEMA audit TO mail_service')
  pool = new Pool({ connectionString: asService, max: 8 })
  pool.on('error', () => undefined)
})

afterAll(async () => {
  await pool.end()
  await owner.end()
})

function numbersFrom(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

async function table(name: string): Promise<string> {
  const sql = postgresAuditSchema({ table: name, role: 'mail_service' })
  await owner.query(sql)
  await owner.query(sql)
  return name
}

describe('a log in PostgreSQL', () => {
  it('AUD-19 takes events one by one and at the same time', async () => {
    const log = await table('audit_log')
    const sink = postgresAuditSink({ pool })
    expect(await sink.append(intent(1), {})).toMatchObject({ sink: 'postgres', durability: 'remote', sequence: 1 })
    await Promise.all(Array.from({ length: 1500 }, (_, i) => sink.append(intent(2 + i), {})))
    await sink.close()
    await expect(sink.append(intent(1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_CLOSED' })
    expect(await verifyAuditLog(readPostgresLines(pool, log))).toMatchObject({ valid: true, records: 1501 })
  })

  it('CLI-10 is shown by `procura log`, with its address from the environment', async () => {
    const log = await table('shown')
    const sink = postgresAuditSink({ pool, table: log })
    await sink.append(intent(1), {})
    await sink.append(outcome(2, 1), {})
    await sink.close()
    const words = ['log', '--postgres', '--table', log, '--json']
    const { code, out, err } = await runCli(words, '', { PROCURA_LOG_URL: address })
    expect([code, err]).toEqual([0, ''])
    expect(out.split('\n').map((line) => JSON.parse(line).decision)).toEqual(['allowed', 'ok'])
    const wrong = await runCli(words, '', {
      PROCURA_LOG_URL: address.replace('@', ':canary-password@').replace(/:[0-9]+\//, ':1/'),
    })
    expect([wrong.code, wrong.out]).toEqual([2, ''])
    expect(wrong.err).not.toContain('canary')
  })

  it('CLI-10 is verified by `procura audit verify`, which finds a row that was edited', async () => {
    const log = await table('checked')
    const sink = postgresAuditSink({ pool, table: log })
    await sink.append(intent(1), {})
    await sink.append(outcome(2, 1), {})
    await sink.append(intent(3), {})
    await sink.close()
    const env = { PROCURA_LOG_URL: address }
    const audit = (verb: string, ...more: string[]) =>
      runCli(['audit', verb, '--postgres', '--table', log, ...more], '', env)
    const good = await audit('verify')
    expect([good.code, good.out]).toEqual([
      0,
      expect.stringMatching(/^3 records, unchanged up to record 3 [0-9a-f]{64}$/),
    ])
    expect(await audit('open')).toMatchObject({ code: 1, out: expect.stringMatching(/1 intents without an outcome$/) })
    const ocsf = await runCli(
      ['log', '--postgres', '--table', log, '--ocsf', '--product', 'Mailer', '--vendor', 'Example'],
      '',
      env,
    )
    expect([ocsf.code, ocsf.out.split('\n').length]).toEqual([0, 3])
    expect((await runCli(['audit', 'verify', '--postgres', '--table', await table('empty')], '', env)).err).toMatch(
      /no record in `empty`; see/,
    )
    // The owner of the table can remove the trigger, and edit a record.
    await owner.query(`ALTER TABLE ${log} DISABLE TRIGGER no_change`)
    await owner.query(`UPDATE ${log} SET line = replace(line, '/mail', '/male') WHERE sequence = 3`)
    expect(await audit('verify')).toMatchObject({ code: 1, out: expect.stringMatching(/^edited at line 3, record 3/) })
    await owner.query(`DELETE FROM ${log} WHERE sequence = 2`)
    expect(await audit('verify')).toMatchObject({ code: 1, out: expect.stringMatching(/line 2/) })
  })

  it('CLI-16 is prepared by `procura audit prepare`, for a role that can append and nothing else', async () => {
    const env = { PROCURA_LOG_URL: address }
    const words = ['audit', 'prepare', '--postgres', '--table', 'made', '--role', 'mail_service']
    expect(await runCli(words, '', env)).toEqual({ code: 0, out: 'prepared the log made', err: '' })
    // Again after an upgrade.
    expect((await runCli(words, '', env)).code).toBe(0)
    const sink = await openPostgresAuditSink({ pool, table: 'made' })
    await sink.append(intent(1), {})
    await sink.close()
    await expect(pool.query('DELETE FROM made')).rejects.toThrow('permission denied')
    const sql = await runCli([...words, '--sql'])
    expect(sql.out).toBe(postgresAuditSchema({ table: 'made', role: 'mail_service' }).trim())
    const other = await runCli(words, '', { PROCURA_LOG_URL: asService })
    expect([other.code, other.err]).toEqual([
      2,
      expect.stringMatching(/were not made: permission denied .*connect as their owner/),
    ])
  })

  it('CLI-16 grants to no word that means other roles than one with that name', async () => {
    await owner.query('CREATE TABLE granted ()')
    const { rows } = await owner.query('SELECT word FROM pg_get_keywords()')
    const words = rows.map((row) => String((row as { readonly word: unknown }).word))
    expect(words.length).toBeGreaterThan(400)
    for (const word of ['public', ...words]) {
      const isTaken = await owner.query(`GRANT SELECT ON granted TO ${word}`).then(
        () => true,
        () => false,
      )
      // A word that is a role to PostgreSQL, although no role has this name.
      if (isTaken) expect(() => postgresAuditSchema({ role: word }), word).toThrow(ArgumentError)
    }
  })

  it('GRD-09 is examined first, and errors name the fault and the remedy', async () => {
    const log = await table('opened')
    const sink = await openPostgresAuditSink({ pool, table: log })
    expect(await sink.append(intent(1), {})).toMatchObject({ sequence: 1 })
    await sink.close()
    await owner.query(postgresAuditSchema({ table: 'foreign_log' }))
    await table('earlier_log')
    await owner.query('DROP TABLE earlier_log_turn')
    const elsewhere = new Pool({ connectionString: address.replace(/:[0-9]+/, ':1') })
    const standby = new Pool({ connectionString: asService, options: '-c default_transaction_read_only=on' })
    const mistakes = [
      [{ pool, table: 'missing_log' }, /`missing_log` .* does not exist; run the SQL of postgresAuditSchema/],
      [{ pool, table: 'nowhere.log' }, /`nowhere.log` .* does not exist/],
      [{ pool, table: 'earlier_log' }, /`earlier_log` .* does not exist; run the SQL of postgresAuditSchema/],
      [{ pool, table: 'foreign_log' }, /may not be read or appended to by this role; pass `role`/],
      [{ pool: elsewhere, table: log }, /cannot be tested, because a query failed; let `pool` reach the server/],
      [{ pool: standby, table: log }, /read-only server; connect to the primary/],
    ] as const
    for (const [options, message] of mistakes) {
      const opening = openPostgresAuditSink(options)
      await expect(opening).rejects.toMatchObject({
        code: 'ERR_AUDIT_CONFIGURATION',
        message: expect.stringMatching(message),
      })
    }
    await expect(openPostgresAuditSink({ pool: {} as never })).rejects.toThrow(ArgumentError)
    await Promise.all([elsewhere.end(), standby.end()])
  })

  it('AUD-19 keeps one chain with eight writers', async () => {
    const log = await table('audit.shared')
    const sinks = Array.from({ length: 8 }, (_, i) =>
      postgresAuditSink({ pool, table: log, name: `writer ${i}`, maxBatch: 3 }),
    )
    const results = await Promise.all(
      Array.from({ length: 400 }, (_, i) => sinks[i % 8]?.append(intent(i), {}) ?? Promise.reject()),
    )
    expect(new Set(results.map(({ sequence }) => sequence)).size).toBe(400)
    expect(await verifyAuditLog(readPostgresLines(pool, log))).toMatchObject({ valid: true, records: 400 })
  })

  it('AUD-19 is written in one round trip by a lone writer, and in turn when another one writes', async () => {
    const log = await table('trips')
    const noted: string[] = []
    const counted: PostgresPool = {
      async connect() {
        const connection = await pool.connect()
        return {
          release: (error) => connection.release(error),
          query(sql, parameters) {
            noted.push(sql.includes('INSERT') && sql.includes('COMMIT') ? 'all' : (sql.trim().split(/\s/)[0] ?? ''))
            return connection.query(sql, parameters as unknown[])
          },
        }
      },
    }
    const sink = postgresAuditSink({ pool: counted, table: log })
    const other = postgresAuditSink({ pool, table: log })
    const tripsOf = async (...events: readonly AuditEvent[]): Promise<string[]> => {
      noted.length = 0
      await Promise.all(events.map((event) => sink.append(event, {})))
      return [...noted]
    }
    const inTurn = ['BEGIN', 'INSERT', 'COMMIT']
    expect(await tripsOf(intent(1))).toEqual(inTurn)
    expect(await tripsOf(intent(2), intent(3), outcome(4, 1))).toEqual(['all'])
    expect(await tripsOf(outcome(5, 2), intent(6))).toEqual(['all'])
    await other.append(intent(7), {})
    // The server finds the record of the other writer.
    expect(await tripsOf(intent(8))).toEqual(['all', ...inTurn])
    expect(await tripsOf(intent(9))).toEqual(inTurn)
    expect(await tripsOf(intent(10))).toEqual(['all'])
    noted.length = 0
    await expect(sink.append(outcome(11, 1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_SETTLED' })
    expect(noted).toEqual(['all', 'BEGIN', 'SELECT', 'COMMIT'])
    expect(await tripsOf(intent(12))).toEqual(['all'])
    expect(await verifyAuditLog(readPostgresLines(pool, log))).toMatchObject({ valid: true, records: 11 })
  })

  it.each(['given', 'record', 'records', 'intent', 'sequence', 'hash'])(
    'AUD-19 has a table that may be named %s',
    async (name) => {
      const log = await table(name)
      const sink = postgresAuditSink({ pool, table: log })
      for (let i = 1; i <= 3; i++) await sink.append(intent(i), {})
      await sink.append(outcome(4, 1), {})
      expect(await verifyAuditLog(readPostgresLines(pool, log))).toMatchObject({ valid: true, records: 4 })
    },
  )

  it('AUD-19 keeps one chain when writers come and go, and each ends intents of the others', async () => {
    const log = await table('mixed')
    const sinks = Array.from({ length: 3 }, () => postgresAuditSink({ pool, table: log }))
    const answers: PromiseSettledResult<Confirmation>[] = []
    for (let round = 0; round < 12; round++) {
      // Sometimes one writes alone, and sometimes all do.
      const writers = round % 4 === 3 ? sinks : [sinks[Math.floor(round / 4)] as AuditSink]
      for (let turn = 0; turn < 3; turn++) {
        const base = 100 * (3 * round + turn)
        const batch = writers.flatMap((sink, i) => [
          sink.append(intent(base + 10 * i + 1), {}),
          sink.append(outcome(base + 10 * i + 2, 7), {}),
          sink.append(outcome(base + 10 * i + 3, base + 10 * i + 1), {}),
        ])
        answers.push(...(await Promise.allSettled(batch)))
      }
    }
    const refused = answers.filter((one) => one.status === 'rejected')
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'ERR_AUDIT_SETTLED' })
    const written = answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value.sequence] : []))
    expect([...written].sort((a = 0, b = 0) => a - b)).toEqual(numbersFrom(1, written.length))
    const ended = await pool.query(`SELECT count(*)::int AS count FROM ${log} WHERE outcome_of = '${id(7)}'`)
    expect(ended.rows).toEqual([{ count: 1 }])
    const report = await verifyAuditLog(readPostgresLines(pool, log))
    expect(report).toMatchObject({ valid: true, records: written.length })
  })

  it('AUD-19 treats any text of an event as a value, and never as SQL [attack 79]', async () => {
    const log = await table('texts')
    const sink = postgresAuditSink({ pool, table: log })
    await sink.append(intent(1), {})
    const hostile = [
      "'; DROP TABLE texts; --",
      "\\'; COMMIT; DELETE FROM texts; --",
      "$$; SELECT 1; $$ E'\\''",
      '","base64"),(1',
      '\u0000\u0001\u007f\u2028',
      '\ud800 lone',
      'ÿ\u{1f600}\u202e',
      '::json -> %s %I {} \\u0027 \\x27',
      '=====',
      'x'.repeat(5_000),
    ]
    const events = hostile.flatMap((text, i) => [
      intent(10 + 3 * i, { vault: text, command: text, args: { [text]: text } }),
      outcome(11 + 3 * i, 1, { intent: `${i} ${text}`, code: text }),
    ])
    // Two batches: the first may need its turn, the second does not.
    const answers: PromiseSettledResult<Confirmation>[] = []
    for (const batch of [events.slice(0, 8), events.slice(8)]) {
      answers.push(...(await Promise.allSettled(batch.map((event) => sink.append(event, {})))))
    }
    // PostgreSQL has no text with the character 0, in whose column the intent of an outcome is.
    const refused = answers.flatMap((one, i) => (one.status === 'rejected' ? [[i, one.reason.code]] : []))
    expect(refused).toEqual([[9, 'ERR_AUDIT_UNCONFIRMED']])
    const report = await verifyAuditLog(readPostgresLines(pool, log))
    expect(report).toMatchObject({ valid: true, records: 1 + events.length - 1 })
    const memory = memoryAuditSink()
    for (const [i, event] of [intent(1), ...events].entries()) if (i !== 10) await memory.append(event, {})
    const lines: string[] = []
    for await (const line of readPostgresLines(pool, log)) lines.push(JSON.stringify(parseRecord(line).event))
    expect(lines.sort()).toEqual(
      memory
        .records()
        .map(({ event }) => JSON.stringify(event))
        .sort(),
    )
  })

  it('AUD-19 fails for one event alone that the table refuses, in whichever way it is written', async () => {
    const log = await table('ruled')
    await owner.query(`
      CREATE FUNCTION no_poison() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.line LIKE '%poison%' THEN RAISE EXCEPTION 'a rule of the owner'; END IF; RETURN NEW; END $$;
      CREATE TRIGGER own_rule BEFORE INSERT ON ${log} FOR EACH ROW EXECUTE FUNCTION no_poison()`)
    const sink = postgresAuditSink({ pool, table: log })
    for (let round = 0; round < 3; round++) {
      const numbers = numbersFrom(100 * round + 1, 100 * round + 40)
      const isPoison = (number: number): boolean => number % 100 === 7 || number % 100 === 30
      const answers = await Promise.allSettled(
        numbers.map((number) => sink.append(intent(number, isPoison(number) ? { vault: 'poison' } : {}), {})),
      )
      const refused = numbers.filter((_, i) => answers[i]?.status === 'rejected')
      expect(refused).toEqual(numbers.filter(isPoison))
    }
    expect(await verifyAuditLog(readPostgresLines(pool, log))).toMatchObject({ valid: true, records: 114 })
  })

  it('AUD-19 has `synchronous_commit` on for the commit, whatever the connection has', async () => {
    const log = await table('durable')
    const careless = new Pool({ connectionString: asService, options: '-c synchronous_commit=off', max: 1 })
    await owner.query(`
      CREATE TABLE settings (value text); GRANT INSERT ON settings TO mail_service;
      CREATE FUNCTION note_setting() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO settings VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON ${log} DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION note_setting()`)
    const sink = postgresAuditSink({ pool: careless, table: log })
    for (let i = 1; i <= 3; i++) await sink.append(intent(i), {})
    const { rows } = await owner.query('SELECT value FROM settings')
    expect(rows).toEqual([{ value: 'on' }, { value: 'on' }, { value: 'on' }])
    await careless.end()
  })

  it('AUD-19 cannot be changed by the role of the service, nor by a slip of the owner [attack 79]', async () => {
    const log = await table('guarded')
    await postgresAuditSink({ pool, table: log }).append(intent(1), {})
    const changes = [`UPDATE ${log} SET line = 'x'`, `DELETE FROM ${log}`, `TRUNCATE ${log}`, `DROP TABLE ${log}`]
    for (const change of changes) await expect(pool.query(change), change).rejects.toThrow(/permission|owner/)
    const row = `SELECT sequence, hash, previous, 'x' FROM ${log}`
    const replacing = `INSERT INTO ${log} ${row} ON CONFLICT (sequence) DO UPDATE SET line = 'x'`
    await expect(pool.query(replacing)).rejects.toThrow('permission')
    await expect(owner.query(replacing)).rejects.toThrow('not changed')
    for (const change of changes.slice(0, 3)) await expect(owner.query(change), change).rejects.toThrow('not changed')
    await owner.query(`DROP TRIGGER no_change ON ${log}`)
    await owner.query(`UPDATE ${log} SET line = replace(line, '/mail/send', '/mail/read')`)
    expect(await verifyAuditLog(readPostgresLines(pool, log))).toMatchObject({ fault: { kind: 'edited', sequence: 1 } })
  })

  it('LOG-14 has at most one record that ends an intent, also with several writers', async () => {
    const log = await table('ended')
    const sinks = Array.from({ length: 4 }, () => postgresAuditSink({ pool, table: log }))
    for (let i = 1; i <= 40; i++) await sinks[0]?.append(intent(i), {})
    const ends = Array.from({ length: 40 }, (_, i) =>
      sinks.flatMap((sink, j) => [
        sink.append(outcome(100 + 10 * i + j, i + 1), {}),
        sink.append(denied(1_000 + 10 * i + j, { intent: id(i + 1) }), {}),
      ]),
    )
    const settled = await Promise.allSettled(ends.flat())
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(40)
    for (const one of settled) {
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'ERR_AUDIT_SETTLED' })
    }
    const report = await verifyAuditLog(readPostgresLines(pool, log))
    expect(report).toMatchObject({ valid: true, records: 80 })
    // a release and the end of its intent in one batch count in their order
    const [sink] = sinks as [AuditSink]
    const released = { kind: 'released', time: 1, vault: 'smtp', downscoped: false } as const
    await sink.append(intent(50), {})
    const batch = await Promise.allSettled([
      sink.append(intent(51), {}),
      sink.append({ ...released, id: id(2_000), intent: id(50) }, {}),
      sink.append(outcome(2_001, 50), {}),
      sink.append({ ...released, id: id(2_002), intent: id(50) }, {}),
      sink.append({ ...released, id: id(2_003), intent: id(1) }, {}),
    ])
    const ending = batch.map((one) => (one.status === 'fulfilled' ? 'written' : one.reason.code))
    expect(ending).toEqual(['written', 'written', 'written', 'ERR_AUDIT_SETTLED', 'ERR_AUDIT_SETTLED'])
    const numbers: number[] = []
    for await (const page of sinks[0]?.history?.newestFirst({}) ?? []) numbers.push(...page.map((one) => one.sequence))
    expect(numbers).toEqual(Array.from({ length: 84 }, (_, i) => 84 - i))
  })

  it('AUD-37 has one outcome for each intent when four recover at the same time, beside late writers', async () => {
    const log = await table('recovered')
    const sinks = Array.from({ length: 4 }, () => postgresAuditSink({ pool, table: log }))
    const began = 1_800_000_000
    for (let i = 1; i <= 300; i++) {
      await sinks[i % 4]?.append(intent(i, { outcomeBy: began + (i > 200 ? 500 : 0) }), {})
    }
    const clock = stoppedClock(began + 1)
    const late = Array.from({ length: 100 }, (_, i) => sinks[i % 4]?.append(outcome(1_000 + i, i + 1), {}))
    const [runs, answers] = await Promise.all([
      Promise.all(sinks.map((sink) => recoverIntents({ sink, clock }))),
      Promise.allSettled(late),
    ])
    const written = answers.filter(({ status }) => status === 'fulfilled').length
    expect(runs.reduce((sum, { recovered }) => sum + recovered.length, 0)).toBe(200 - written)
    for (const { pending } of runs) expect(pending.map(({ sequence }) => sequence)).toEqual(numbersFrom(201, 300))
    const ended: string[] = []
    for await (const line of readPostgresLines(pool, log)) {
      const { event } = parseRecord(line)
      if (event.kind === 'outcome') ended.push(event.intent)
    }
    expect(ended.sort()).toEqual(numbersFrom(1, 200).map(id).sort())
    expect(await verifyAuditLog(readPostgresLines(pool, log))).toMatchObject({ valid: true, records: 500 })
  })

  it('LOG-14 gets the column that a table of an earlier version lacks', async () => {
    await owner.query(
      `CREATE TABLE elder (sequence bigint PRIMARY KEY, hash text NOT NULL UNIQUE, previous text NOT NULL UNIQUE, line text NOT NULL)`,
    )
    await expect(openPostgresAuditSink({ pool: owner, table: 'elder' })).rejects.toThrow('run the SQL of')
    const sink = await openPostgresAuditSink({ pool, table: await table('elder') })
    await sink.append(intent(1), {})
    await sink.append(outcome(2, 1), {})
    await expect(sink.append(outcome(3, 1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_SETTLED' })
  })

  it('AUD-19 cannot fork, whatever is inserted beside it', async () => {
    const log = await table('unforked')
    await postgresAuditSink({ pool, table: log }).append(intent(1), {})
    const again = `INSERT INTO ${log} SELECT 2, 'a', previous, line, NULL FROM ${log} WHERE sequence = 1`
    await expect(pool.query(again)).rejects.toThrow('unique')
  })

  it('AUD-19 confirms nothing that the server did not, and goes on [attack 78]', async () => {
    const log = await table('interrupted')
    const sink = postgresAuditSink({ pool, table: log })
    const confirmed: string[] = []
    let refused = 0
    let ended = false
    const work = async (worker: number): Promise<void> => {
      for (let i = 0; !ended; i++) {
        const number = worker * 1_000_000 + i
        await sink.append(intent(number), {}).then(
          () => confirmed.push(id(number)),
          (error: { code: string }) => {
            expect(error.code).toBe('ERR_AUDIT_UNCONFIRMED')
            refused++
          },
        )
      }
    }
    const workers = [1, 2, 3, 4].map(work)
    for (let kill = 0; kill < 10; kill++) {
      await new Promise((resolve) => setTimeout(resolve, 60))
      await owner.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mail_service'")
    }
    ended = true
    await Promise.all(workers)
    expect(refused).toBeGreaterThan(0)
    // The pool may still hand out connections that the last round ended.
    let goesOn = false
    for (let attempt = 1; attempt <= 10 && !goesOn; attempt++) {
      goesOn = await sink.append(intent(attempt), {}).then(
        () => true,
        () => false,
      )
    }
    expect(goesOn).toBe(true)
    const found = new Set<string>()
    for await (const line of readPostgresLines(pool, log)) found.add(JSON.parse(line).event.id)
    expect(confirmed.filter((name) => !found.has(name))).toEqual([])
    expect(await verifyAuditLog(readPostgresLines(pool, log))).toMatchObject({ valid: true })
  })

  it('AUD-19 refuses events while another session holds the lock, and no append waits', async () => {
    const log = await table('locked')
    const sink = postgresAuditSink({ pool, table: log })
    const holder = await owner.connect()
    await holder.query(`BEGIN; LOCK TABLE ${log}_turn IN SHARE ROW EXCLUSIVE MODE`)
    const first = sink.append(intent(1), {})
    await new Promise((resolve) => setTimeout(resolve, 50))
    const controller = new AbortController()
    const second = sink.append(intent(2), { signal: controller.signal })
    const refused = expect(second).rejects.toMatchObject({ name: 'AuditError', cause: { message: 'late' } })
    controller.abort(new Error('late'))
    await holder.query('ROLLBACK')
    holder.release()
    expect(await first).toMatchObject({ sequence: 1 })
    await refused
    expect(await sink.append(intent(3), {})).toMatchObject({ sequence: 2 })
  })

  it('AUD-33 is not stopped by a role that may only connect, or only read [attack 78]', async () => {
    const log = await table('turns')
    await owner.query('CREATE ROLE stranger LOGIN')
    await owner.query('CREATE ROLE auditor LOGIN')
    await owner.query(`GRANT SELECT ON ${log}, ${log}_turn TO auditor`)
    const sink = postgresAuditSink({ pool, table: log })
    await sink.append(intent(1), {})
    const modes = ['ROW SHARE', 'ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE', 'SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE']
    const locks = [log, `${log}_turn`].flatMap((name) => [
      ...['ACCESS SHARE', ...modes, 'ACCESS EXCLUSIVE'].map((mode) => `LOCK TABLE ${name} IN ${mode} MODE NOWAIT`),
      `SELECT FROM ${name} FOR UPDATE NOWAIT`,
      `SELECT FROM ${name} FOR SHARE NOWAIT`,
      `SELECT FROM ${name}`,
      `SELECT pg_advisory_lock(hashtextextended('procura audit ${name}', 0))`,
    ])
    let number = 2
    let held = 0
    for (const role of ['stranger', 'auditor']) {
      const other = new Pool({ connectionString: address.replace('postgres@', `${role}@`), max: 1 })
      for (const lock of locks) {
        const holder = await other.connect()
        await holder.query('BEGIN')
        held += await holder.query(lock).then(
          () => 1,
          () => 0,
        )
        // An append that waits for the lock would wait for ever.
        const written = withDeadline(sink, { deadlineMs: 20_000 }).append(intent(number++), {})
        await expect(written, `${role}: ${lock}`).resolves.toMatchObject({ sequence: number - 1 })
        await holder.query('ROLLBACK')
        holder.release()
      }
      await other.end()
    }
    expect(held).toBeGreaterThan(4)
    await sink.close()
  })

  it('AUD-33 goes on when a writer is suspended in its turn [attack 78]', async () => {
    const log = await table('suspended')
    const connection = await pool.connect()
    let suspended: () => void = () => undefined
    const holding = new Promise<void>((resolve) => (suspended = resolve))
    const stops: PostgresPool = {
      connect: async () => ({
        release: (error) => connection.release(error),
        query: async (sql, parameters) => {
          const answer = await connection.query(sql, parameters as unknown[])
          if (!sql.includes('LOCK')) return answer
          suspended()
          return new Promise<never>(() => undefined)
        },
      }),
    }
    connection.on('error', () => undefined)
    const began = performance.now()
    void postgresAuditSink({ pool: stops, table: log })
      .append(intent(1), {})
      .catch(() => undefined)
    await holding
    expect(await postgresAuditSink({ pool, table: log }).append(intent(2), {})).toMatchObject({ sequence: 1 })
    expect(performance.now() - began).toBeGreaterThan(4_000)
    connection.release(new Error('it was ended'))
  })

  it.each(['', 'a.b.c', 'a'.repeat(51), 'a b', 'A', '"x"', 'a;--'])('AUD-19 refuses the table name `%s`', (name) => {
    expect(() => postgresAuditSink({ pool, table: name })).toThrow(ArgumentError)
    expect(() => postgresAuditSchema({ table: name })).toThrow(ArgumentError)
    expect(() => postgresAuditSchema({ role: `x${name}; --` })).toThrow(ArgumentError)
  })
})
