import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openState } from '../../../src/gateway/state/open-state.ts'
import { systemClock } from '../../../src/time.ts'

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
