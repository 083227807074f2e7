import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StoreError } from 'procura/errors'
import type { RevocationResult } from 'procura/service'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GatewayEvent } from '../../../src/gateway/serve/events.ts'
import { takePendingRevocations } from '../../../src/gateway/serve/pending-revocations.ts'

let home: string
const folder = (): string => join(home, 'revocations')
const events: GatewayEvent[] = []

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'procura-pending-'))
  events.length = 0
})
afterEach(() => rmSync(home, { recursive: true }))

/** Leaves revocations, whose containers are their names. */
function leave(...names: readonly string[]): void {
  mkdirSync(folder(), { recursive: true, mode: 0o700 })
  for (const name of names) writeFileSync(join(folder(), `${name}.ucan`), `${name}\n`, { mode: 0o600 })
}

/** Takes them. Each is answered by its name: a code is a denial. */
async function take(isBehind = false): Promise<readonly string[]> {
  const taken: string[] = []
  const revoke = async (container: string | Uint8Array): Promise<RevocationResult> => {
    const name = String(container)
    taken.push(name)
    if (name.includes('ok-')) return { accepted: true, revoked: name, recorded: true } as RevocationResult
    const isBeyondShare = name === 'overloaded-beyond'
    const [code, requirement] = isBeyondShare ? ['overloaded', 'GTW-43'] : [name, 'SVC-16']
    const denial = { code, message: 'the store failed', requirement }
    return { accepted: false, denial } as unknown as RevocationResult
  }
  const onEvent = (event: GatewayEvent): void => void events.push(event)
  await takePendingRevocations(join(home, 'gateway.json'), { revoke, onEvent, isBehind: async () => isBehind })
  return taken
}

describe('the revocations that wait for a gateway', () => {
  it('GTW-65 are taken, and those that are refused for good are set aside', async () => {
    expect(await take()).toEqual([])
    leave('ok-1', 'ok-2', 'subject_not_accepted')
    writeFileSync(join(folder(), 'notes.txt'), 'mine')
    expect(await take()).toEqual(['ok-1', 'ok-2', 'subject_not_accepted'])
    expect(readdirSync(folder()).sort()).toEqual(['notes.txt', 'subject_not_accepted.ucan.refused'])
    expect(events.map(({ level }) => level)).toEqual(['info', 'info', 'warning'])
    expect(events.at(-1)?.message).toMatch(/it is set aside, and has no effect; revoke again if/)
    expect(await take()).toEqual([])
  })

  it('GTW-65 are removed without a warning where they apply already, and the service takes no more copies', async () => {
    leave('ok-1', 'overloaded')
    expect(await take()).toEqual(['ok-1', 'overloaded'])
    expect(readdirSync(folder())).toEqual([])
    expect(events.map(({ level }) => level)).toEqual(['info', 'info'])
  })

  it('GTW-65 GTW-43 are set aside where their agent has too many', async () => {
    leave('ok-1', 'overloaded-beyond')
    await take()
    expect(readdirSync(folder())).toEqual(['overloaded-beyond.ucan.refused'])
    expect(events.map(({ level }) => level)).toEqual(['info', 'warning'])
  })

  it('GTW-65 stay for the next start where the clock may be wrong', async () => {
    leave('expired', 'not_yet_valid', 'ok-1')
    await take()
    expect(readdirSync(folder()).sort()).toEqual(['expired.ucan', 'not_yet_valid.ucan'])
    expect(events.map(({ level }) => level)).toEqual(['warning', 'warning', 'info'])
    for (const { message } of events.slice(0, 2))
      expect(message).toMatch(/the clock of this machine may be wrong; if the clock is right, revoke again and remove/)
  })

  it('GTW-65 stay where gateway.json has other owners than the gateway acts for', async () => {
    leave('subject_not_accepted', 'malformed')
    await take(true)
    expect(readdirSync(folder()).sort()).toEqual(['malformed.ucan.refused', 'subject_not_accepted.ucan'])
    expect(events.at(-1)?.message).toMatch(/it stays, because gateway\.json has other `subjects` .* send it SIGHUP/)
  })

  it('GTW-65 are taken behind one that cannot be read', async () => {
    leave('ok-1')
    symlinkSync('ok-1.ucan', join(folder(), 'a.ucan'))
    writeFileSync(join(folder(), 'b.ucan'), 'ok-2', { mode: 0o644 })
    await expect(take()).rejects.toThrow(/a\.ucan` cannot be used: it is a symbolic link/)
    expect(readdirSync(folder()).sort()).toEqual(['a.ucan', 'b.ucan'])
  })

  it.each(['revocation_unknown', 'key_unresolved', 'closed', 'deadline_exceeded', 'internal_error'])(
    'GTW-65 stay where they are while one cannot be stored (%s), and the gateway does not start',
    async (code) => {
      leave(code, 'ok-zz')
      const failed = take()
      await expect(failed).rejects.toThrow(StoreError)
      await expect(failed).rejects.toThrow(`could not be stored (${code}); start the gateway again`)
      expect(readdirSync(folder())).toEqual([`${code}.ucan`])
    },
  )
})
