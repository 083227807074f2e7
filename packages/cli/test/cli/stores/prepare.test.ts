import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { postgresAuditSchema } from 'procura/audit/postgres'
import { ArgumentError } from 'procura/errors'
import { postgresStoreSchema } from 'procura/store/postgres'
import { sqliteStores } from 'procura/store/sqlite'
import { describe, expect, it } from 'vitest'
import { runCli } from '../run-cli.ts'

/** Nothing listens at this address: a statement that was sent would fail with another message. */
const env = { PROCURA_STORE_URL: 'postgres://127.0.0.1:1/x', PROCURA_LOG_URL: 'postgres://127.0.0.1:1/x' }

describe('the role of a service', () => {
  it.each([
    ['store', 'prepare'],
    ['audit', 'prepare'],
  ])('is no word for everybody, in `%s %s`, connected or not [CLI-16]', async (...verb) => {
    for (const [word, meaning] of [
      ['public', 'every role'],
      ['none', 'no role'],
      ['current_user', 'the role that connects'],
      ['current_role', 'the role that connects'],
      ['session_user', 'the role that connects'],
    ] as const) {
      for (const more of [[], ['--sql']]) {
        const { code, out, err } = await runCli([...verb, '--postgres', '--role', word, ...more], '', env)
        expect([code, out], word).toEqual([2, ''])
        expect(err).toContain(`\`role\` must be the name of a role that exists; \`${word}\` is a word of PostgreSQL`)
        expect(err).toContain(`for ${meaning}; create a role for the service`)
      }
    }
    const sql = await runCli([...verb, '--postgres', '--role', 'public_service', '--sql'])
    expect([sql.code, sql.out]).toEqual([0, expect.stringMatching(/ TO public_service;/)])
  })

  it('is a plain name of at most 63 characters, because it is written into SQL', () => {
    for (const makeSchema of [postgresStoreSchema, postgresAuditSchema]) {
      for (const role of ['PUBLIC', 'Public', 'a b', 'a;b', 'a"', "a'", '1a', 'a-b', 'a.b', ' public', 'a'.repeat(64)])
        expect(() => makeSchema({ role }), role).toThrow(ArgumentError)
      expect(makeSchema({ role: 'a'.repeat(63) })).toContain(` TO ${'a'.repeat(63)};`)
    }
  })
})

describe('the secret of the stores', () => {
  it('comes from a file that only its user can read, or from the environment, and is shown nowhere [CLI-16]', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'procura-prepare-'))
    const at = (name: string): string => join(folder, name)
    const canary = 'canary-of-the-stores-'.repeat(2)
    const prepare = (path: string | undefined, more: object = {}): ReturnType<typeof runCli> => {
      const words = ['store', 'prepare', '--postgres', ...(path === undefined ? [] : ['--secret-file', path])]
      return runCli(words, '', { ...env, ...more })
    }
    try {
      writeFileSync(at('own'), canary, { mode: 0o600 })
      writeFileSync(at('open'), canary)
      chmodSync(at('open'), 0o644)
      writeFileSync(at('group'), canary)
      chmodSync(at('group'), 0o640)
      symlinkSync('link', at('link'))
      const refused = [
        [await prepare(at('open')), /chmod 600/],
        [await prepare(at('group')), /chmod 600/],
        [await prepare(at('link')), /symbolic link/],
        [await prepare(folder), /it is a folder/],
        [await prepare(at('none')), /make one with `procura vault new-key --key-file FILE`/],
        [await prepare(undefined, { PROCURA_STORE_SECRET: `${canary}!` }), /32 bytes or more in base64/],
        // An unreadable file is not replaced by the variable.
        [await prepare(at('open'), { PROCURA_STORE_SECRET: Buffer.from(canary).toString('base64') }), /chmod 600/],
      ] as const
      for (const [{ code, out, err }, message] of refused)
        expect([code, out, err]).toEqual([2, '', expect.stringMatching(message)])
      // With a secret, the database is asked, which is not there.
      const asked = [
        await prepare(at('own')),
        await prepare(undefined, { PROCURA_STORE_SECRET: Buffer.from(canary).toString('base64') }),
      ]
      for (const { code, err } of asked) expect([code, err]).toEqual([2, expect.stringMatching(/ECONNREFUSED/)])
      for (const { out, err } of [...refused.map(([one]) => one), ...asked])
        expect(out + err).not.toMatch(/canary-of-the-stores|Y2FuYXJ5/)
      const sql = await runCli(['store', 'prepare', '--postgres', '--sql'])
      expect([sql.code, sql.err]).toEqual([0, ''])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('stores in SQLite', () => {
  it('are prepared in a file that only its user can read, once and again [CLI-16]', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'procura-prepare-'))
    const file = join(folder, 'state.db')
    const [secret, another] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
    writeFileSync(join(folder, 'secret'), secret, { mode: 0o600 })
    writeFileSync(join(folder, 'another'), another, { mode: 0o600 })
    const prepare = (...more: string[]): ReturnType<typeof runCli> =>
      runCli(['store', 'prepare', '--sqlite', file, '--secret-file', join(folder, 'secret'), ...more])
    try {
      const expiration = Math.floor(Date.now() / 1_000) + 60
      const claims = async (): Promise<unknown> => {
        const database = new sqlite.Database(file)
        try {
          const { replay } = sqliteStores({ database: database as never, secret })
          return await replay.claim('a call', expiration, { acceptedFrom: 0 })
        } finally {
          database.close()
        }
      }
      expect(await prepare('--new-service')).toEqual({
        code: 0,
        out: `prepared the stores procura in ${file}`,
        err: '',
      })
      expect(statSync(file).mode & 0o777).toBe(0o600)
      expect([await claims(), await claims()]).toEqual([true, false])
      const before = readFileSync(file)
      const again = await prepare('--json')
      expect([again.code, JSON.parse(again.out)]).toEqual([0, { prepared: 'procura', file }])
      expect(again.err).toMatch(/^stores that existed before are taken to be complete; after a restore .* --epoch now/)
      expect(readFileSync(file)).toEqual(before)
      const other = await runCli(['store', 'prepare', '--sqlite', file, '--secret-file', join(folder, 'another')])
      expect(other).toMatchObject({
        code: 2,
        out: '',
        err: expect.stringContaining('with another secret; pass that one in --secret-file'),
      })
      expect((await prepare('--prefix', 'mail')).out).toBe(`prepared the stores mail in ${file}`)
      expect(await prepare('--epoch', 'now')).toMatchObject({
        code: 0,
        err: expect.stringMatching(
          /^calls .* before 20.*Z are refused.* revocations again with `procura store revoke`/,
        ),
      })
      await expect(claims()).rejects.toThrow(/may have been accepted before/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('are refused with the place of the fault and the next step, and an option of PostgreSQL is too [CLI-16]', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'procura-prepare-'))
    const secret = { PROCURA_STORE_SECRET: Buffer.alloc(32, 1).toString('base64') }
    const prepare = (...more: string[]): ReturnType<typeof runCli> => runCli(['store', 'prepare', ...more], '', secret)
    try {
      const text = join(folder, 'text')
      writeFileSync(text, 'not a database, but a file of some length '.repeat(100))
      const mistakes = [
        [['--sqlite', text], /`.*text` cannot be prepared \(.*not a database\); name the database of the stores/],
        [['--sqlite', join(folder, 'none', 'x.db')], /none\/x\.db`: its folder does not exist; make it first/],
        [['--sqlite', folder], /cannot be prepared \(/],
        [['--sqlite', 'x', '--postgres'], /pass --postgres or --sqlite, not both/],
        [['--sqlite', 'x', '--role', 'mail'], /--role is for --postgres/],
        [['--sqlite', 'x', '--sql'], /--sql is for --postgres/],
        [['--sqlite', 'x', '--new-service', '--epoch', 'now'], /pass --new-service or --epoch, not both/],
        [['x.db'], /too many words; .* or from --sqlite/],
        [[], /the kind of the database is missing: --postgres, or --sqlite with its file/],
      ] as const
      for (const [words, why] of mistakes) {
        const { code, out, err } = await prepare(...words)
        expect([code, out], words.join(' ')).toEqual([2, ''])
        expect(err).toMatch(why)
      }
      expect(existsSync('x')).toBe(false)
      expect(readFileSync(text, 'utf8')).toMatch(/^not a database/)
      const log = await runCli(['audit', 'prepare'])
      expect([log.code, log.err]).toEqual([2, expect.stringContaining('or in SQLite needs no preparation')])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
