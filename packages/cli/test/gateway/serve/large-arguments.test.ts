import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newClients, textOf } from '../agent-side/connect/client.ts'
import { type GatewayHome, makeGatewayHome } from './gateway-home.ts'

const clients = newClients()
let home: GatewayHome

beforeEach(async () => {
  home = await makeGatewayHome()
})
afterEach(async () => {
  await clients.end()
  await home.remove()
})

describe('a call with large arguments', () => {
  it('has the arguments signed, and the policy decides about all of them [CON-05]', async () => {
    await home.open()
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/send', [['like', '.to', 'file *@example.com']])
    const { call } = await clients.open(agent.folder)
    for (const length of [70_000, 900_000]) {
      const to = `file ${'ü'.repeat(length / 2)}@example.com`
      expect(textOf(await call('send', { to }))).toBe(`sent to ${to}`)
    }
    const other = await call('send', { to: `file ${'x'.repeat(900_000)}@example.org` })
    expect(textOf(other).slice(0, 200)).toMatch(
      /^Denied \(policy_unsatisfied\): .*`\.to` must be a string that matches/,
    )
  })

  it('is refused beyond the bound of a call, with the bound [CON-05]', async () => {
    await home.open()
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    const { call } = await clients.open(agent.folder)
    expect(textOf(await call('send', { to: 'x'.repeat(1_048_576) }))).toMatch(
      /^Denied \(malformed\): `args` are too large for a token: .*1048576 bytes; send less at a time/,
    )
    expect(textOf(await call('send', { to: 'bob' }))).toBe('sent to bob')
  })
})
