import { type Command, type Delegation, delegate, never } from 'procura'
import { describe, expect, it } from 'vitest'
import { actor } from '../../../../../test/support/actors.ts'
import { endingSoon } from '../../../src/gateway/agent-side/ending-soon.ts'

const [owner, agent] = await Promise.all([actor('owner'), actor('agent')])
const begin = 1_800_000_000
const day = 86_400

function made(command: string, expiration: number | typeof never): Promise<Delegation> {
  const clock = { now: () => begin }
  return delegate({ issuer: owner, audience: agent.did, command: command as Command, expiration, clock })
}

describe('endingSoon', () => {
  it('reports a delegation from 7 days before its end on, and after it [WRP-56]', async () => {
    const all = [await made('/mcp/mail', begin + 30 * day)]
    const at = (days: number): unknown => endingSoon(all, begin + days * day)
    expect(at(0)).toEqual([])
    expect(at(22.99)).toEqual([])
    const one = { command: '/mcp/mail', expiration: begin + 30 * day }
    expect(at(23)).toEqual([{ ...one, state: 'soon' }])
    expect(at(30)).toEqual([{ ...one, state: 'soon' }])
    expect(at(31)).toEqual([{ ...one, state: 'ended' }])
    expect(at(130)).toEqual([{ ...one, state: 'ended' }])
  })

  it('takes the last of the delegations that cover a command, the first end first [WRP-56]', async () => {
    const mail = await made('/mcp/mail', begin + 3 * day)
    const send = await made('/mcp/mail/send', begin + day)
    const other = await made('/mcp/mailer', begin + 2 * day)
    const crm = await made('/http/crm', never)
    const commands = (all: readonly Delegation[]): unknown =>
      endingSoon(all, begin).map(({ command, expiration }) => [command, (expiration - begin) / day])
    expect(commands([mail, send, other, crm])).toEqual([
      ['/mcp/mailer', 2],
      ['/mcp/mail', 3],
      ['/mcp/mail/send', 3],
    ])
    expect(commands([send, await made('/mcp/mail', never)])).toEqual([])
    expect(commands([send, await made('/', begin + 40 * day)])).toEqual([])
    expect(commands([])).toEqual([])
  })

  it('looks at each delegation once, in a file that an agent has filled [WRP-56]', () => {
    const commands = Array.from({ length: 50_000 }, (_, at) => `/mcp/mail/t${at}` as Command)
    let reads = 0
    const all = commands.map((command) => ({
      get command() {
        reads += 1
        return command
      },
      expiration: begin,
    }))
    expect(endingSoon(all as unknown as readonly Delegation[], begin).length).toBe(commands.length)
    expect(reads).toBe(2 * commands.length)
  })
})
