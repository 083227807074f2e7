import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { until } from '../../../../../test/support/until.ts'
import { warnOfEnds } from '../../../src/cli/gateway/warn-of-ends.ts'
import type { GatewayEvent } from '../../../src/gateway/serve/events.ts'
import { type GatewayHome, makeGatewayHome } from '../../gateway/serve/gateway-home.ts'

const day = 86_400_000
let home: GatewayHome
let events: GatewayEvent[]
let stop: () => void

beforeEach(async () => {
  home = await makeGatewayHome()
  events = []
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] })
})
afterEach(async () => {
  stop()
  vi.useRealTimers()
  await home.remove()
})

async function start(): Promise<void> {
  const host = { env: {}, complain: () => undefined, isTerminal: false } as never
  stop = await warnOfEnds(home.folder, { home: home.folder }, host, (event) => void events.push(event))
}

/** Moves the clock by whole hours, and lets each look at the files end. */
async function wait(hours: number): Promise<void> {
  for (let hour = 0; hour < hours; hour++) {
    await vi.advanceTimersByTimeAsync(3_600_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('warnOfEnds', () => {
  it('warns at once, and then once a day, also after a sleep of the machine [GTW-96]', async () => {
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail', [], 6 * 86_400)
    await start()
    const one = { level: 'warning', event: 'delegation_ends', message: expect.stringContaining('ends 20') }
    expect(events).toEqual([one])
    await wait(23)
    expect(events.length).toBe(1)
    await wait(2)
    await until(() => events.length > 1)
    expect(events.length).toBe(2)
    vi.setSystemTime(Date.now() + 6 * day)
    await wait(1)
    await until(() => events.length > 2)
    expect(events.length).toBe(3)
    expect(events[2]?.message).toContain(' ended 20')
    stop()
    vi.setSystemTime(Date.now() + 6 * day)
    await wait(2)
    expect(events.length).toBe(3)
  })

  it('says nothing while no delegation ends soon, and names a bounded number of them [GTW-96]', async () => {
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail', [], 30 * 86_400)
    await start()
    expect(events).toEqual([])
    for (const tool of ['a', 'b', 'c', 'd', 'e', 'f']) await agent.give(home.owner, `/mcp/crm/${tool}`, [], 86_400)
    await wait(25)
    await until(() => events.length > 0)
    expect(events.length).toBe(1)
    expect(events[0]?.message).toMatch(/^(?:[^,]*,){4} and 2 more; `procura renew --home /)
    expect(events[0]?.message).not.toContain('\n')
  })
})
