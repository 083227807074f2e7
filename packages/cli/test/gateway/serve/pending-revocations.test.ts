import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { delegate, encodeContainer, generateSigner } from 'procura'
import { StoreError } from 'procura/errors'
import { revoke as makeRevocation } from 'procura/revocation'
import type { RevocationResult } from 'procura/service'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { GatewayEvent } from '../../../src/gateway/serve/events.ts'
import { takePendingRevocations } from '../../../src/gateway/serve/pending-revocations.ts'

let home: string
const folder = (): string => join(home, 'revocations')
const events: GatewayEvent[] = []

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'procura-pending-'))
  events.length = 0
  given.clear()
})
afterEach(() => rmSync(home, { recursive: true }))

interface Made {
  readonly cid: string
  readonly container: string
  /** Without its delegation. */
  readonly alone: string
}

/** Revocations, in the order in which they are taken. */
let made: readonly Made[]
/** The name that a test gives to each. */
const given = new Map<string, string>()

beforeAll(async () => {
  const issuer = await generateSigner()
  const make = async (name: string): Promise<Made> => {
    const delegation = await delegate({ issuer, audience: issuer.did, command: `/${name}` as never, expiresIn: 600 })
    const revocation = await makeRevocation({ issuer, delegation })
    const [container, alone] = [encodeContainer([revocation, delegation]), encodeContainer([revocation])]
    return { cid: revocation.cid.toString(), container, alone }
  }
  made = (await Promise.all(['a', 'b', 'c'].map(make))).sort((one, other) => (one.cid < other.cid ? -1 : 1))
})

/** Leaves revocations, and returns their files. */
function leave(...names: readonly string[]): readonly string[] {
  mkdirSync(folder(), { recursive: true, mode: 0o700 })
  return names.map((name, at) => {
    const { cid, container } = made[at] as Made
    given.set(cid, name).set(container, name)
    const path = join(folder(), `${cid}.ucan`)
    writeFileSync(path, `${container}\n`, { mode: 0o600 })
    return path
  })
}

/** The files that are left, with the names that the test has given. */
const left = (): readonly string[] =>
  readdirSync(folder())
    .map((name) => name.replace(/^bafy\w+/, (cid) => given.get(cid) as string))
    .sort()

/** Takes them. Each is answered by its name: a code is a denial. */
async function take(isBehind = false): Promise<readonly string[]> {
  const taken: string[] = []
  const revoke = async (container: string | Uint8Array): Promise<RevocationResult> => {
    const name = given.get(String(container)) ?? 'subject_not_accepted'
    taken.push(name)
    if (name.includes('ok-')) return { accepted: true, revoked: name, recorded: true } as RevocationResult
    const isTooFast = name === 'overloaded-beyond'
    const [code, requirement] = isTooFast ? ['overloaded', 'GTW-43'] : [name, 'SVC-16']
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
    expect(left()).toEqual(['notes.txt', 'subject_not_accepted.ucan.refused'])
    expect(events.map(({ level }) => level)).toEqual(['info', 'info', 'warning'])
    expect(events.at(-1)?.message).toMatch(/it is set aside, and has no effect; revoke again if/)
    expect(await take()).toEqual([])
  })

  it('GTW-65 are removed without a warning where they apply already, and the service takes no more copies', async () => {
    leave('ok-1', 'overloaded')
    expect(await take()).toEqual(['ok-1', 'overloaded'])
    expect(left()).toEqual([])
    expect(events.map(({ level }) => level)).toEqual(['info', 'info'])
  })

  it('GTW-65 GTW-43 stay where their agent has revoked too fast, and the gateway does not start', async () => {
    leave('ok-1', 'overloaded-beyond')
    await expect(take()).rejects.toThrow('could not be stored (overloaded); start the gateway again')
    expect(left()).toEqual(['overloaded-beyond.ucan'])
  })

  it('GTW-65 stay for the next start where the clock may be wrong', async () => {
    leave('expired', 'not_yet_valid', 'ok-1')
    await take()
    expect(left()).toEqual(['expired.ucan', 'not_yet_valid.ucan'])
    expect(events.map(({ level }) => level)).toEqual(['warning', 'warning', 'info'])
    for (const { message } of events.slice(0, 2))
      expect(message).toMatch(/the clock of this machine may be wrong; if the clock is right, revoke again and remove/)
  })

  it('GTW-65 stay where gateway.json has other owners than the gateway acts for', async () => {
    leave('malformed', 'subject_not_accepted')
    await take(true)
    expect(left()).toEqual(['malformed.ucan.refused', 'subject_not_accepted.ucan'])
    expect(events.at(-1)?.message).toMatch(
      /it stays, because gateway\.json has other `subjects` .* the next reload takes it/,
    )
  })

  it('GTW-65 are taken behind one that cannot be read', async () => {
    leave('ok-1')
    symlinkSync('a.ucan', join(folder(), 'a.ucan'))
    writeFileSync(join(folder(), 'b.ucan'), '', { mode: 0o644 })
    await expect(take()).rejects.toThrow(/a\.ucan` cannot be used: it is a symbolic link/)
    expect(left()).toEqual(['a.ucan', 'b.ucan'])
  })

  it.each(['revocation_unknown', 'key_unresolved', 'closed', 'deadline_exceeded', 'internal_error'])(
    'GTW-65 stay where they are while one cannot be stored (%s), and the gateway does not start',
    async (code) => {
      leave(code, 'ok-zz')
      const failed = take()
      await expect(failed).rejects.toThrow(StoreError)
      await expect(failed).rejects.toThrow(`could not be stored (${code}); start the gateway again`)
      expect(left()).toEqual([`${code}.ucan`])
    },
  )

  it.each<[string, (text: string) => string]>([
    ['is empty', () => ''],
    ['is cut off', (text) => text.slice(0, -20)],
    ['has a changed character', (text) => `${text.slice(0, 40)}${text[40] === 'A' ? 'B' : 'A'}${text.slice(41)}`],
    ['has another revocation', () => made[1]?.container ?? ''],
    ['lacks the delegation', () => made[0]?.alone ?? ''],
  ])('GTW-65 stay where one of them %s, and the gateway does not start', async (_, damage) => {
    const [file = ''] = leave('ok-1')
    writeFileSync(file, damage(readFileSync(file, 'utf8').trim()))
    const failed = take()
    await expect(failed).rejects.toThrow(StoreError)
    await expect(failed).rejects.toThrow(/`.*bafy.*` is damaged; revoke again .* and remove this file/)
    expect(left()).toEqual(['ok-1.ucan'])
  })
})
