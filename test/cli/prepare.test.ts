import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { postgresAuditSchema } from '../../src/entries/audit/postgres.ts'
import { postgresStoreSchema } from '../../src/entries/store/postgres.ts'
import { ArgumentError } from '../../src/errors.ts'
import { runCli } from './run-cli.ts'

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
      symlinkSync(at('own'), at('link'))
      const refused = [
        [await prepare(at('open')), /chmod 600/],
        [await prepare(at('group')), /chmod 600/],
        [await prepare(at('link')), /symbolic link/],
        [await prepare(folder), /not a regular file/],
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
