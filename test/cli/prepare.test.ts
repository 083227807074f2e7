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
