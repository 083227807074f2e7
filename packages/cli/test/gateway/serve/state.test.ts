import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { never, systemClock } from 'procura'
import { probeStores } from 'procura/operations'
import type { SqliteStores } from 'procura/store/sqlite'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openState } from '../../../src/gateway/serve/state/open-state.ts'
import { rememberUnrevoked } from '../../../src/gateway/serve/state/remember-unrevoked.ts'

let folder: string
const file = (): string => join(folder, 'state.db')

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'procura-gateway-state-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the state of a gateway', () => {
  it('keeps calls over its end, in files of its user, and has one owner [GTW-15]', async () => {
    const expiration = systemClock.now() + 100
    const first = await openState({ file: file(), isFirst: true })
    expect(await first.stores.replay.claim('call', expiration, {})).toBe(true)
    first.close()
    for (const name of ['state.db', 'state.db.key']) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    // A killed process leaves the lock of SQLite, and that of the gateway.
    mkdirSync(`${file()}.lock`)
    const second = await openState({ file: file(), isFirst: false })
    expect(statSync(`${file()}.lock`).mode & 0o777).toBe(0o700)
    expect(await second.stores.replay.claim('call', expiration, {})).toBe(false)
    expect(await second.stores.replay.claim('other', expiration, {})).toBe(true)
    await expect(openState({ file: file(), isFirst: false })).rejects.toThrow(/a gateway is running already/)
    second.close()
    expect(existsSync(`${file()}.lock`)).toBe(false)
  })

  it('that was lost accepts no call that may have been used, and a first one does [GTW-15]', async () => {
    const now = systemClock.now()
    const lost = await openState({ file: file(), isFirst: false })
    await expect(lost.stores.replay.claim('call', now + 60, { acceptedFrom: now - 30 })).rejects.toThrow(
      'the call may have been accepted',
    )
    lost.close()
    rmSync(file())
    const first = await openState({ file: file(), isFirst: true })
    expect(await first.stores.replay.claim('call', now + 60, { acceptedFrom: now - 30 })).toBe(true)
    first.close()
  })

  it('is refused without its key, or with another one [GTW-15]', async () => {
    ;(await openState({ file: file(), isFirst: true })).close()
    const key = readFileSync(`${file()}.key`)
    rmSync(`${file()}.key`)
    await expect(openState({ file: file(), isFirst: false })).rejects.toThrow('is missing; restore it')
    writeFileSync(`${file()}.key`, key.reverse(), { mode: 0o600 })
    await expect(openState({ file: file(), isFirst: false })).rejects.toThrow('prepared with another')
    writeFileSync(`${file()}.key`, 'short', { mode: 0o600 })
    await expect(openState({ file: file(), isFirst: false })).rejects.toThrow('must contain 32 bytes')
  })
})

/** A disk whose syncs end when the test lets them. */
function slowDisk(): {
  readonly sync: () => Promise<void>
  readonly end: (error?: Error) => Promise<void>
  started: number
} {
  const running: ((error: Error | undefined) => void)[] = []
  const disk = {
    started: 0,
    sync: () =>
      new Promise<void>((resolve, reject) => {
        disk.started++
        running.push((error) => (error === undefined ? resolve() : reject(error)))
      }),
    async end(error?: Error) {
      await vi.waitFor(() => expect(running.length).toBeGreaterThan(0), 20_000)
      running.shift()?.(error)
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
  return disk
}

describe('the sync of the state of a gateway', () => {
  const expiration = systemClock.now() + 100
  const id = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp'
  const entry = { ids: [id], expiration }

  it('is waited for by `synced` after a claim, and by a revocation itself [GTW-17]', async () => {
    const disk = slowDisk()
    const state = await openState({ file: file(), isFirst: true, syncFile: disk.sync })
    const done: string[] = []
    await state.synced()
    expect(await state.stores.replay.claim('call', expiration, {})).toBe(true)
    void state.synced().then(() => done.push('claim'))
    const revoked = Promise.resolve(state.stores.revocations.add(entry)).then(() => done.push('revocation'))
    await vi.waitFor(
      async () => expect(await state.stores.revocations.findRevocations([id], {})).toHaveLength(1),
      20_000,
    )
    expect([done, disk.started]).toEqual([[], 1])
    // The revocation was written after the first sync had begun.
    await disk.end()
    expect(done).toEqual(['claim'])
    await disk.end()
    await revoked
    expect([done, disk.started]).toEqual([['claim', 'revocation'], 2])
    state.close()
  })

  it('is one for the claims that arrive while another runs [GTW-17]', async () => {
    const disk = slowDisk()
    const state = await openState({ file: file(), isFirst: true, syncFile: disk.sync })
    await state.stores.replay.claim('first', expiration, {})
    const more = Array.from({ length: 50 }, (_, at) => state.stores.replay.claim(`call ${at}`, expiration, {}))
    expect(await Promise.all(more)).toEqual(more.map(() => true))
    const all = state.synced()
    await disk.end()
    await disk.end()
    await all
    expect(disk.started).toBe(2)
    state.close()
  })

  it('is enough for a machine that loses everything else: no confirmed call is accepted again [GTW-17]', async () => {
    // The disk has the files as they were at the last sync. More than 1,000 pages, so that SQLite moves its log as
    // well.
    const image = join(folder, 'image')
    mkdirSync(image)
    const parts = ['state.db', 'state.db-wal', 'state.db.key']
    let batch = 0
    const syncFile = async (): Promise<void> => {
      if (batch < 690) return
      for (const part of parts) copyFileSync(join(folder, part), join(image, part))
    }
    const state = await openState({ file: file(), isFirst: true, syncFile })
    const empty = statSync(file()).size
    const confirmed: string[] = []
    for (; batch < 700; batch++) {
      const names = Array.from({ length: 1 + (batch % 7) }, (_, at) => `call ${batch} ${at}`)
      await Promise.all(names.map((name) => state.stores.replay.claim(name, expiration, {})))
      await state.synced()
      confirmed.push(...names)
      if (batch % 100 === 0) await state.stores.revocations.add({ ids: [id], expiration })
    }
    expect(statSync(join(image, 'state.db')).size).toBeGreaterThan(empty)
    // The last claim is not confirmed.
    void state.stores.replay.claim('last', expiration, {})
    const after = await openState({ file: join(image, 'state.db'), isFirst: false })
    const claims = confirmed.map((name) => after.stores.replay.claim(name, expiration, {}))
    expect(new Set(await Promise.all(claims))).toEqual(new Set([false]))
    expect(await after.stores.revocations.findRevocations([id], {})).toHaveLength(1)
    after.close()
    await state.synced()
    state.close()
  })

  it('that fails lets the state take no further change [GTW-17]', async () => {
    const disk = slowDisk()
    const state = await openState({ file: file(), isFirst: true, syncFile: disk.sync })
    await state.stores.replay.claim('call', expiration, {})
    const refused = 'the state of the gateway could not be written to the disk; check the disk, and restart the gateway'
    const lost = expect(state.synced()).rejects.toThrow(refused)
    const revoked = expect(state.stores.revocations.add(entry)).rejects.toThrow(refused)
    await disk.end(new Error('EIO'))
    await Promise.all([lost, revoked])
    await expect(state.synced()).rejects.toThrow(refused)
    await expect(state.stores.replay.claim('other', expiration, {})).rejects.toThrow(refused)
    await expect(state.stores.revocations.add(entry)).rejects.toThrow(refused)
    await expect(state.stores.limitStore.commit('one', {})).rejects.toThrow(refused)
    expect(disk.started).toBe(1)
    state.close()
    // Another process finds the log of SQLite, and with it the claim that this one did not confirm.
    const next = await openState({ file: file(), isFirst: false })
    expect(await next.stores.replay.claim('call', expiration, {})).toBe(false)
    next.close()
  })
})

describe('the memory of chains that are not revoked', () => {
  const [delegate, other] = [
    'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp',
    'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  ]
  const chain = [delegate, other]

  /** The revocations of a state, with the number of look-ups in the database, and a clock. */
  async function remembered(): Promise<{
    readonly revocations: SqliteStores['revocations']
    readonly asked: () => number
    readonly clock: { time: number }
    readonly close: () => void
  }> {
    const state = await openState({ file: file(), isFirst: true })
    let count = 0
    const clock = { time: systemClock.now() }
    const store = {
      ...state.stores.revocations,
      findRevocations: (...given: Parameters<SqliteStores['revocations']['findRevocations']>) => {
        count++
        return state.stores.revocations.findRevocations(...given)
      },
    }
    const revocations = rememberUnrevoked(store, { now: () => clock.time })
    return { revocations, asked: () => count, clock, close: () => state.close() }
  }

  it('asks the database once for a chain, and again after each revocation and each pruning [GTW-18]', async () => {
    const { revocations, asked, close } = await remembered()
    for (let count = 0; count < 3; count++) expect(await revocations.findRevocations(chain, {})).toEqual([])
    expect(asked()).toBe(1)
    await revocations.add({ ids: ['did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH'], expiration: never })
    await revocations.findRevocations(chain, {})
    await revocations.prune()
    await revocations.findRevocations(chain, {})
    expect(asked()).toBe(3)
    await revocations.add({ ids: [other], expiration: never })
    for (let count = 0; count < 3; count++) expect(await revocations.findRevocations(chain, {})).toHaveLength(1)
    expect(asked()).toBe(6)
    close()
  })

  it('holds no answer that is given while a revocation is added [GTW-18]', async () => {
    const { revocations, asked, close } = await remembered()
    const adding = revocations.add({ ids: [other], expiration: never })
    expect(await revocations.findRevocations(chain, {})).toEqual([])
    await adding
    expect(await revocations.findRevocations(chain, {})).toHaveLength(1)
    expect(asked()).toBe(2)
    close()
  })

  it('does not answer the probe of a health check [GTW-18]', async () => {
    const { revocations, asked, close } = await remembered()
    for (let count = 0; count < 3; count++) expect((await probeStores({ revocations })).healthy).toBe(true)
    expect(asked()).toBe(3)
    close()
  })

  it('ends when the clock goes back [GTW-18]', async () => {
    const { revocations, asked, clock, close } = await remembered()
    await revocations.findRevocations(chain, {})
    clock.time -= 1
    await revocations.findRevocations(chain, {})
    await revocations.findRevocations(chain, {})
    expect(asked()).toBe(2)
    close()
  })
})
