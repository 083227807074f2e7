import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { base58btc } from 'multiformats/bases/base58'
import sqlite from 'node-sqlite3-wasm'
import { attenuate, createAuthorizer, defineCommand, delegate, encodeContainer, invoke, never } from 'procura'
import { sqliteStores } from 'procura/store/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { actor } from '../../../../../test/support/actors.ts'
import { runCli } from '../run-cli.ts'

const [owner, agent, helper, service] = await Promise.all([
  actor('owner'),
  actor('agent'),
  actor('helper'),
  actor('service'),
])
const send = defineCommand({ command: '/mail/send', args: {} })
const secret = Buffer.alloc(32, 1)
const env = { PROCURA_STORE_SECRET: secret.toString('base64') }

describe('the operator of stores in SQLite', () => {
  let folder: string
  let file: string
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'procura-revoke-'))
    file = join(folder, 'state.db')
    expect((await runCli(['store', 'prepare', '--sqlite', file, '--new-service'], '', env)).code).toBe(0)
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const revoke = (...words: string[]) => runCli(['store', 'revoke', '--sqlite', file, ...words], '', env)

  async function chain() {
    const first = await delegate({ issuer: owner, audience: agent.did, command: send })
    return [first, await attenuate(first, { issuer: agent, audience: helper.did })] as const
  }

  /** The decision of a service about a call of the helper. */
  async function decided(proofs: Awaited<ReturnType<typeof chain>>): Promise<string> {
    const database = new sqlite.Database(file)
    try {
      const stores = sqliteStores({ database: database as never, secret })
      const options = { audience: service.did, subjects: [owner.did], commands: [send], ...stores }
      const call = await invoke({ issuer: helper, audience: service.did, command: send, args: {}, proofs })
      const decision = await createAuthorizer(options).authorize(encodeContainer([call, ...proofs]))
      return decision.allowed ? 'allowed' : decision.denial.code
    } finally {
      database.close()
    }
  }

  it('CLI-22 shuts out a principal by its DID, with all chains that it is a part of', async () => {
    const proofs = await chain()
    expect(await decided(proofs)).toBe('allowed')
    expect(await revoke(agent.did)).toEqual({
      code: 0,
      out: `revoked ${agent.did}`,
      err: 'the services of these stores refuse each chain with it from their next decision on; it cannot be undone: after a mistake, give the principal another key, and issue its delegations again',
    })
    expect(await decided(proofs)).toBe('revoked')
    expect(await decided(await chain())).toBe('revoked')
  })

  it('CLI-23 refuses a did:web with capitals in its host, which would shut nobody out', async () => {
    for (const [given, place, lower] of [
      [['did:web:Example.com'], 'ID 1', 'did:web:example.com'],
      [[agent.did, 'did:web:exAmple.com%3A8443:Users:Ann'], 'ID 2', 'did:web:example.com%3A8443:Users:Ann'],
    ] as const) {
      expect(await revoke(...given)).toMatchObject({
        code: 2,
        out: '',
        err: expect.stringContaining(`${place}: the host of a did:web is in lower case; use ${lower}`),
      })
    }
    expect(await decided(await chain())).toBe('allowed')
    const { code, out } = await revoke('did:web:example.com%3A8443:Users:Ann', 'did:web:localhost%3A8080')
    expect([code, out.split('\n').length]).toEqual([0, 2])
  })

  it('CLI-22 revokes delegations by their CIDs, in any spelling, and records them', async () => {
    const [proofs, others] = [await chain(), await chain()]
    const [first, last] = [proofs[0].cid, proofs[1].cid]
    const ledger = join(folder, 'ledger')
    const { code, out } = await revoke(first.toString(base58btc), `${last}`, '--json', '--ledger', ledger)
    expect([code, JSON.parse(out)]).toEqual([0, { revoked: [`${first}`, `${last}`], stores: 'procura', file }])
    expect([await decided(proofs), await decided(others)]).toEqual(['revoked', 'allowed'])
    const log = await runCli(['log', ledger, '--json'])
    expect(log.out.split('\n').map((line) => JSON.parse(line))).toMatchObject([
      { decision: 'revoked', about: `${first}` },
      { decision: 'revoked', about: `${last}` },
    ])
    // Again, as after a restore.
    expect((await revoke(`${first}`)).code).toBe(0)
  })

  it('CLI-22 revokes although the ledger cannot be written, and reports both', async () => {
    const proofs = await chain()
    const text = join(folder, 'ledger-text')
    writeFileSync(text, '')
    const failed = await revoke(`${proofs[1].cid}`, '--ledger', text)
    expect(failed).toMatchObject({ code: 2, out: `revoked ${proofs[1].cid}` })
    expect(failed.err).toMatch(
      /the revocation holds, and is not in the ledger: .*; run this again when the ledger takes it/,
    )
    expect(await decided(proofs)).toBe('revoked')
  })

  it('CLI-22 learns that another process writes the database', async () => {
    const database = new sqlite.Database(file)
    try {
      database.exec('BEGIN EXCLUSIVE')
      const { code, out, err } = await revoke(agent.did)
      expect([code, out]).toEqual([2, ''])
      expect(err).toMatch(/cannot be changed \(.*(?:locked|busy).*\); another process writes it; run this again/)
    } finally {
      database.close()
    }
  }, 60_000)

  it('CLI-24 lists the revocations in their order, with their revokers and their ends, and no token', async () => {
    const list = (...words: string[]) => runCli(['store', 'revocations', '--sqlite', file, ...words], '', env)
    expect(await list()).toEqual({ code: 0, out: '', err: '' })
    const [first, last] = await chain()
    await revoke(agent.did, `${first.cid}`)
    const database = new sqlite.Database(file)
    const many = Array.from({ length: 1_001 }, (_, at) => `did:web:agent-${at}.example`)
    try {
      const { revocations } = sqliteStores({ database: database as never, secret })
      const token = 'canary-of-a-token'
      await revocations.add({ ids: [`${last.cid}`], revoker: owner.did, expiration: 1_893_456_000, token })
      for (const id of many) await revocations.add({ ids: [id], expiration: never })
    } finally {
      database.close()
    }
    const before = readFileSync(file)
    const { code, out, err } = await list()
    const lines = out.split('\n')
    expect([code, err, lines.length]).toEqual([0, '', 1_004])
    expect(lines.slice(0, 3)).toEqual([
      `${agent.did}  by the operator, for ever`,
      `${first.cid}  by the operator, for ever`,
      expect.stringMatching(new RegExp(`^${last.cid}  by ${owner.did}, until 2030-01-01`)),
    ])
    const json = (await list('--json')).out
    const objects = json.split('\n').map((line) => JSON.parse(line) as { readonly id: string })
    expect(objects.slice(0, 3)).toEqual([
      { id: agent.did, expiration: null },
      { id: `${first.cid}`, expiration: null },
      { id: `${last.cid}`, revoker: owner.did, expiration: 1_893_456_000 },
    ])
    expect(objects.slice(3).map(({ id }) => id)).toEqual(many)
    expect(`${out}${json}`).not.toContain('canary')
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  it('CLI-24 learns the place of a mistake, and makes nothing', async () => {
    const list = (...words: string[]) => runCli(['store', 'revocations', ...words], '', env)
    const other = { PROCURA_STORE_SECRET: Buffer.alloc(32, 2).toString('base64') }
    const mistakes = [
      [await list(), /the kind of the database is missing/],
      [await list('--sqlite', file, agent.did), /the verb takes no operand/],
      [await list('--sqlite', file, '--url-file', file), /--url-file is for --postgres/],
      [await list('--sqlite', join(folder, 'none')), /none` does not exist; `procura store prepare` makes/],
      [
        await list('--sqlite', file, '--prefix', 'other'),
        /cannot be read \(no such table: other_stores\); .* --prefix/,
      ],
      [await runCli(['store', 'revocations', '--sqlite', file]), /pass the one with which the stores were prepared/],
      [await runCli(['store', 'revocations', '--sqlite', file], '', other), /with another secret; pass that one in/],
    ] as const
    for (const [{ code, out, err }, why] of mistakes)
      expect([code, out, err]).toEqual([2, '', expect.stringMatching(why)])
    expect(existsSync(join(folder, 'none'))).toBe(false)
  })

  it('CLI-22 learns the place of a mistake, and nothing is made or revoked', async () => {
    const proofs = await chain()
    const text = join(folder, 'text')
    writeFileSync(text, 'not a database, but a file of some length '.repeat(100))
    const short = join(folder, 'short')
    writeFileSync(short, secret.subarray(1), { mode: 0o600 })
    const to = (...words: string[]) => runCli(['store', 'revoke', ...words], '', env)
    const mistakes = [
      [await revoke(), /the DID of a principal is missing, or the CID of a delegation/],
      [
        await revoke(agent.did, 'agent'),
        /ID 2: a revocation names the CID of a delegation or the DID of a principal: .*; `procura inspect FILE` prints the CID/,
      ],
      [await revoke(agent.did, '--url-file', text), /--url-file is for --postgres/],
      [await to(agent.did), /the kind of the database is missing/],
      [await to(agent.did, '--sqlite', file, '--postgres'), /pass --postgres or --sqlite, not both/],
      [await to(agent.did, '--sqlite', join(folder, 'none')), /none` does not exist; `procura store prepare` makes/],
      [await to(agent.did, '--sqlite', text), /`.*text` cannot be changed \(.*not a database\)/],
      [
        await revoke(agent.did, '--prefix', 'other'),
        /no such table: other_stores\); name the database of the stores, and their --prefix/,
      ],
      [
        await runCli(['store', 'revoke', '--sqlite', file, agent.did]),
        /--secret-file, or PROCURA_STORE_SECRET in base64; pass the one with which the stores were prepared/,
      ],
      ...(await Promise.all(
        [
          Buffer.alloc(31, 1).toString('base64'),
          `${'!'.repeat(60)}`,

          `${env.PROCURA_STORE_SECRET}!`,
        ].map(
          async (text) =>
            [
              await runCli(['store', 'revoke', '--sqlite', file, agent.did], '', { PROCURA_STORE_SECRET: text }),
              /PROCURA_STORE_SECRET must be 32 bytes or more in base64; see/,
            ] as const,
        ),
      )),
      [await revoke(agent.did, '--secret-file', short), /has fewer than 32 bytes; pass the one with which/],
      [await revoke(agent.did, '--secret-file', join(folder, 'none')), /does not exist; pass the one with which/],
      [
        await runCli(['store', 'revoke', '--sqlite', file, agent.did], '', {
          PROCURA_STORE_SECRET: Buffer.alloc(32, 2).toString('base64'),
        }),
        /with another secret; pass that one in --secret-file, or in PROCURA_STORE_SECRET/,
      ],
    ] as const
    for (const [{ code, out, err }, why] of mistakes)
      expect([code, out, err]).toEqual([2, '', expect.stringMatching(why)])
    expect(existsSync(join(folder, 'none'))).toBe(false)
    expect(await decided(proofs)).toBe('allowed')
  })
})
