import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readJsonlRecords } from 'procura/audit/jsonl'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Gateway, openGateway, readGatewayConfig } from '../../../src/index.ts'
import { newClients, textOf } from '../../gateway/agent-side/connect/client.ts'
import { mailServer } from '../../gateway/serve/gateway-home.ts'
import type { CliResult } from '../run-cli.ts'
import { type Machine, newMachine, wrapVerbs } from '../wrap/set-up.ts'

let machine: Machine
const gateways: Gateway[] = []
const clients = newClients()
const { wrap, unwrap } = wrapVerbs(() => machine)

beforeEach(() => {
  machine = newMachine()
})
afterEach(async () => {
  vi.useRealTimers()
  await clients.end()
  for (const gateway of gateways.splice(0)) await gateway.close()
  machine.remove()
})

const config = (): string => {
  const mail = { command: process.execPath, args: [mailServer], env: { MAIL_KEY: 'mk_live_7f3a9c5e1b' } }
  return machine.write('.claude.json', JSON.stringify({ mcpServers: { mail } }))
}
const could = (agent: string, at = 'now', ...words: readonly string[]): Promise<CliResult> =>
  machine.procura(['log', 'could', '--agent', agent, '--at', at, ...words])

async function open(): Promise<void> {
  gateways.push(await openGateway({ config: await readGatewayConfig(join(machine.home, 'gateway.json')) }))
}

describe('the ledger of a home folder', () => {
  it('has the delegations of `wrap` and `api add`, and their revocation ends them [LOG-22]', async () => {
    const path = config()
    expect((await wrap(path, '--policy', 'send: .to like *@example.com')).code).toBe(0)
    // The gateway runs, and has its log.
    await open()
    const added = await machine.procura(
      ['api', 'add', 'crm', 'https://crm.example', '--bearer', '--agent', 'claude', '--key-file', machine.keyFile],
      { typed: ['sk-live-canary'] },
    )
    expect(added.code, added.err).toBe(0)
    const { code, out, err } = await could('claude')
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^\/mcp\/mail\/send for the owner\n {2}where `\.to` is a string that ends with/m)
    expect(out).toMatch(/^\/http\/crm for the owner$/m)
    expect(out).not.toContain('canary')
    // They did not exist before they were issued.
    expect(await could('claude', 'yesterday')).toMatchObject({ code: 1, out: 'nothing, by the delegations on record' })
    const kinds: string[] = []
    for await (const { event } of readJsonlRecords({ directory: join(machine.home, 'ledger') })) kinds.push(event.kind)
    expect(kinds).toEqual(['issued', 'issued'])
    expect((await unwrap(path)).code).toBe(0)
    const later = await could('claude')
    expect(later.out).not.toContain('/mcp/mail')
    expect(later.out).toContain('/http/crm')
  })

  it('does not answer for an agent that has made calls by other delegations [LOG-23]', async () => {
    expect((await wrap(config())).code).toBe(0)
    await open()
    const { call } = await clients.open(join(machine.home, 'agents', 'claude'))
    expect(textOf(await call('send', { to: 'bob' }))).toBe('sent to bob')
    expect((await could('claude')).code).toBe(0)
    rmSync(join(machine.home, 'ledger'), { recursive: true })
    expect(await could('claude')).toMatchObject({
      ...{ code: 2, out: '' },
      err: expect.stringMatching(/made calls by 1 of its delegations that no ledger has, such as bafy/),
    })
    // Another delegation of the same agent is on record.
    const words = ['https://crm.example', '--bearer', '--agent', 'claude', '--key-file', machine.keyFile]
    expect((await machine.procura(['api', 'add', 'crm', ...words], { typed: ['sk-live-canary'] })).code).toBe(0)
    const part = await could('claude')
    expect([part.code, part.out.split('\n')[0]]).toEqual([0, '/http/crm for the owner'])
    expect(part.err).toMatch(
      /^warning: the agent has made calls by bafy\w+, which no ledger has; its authority is not listed$/,
    )
    const atLog = await machine.procura(['log', 'could', join(machine.home, 'log'), '--agent', 'claude', '--at', 'now'])
    expect(atLog).toMatchObject({ code: 2, out: '' })
  })

  it('has the delegations of `policy`, and not the former ones [LOG-22]', async () => {
    expect((await wrap(config(), '--policy', 'send: .to == bob')).code).toBe(0)
    const changed = await machine.procura(['policy', 'mail', '--policy', 'send: .to == ann'])
    expect(changed.code, changed.err).toBe(0)
    await open()
    const { out } = await could('claude')
    expect(out).toMatch(/where `\.to`.*ann/)
    expect(out).not.toContain('bob')
  })

  it('has both states of a change by `policy`, each at its time [LOG-39] [CLI-45]', async () => {
    /** Moves the clock of this process forward, in which the gateway runs too. */
    const wait = (seconds: number): void => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1_000 })
    }
    expect((await wrap(config(), '--policy', 'send: .to == bob')).code).toBe(0)
    wait(3_600)
    const changed = await machine.procura(['policy', 'mail', '--policy', 'send: .to == ann'])
    expect(changed.code, changed.err).toBe(0)
    await open()
    wait(3_600)
    const names = async (at: string): Promise<unknown> => {
      const { out } = await machine.procura(['log', 'could', '--agent', 'claude', at])
      return [...out.matchAll(/where `\.to` .*"(\w+)"/g)].map(([, name]) => name)
    }
    expect(await names('--at=now')).toEqual(['ann'])
    expect(await names('--at=-30m')).toEqual(['ann'])
    expect(await names('--at=-90m')).toEqual(['bob'])
    expect((await could('claude', 'yesterday')).code).toBe(1)
    expect((await could('claude', '-90m')).out).toContain('"bob"')
    expect((await could('claude', '-30m')).out).toContain('"ann"')
    expect(await could('claude', '-x')).toMatchObject({ code: 2, err: expect.stringContaining('such as --at=-2h') })
  })

  it('is read before the gateway has run [LOG-22]', async () => {
    expect((await wrap(config())).code).toBe(0)
    expect((await could('claude')).out).toMatch(/^\/mcp\/mail for the owner\n/)
    expect(await could('claude', 'now', '--json')).toMatchObject({
      code: 0,
      out: expect.stringContaining('"missing":[]'),
    })
  })
})
