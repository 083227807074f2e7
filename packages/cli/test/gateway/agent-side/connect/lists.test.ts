import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Message } from '../../../../src/gateway/agent-side/connect/answers.ts'
import { createOwnRequests } from '../../../../src/gateway/agent-side/connect/own-requests.ts'
import { createSeenServer, type SeenServer } from '../../../../src/gateway/agent-side/connect/seen-server.ts'

describe('the list of a server, asked for in the place of the client', () => {
  it('has an end where a server pages without one [CON-29]', async () => {
    const tools = [{ name: 'send', description: 'x'.repeat(4_000_000) }]
    let pages = 0
    const own = createOwnRequests(async ({ id }) => {
      pages += 1
      queueMicrotask(() => own.take({ id, result: { tools, nextCursor: String(pages) } } as Message))
    })
    await expect(own.tools()).rejects.toThrow('too large')
    expect(pages).toBe(3)
  })
})

describe('the list that a client was shown', () => {
  function seen(): SeenServer {
    return createSeenServer(newFolder(), 'mail')
  }
  function newFolder(): string {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'seen-')))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    return folder
  }
  const note = (server: SeenServer, params: object, result: object): Message =>
    server.note({ id: 1, method: 'tools/list', params }, { id: 1, result } as Message)

  it('ends with a cursor of null, and begins with one [CON-29] [CON-30]', () => {
    const server = seen()
    for (const _ of ['first', 'again']) {
      note(server, { cursor: null }, { tools: [{ name: 'a' }], nextCursor: 'b' })
      note(server, { cursor: 'b' }, { tools: [{ name: 'b' }], nextCursor: null })
      expect(server.hasList()).toBe(true)
      expect(server.differs([{ name: 'a' }, { name: 'b' }])).toBe(false)
    }
  })

  it('is not kept in memory where a server pages without an end [CON-30]', () => {
    const server = seen()
    const tools = [{ name: 'send', description: 'x'.repeat(4_000_000) }]
    note(server, {}, { tools, nextCursor: '1' })
    note(server, { cursor: '1' }, { tools, nextCursor: '2' })
    note(server, { cursor: '2' }, { tools, nextCursor: '3' })
    note(server, { cursor: '3' }, { tools: [] })
    expect(server.hasList()).toBe(false)
    note(server, {}, { tools: [{ name: 'a' }] })
    expect(server.differs([{ name: 'a' }])).toBe(false)
  })

  it('is no longer in a file when the delegations of the agent have been encrypted [CON-30]', async () => {
    const folder = newFolder()
    const initialize: Message = { id: 1, method: 'initialize', params: {} }
    const before = createSeenServer(folder, 'mail')
    before.note(initialize, { id: 1, result: { capabilities: {} } } as Message)
    note(before, {}, { tools: [{ name: 'a' }] })
    await before.saved()
    expect(await createSeenServer(folder, 'mail').answer(initialize)).toBeDefined()
    const after = createSeenServer(folder, 'mail')
    after.keepNothing()
    expect(await after.answer(initialize)).toBeUndefined()
    await after.saved()
    expect(existsSync(join(folder, 'seen', 'mail.json'))).toBe(false)
  })
})
