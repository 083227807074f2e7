import fs from 'node:fs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connectClient } from '../agent-side/connect/client.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from './gateway-home.ts'

/** The sync of the file that has the state; it ends when the test lets it. */
const disk = {
  logs: new Set<number>(),
  waiting: [] as (() => void)[],
  error: undefined as Error | undefined,
  isSlow: false,
}

/** A busy disk takes its time for the syncs before. */
const patience = { timeout: 20_000 }

let home: GatewayHome

beforeEach(async () => {
  home = await makeGatewayHome()
  Object.assign(disk, { logs: new Set(), waiting: [], error: undefined, isSlow: false })
  const { openSync, fdatasync } = fs
  vi.spyOn(fs, 'openSync').mockImplementation((...given) => {
    const file = openSync(...given)
    if (String(given[0]).endsWith('state.db-wal')) disk.logs.add(file)
    return file
  })
  vi.spyOn(fs, 'fdatasync').mockImplementation((file, done) => {
    if (!disk.logs.has(file) || !disk.isSlow) return fdatasync(file, done)
    disk.waiting.push(() => done(disk.error ?? null))
  })
})

afterEach(async () => {
  vi.restoreAllMocks()
  await home.remove()
})

describe('a call whose claim is not on the disk', () => {
  it('does not reach the server, although its intent is on record [GTW-17]', async () => {
    await home.open()
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/send')
    const mail = connectClient(agent.folder)
    await mail.initialize()
    disk.isSlow = true
    const call = mail.call('send', { to: 'bob' })
    await vi.waitFor(
      async () => expect((await home.records()).at(-1)).toMatchObject({ kind: 'intent', command: '/mcp/mail/send' }),
      patience,
    )
    await vi.waitFor(() => expect(disk.waiting).toHaveLength(1), patience)
    expect(callsIn(home.folder)).toEqual([])
    disk.isSlow = false
    disk.waiting[0]?.()
    expect(JSON.stringify(await call)).toContain('sent to bob')
    expect(callsIn(home.folder)).toHaveLength(1)
  })

  it('is refused when the sync fails, and so is every further call [GTW-17]', async () => {
    const gateway = await home.open()
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/send')
    const mail = connectClient(agent.folder)
    await mail.initialize()
    Object.assign(disk, { isSlow: true, error: new Error('EIO') })
    const call = mail.call('send', { to: 'bob' })
    await vi.waitFor(() => expect(disk.waiting).toHaveLength(1), patience)
    disk.waiting[0]?.()
    expect(JSON.stringify(await call)).toContain('Denied (audit_unavailable)')
    Object.assign(disk, { isSlow: false, error: undefined })
    expect(JSON.stringify(await mail.call('send', { to: 'eve' }))).toContain('Denied (replay_unknown)')
    expect((await gateway.health()).healthy).toBe(false)
    expect(callsIn(home.folder)).toEqual([])
  })
})
