import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

let machine: Machine
const { wrap, unwrap } = wrapVerbs(() => machine)

beforeEach(() => {
  machine = newMachine()
})
afterEach(() => machine.remove())

const mail = { command: 'node', args: ['server.mjs'], env: { MAIL_KEY: 'mk_live_7f3a9c5e1b' } }
const config = (): string => machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail } }))
const path = (): string => join(machine.home, 'gateway.json')
const shown = (): unknown => JSON.parse(readFileSync(path(), 'utf8')).servers.mail.show

describe('the arguments that the log has after `wrap`', () => {
  it('are those that the policy of a tool names, without secrets [WRP-78]', async () => {
    const policies = [
      'send: .to like *@example.com and (.cc == a or not .text == b)',
      'send: .apiToken == x',
      '*: max-sum .cents 5.00',
    ]
    const { code, err } = await wrap(config(), ...policies.flatMap((one) => ['--policy', one]))
    expect(code, err).toBe(0)
    expect(shown()).toEqual({ send: ['cents', 'to', 'cc', 'text'] })
    expect(err).toContain('the log has .cents, .to, .cc, .text of calls of send of mail\n')
  })

  it('are none without a policy, and are not written by a dry run [WRP-78]', async () => {
    const { err } = await wrap(config(), '--dry-run', '--policy', '*: .to == bob')
    expect(err).toContain('the log has .to of calls of every tool of mail')
    expect((await wrap(config())).code).toBe(0)
    expect(shown()).toBeUndefined()
  })

  it('stay those that the owner has written, and an empty list stays empty [WRP-78]', async () => {
    const policy = ['--policy', 'send: .to == bob', '--policy', 'list: .folder == inbox']
    const file = machine.write('.claude.json', JSON.stringify({ mcpServers: { mail } }))
    expect((await wrap(file, ...policy)).code).toBe(0)
    const gateway = JSON.parse(readFileSync(path(), 'utf8'))
    gateway.servers.mail.show = { send: ['subject'], list: [] }
    writeFileSync(path(), JSON.stringify(gateway))
    const other = machine.write('.cursor/mcp.json', JSON.stringify({ mcpServers: { mail } }))
    const { code, err } = await wrap(other, ...policy, '--tools', '*')
    expect(code, err).toBe(0)
    const servers = Object.values(JSON.parse(readFileSync(path(), 'utf8')).servers) as { readonly show?: object }[]
    expect(servers.map(({ show }) => show)).toContainEqual({ send: ['subject', 'to'], list: [] })
    expect((await unwrap(other)).code).toBe(0)
  })
})
