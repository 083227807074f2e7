import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Delegation, delegate } from 'procura'
import { type FileVault, openFileVault } from 'procura/vault/file'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Never, never, systemClock } from '../../../../../src/time.ts'
import { actor } from '../../../../../test/support/actors.ts'
import {
  allOf,
  forgetIssued,
  type IssuedPlace,
  issuedTo,
  noteIssued,
  openIssued,
  recordedAgents,
} from '../../../src/cli/home/issued.ts'

const [owner, agent] = [await actor('owner'), await actor('agent')]
const key = { bytes: new Uint8Array(32).fill(5) }
const now = systemClock.now()
let folder: string
let path: string
let vault: FileVault

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-issued-'))
  path = join(folder, 'vault')
  vault = await openFileVault({ path, key, create: true })
  await vault.put('mail', { secret: 'x', leasable: true, commands: ['/mail'] })
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true })
})

const grant = (command: string, expiration: number | Never = now + 600): Promise<Delegation> =>
  delegate({ issuer: owner, audience: agent.did, command: command as never, expiration })
const cids = (all: readonly Delegation[]): string[] => all.map(({ cid }) => cid.toString())
/** The delegations that another process finds in the vault. */
const found = async (name: string): Promise<string[]> => cids(await issuedTo(await openIssued(path, key), name))
const atTime = (time: number): void => void vi.spyOn(Date, 'now').mockReturnValue(time * 1_000)

describe('the record of the delegations that were issued to an agent', () => {
  it('has each of several runs, for each agent alone [WRP-32]', async () => {
    const [first, second, third, other] = await Promise.all(['/a', '/b', '/c', '/d'].map((one) => grant(one)))
    const place = await openIssued(path, key)
    await noteIssued(place, 'claude', [first as Delegation, second as Delegation])
    await noteIssued(place, 'claude', [third as Delegation])
    await noteIssued(await openIssued(path, key), 'codex', [other as Delegation])
    const all = cids([first, second, third] as Delegation[])
    expect(cids(await issuedTo(place, 'claude'))).toEqual(all)
    expect([await found('claude'), await found('codex'), await found('laude')]).toEqual([
      all,
      cids([other as Delegation]),
      [],
    ])
    expect(recordedAgents(place)).toEqual(['claude'])
    expect(recordedAgents(await openIssued(path, key))).toEqual(['claude', 'codex'])
  })

  it('keeps those that were not revoked, and ends with the last one [WRP-32]', async () => {
    const [first, second] = await Promise.all([grant('/a'), grant('/b', never)])
    const place = await openIssued(path, key)
    await noteIssued(place, 'claude', [first, second])
    await forgetIssued(place, 'claude', [first])
    expect([cids(await issuedTo(place, 'claude')), await found('claude')]).toEqual([cids([second]), cids([second])])
    await forgetIssued(place, 'claude', [])
    await forgetIssued(place, 'codex', [second])
    expect(await found('claude')).toEqual(cids([second]))
    await forgetIssued(place, 'claude', [second])
    expect([await issuedTo(place, 'claude'), recordedAgents(place)]).toEqual([[], []])
    expect((await openFileVault({ path, key })).references).toEqual(['mail'])
  })

  it('keeps a delegation for 300 seconds after its end, because clocks differ [WRP-32]', async () => {
    const [short, long] = await Promise.all([grant('/a', now + 10), grant('/b', never)])
    const place = await openIssued(path, key)
    await noteIssued(place, 'claude', [short, long])
    atTime(now + 310)
    expect(await found('claude')).toEqual(cids([short, long]))
    atTime(now + 311)
    expect(await found('claude')).toEqual(cids([long]))
  })

  it('is written before the agent has a delegation, and not at all for none [WRP-32]', async () => {
    const writes: string[] = []
    const failing: IssuedPlace = {
      vault: {
        put: async (name: string) => {
          writes.push(name)
          throw new Error('no disk')
        },
        remove: async (name: string) => void writes.push(name) as never,
      },
      secrets: new Map(),
    }
    await noteIssued(failing, 'claude', [])
    await forgetIssued(failing, 'claude', [await grant('/b')])
    expect(writes).toEqual([])
    await expect(noteIssued(failing, 'claude', [await grant('/a')])).rejects.toThrow('no disk')
    expect([writes, failing.secrets.size]).toEqual([['procura-wrap/issued-claude'], 0])
  })

  it('is permitted to no command of a tool', async () => {
    await noteIssued(await openIssued(path, key), 'claude', [await grant('/a')])
    const record = (await vault.list()).find(({ name }) => name === 'procura-wrap/issued-claude')
    expect(record?.rules).toMatchObject({ commands: ['/procura/wrap'], leasable: true })
  })

  it('of a later version is refused', async () => {
    await vault.put('procura-wrap/issued-claude', {
      secret: '{"version":2}',
      leasable: true,
      commands: ['/procura/wrap'],
    })
    await expect(found('claude')).rejects.toThrow('of a later version of procura; update procura')
  })

  it('of a vault that is missing is empty, and cannot be written', async () => {
    const place = await openIssued(join(folder, 'missing'), key)
    expect([await issuedTo(place, 'claude'), recordedAgents(place)]).toEqual([[], []])
    await forgetIssued(place, 'claude', [await grant('/a')])
    await expect(noteIssued(place, 'claude', [await grant('/a')])).rejects.toThrow('restore it from a backup')
    await expect(noteIssued({ ...place, secrets: new Map() }, 'claude', [await grant('/a')])).rejects.toThrow('vault')
  })

  it('is joined with the delegations of a file, each once', async () => {
    const [first, second] = await Promise.all([grant('/a'), grant('/b')])
    expect(cids(allOf([first], [second, first], [], [second]))).toEqual(cids([first, second]))
  })
})
