import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

let machine: Machine
const { wrap } = wrapVerbs(() => machine)

beforeEach(() => {
  machine = newMachine()
})
afterEach(() => machine.remove())

const server = (name: string): object => ({
  command: 'node',
  args: [`${name}.mjs`],
  env: { KEY: `mk_live_${name}7f3a9c` },
})
const config = (...names: readonly string[]): string =>
  machine.write(
    '.mcp.json',
    JSON.stringify({ mcpServers: Object.fromEntries(names.map((name) => [name, server(name)])) }),
  )
const path = (): string => join(machine.home, 'gateway.json')
const trusted = (): object =>
  Object.fromEntries(
    Object.entries(
      JSON.parse(readFileSync(path(), 'utf8')).servers as Record<string, { acceptDescriptions?: true }>,
    ).map(([name, { acceptDescriptions }]) => [name, acceptDescriptions]),
  )

describe('`wrap --accept-descriptions`', () => {
  it('is written for the server that was chosen, and for no other [WRP-75]', async () => {
    const file = config('mail', 'notes')
    const { code, err } = await wrap(file, '--server', 'mail', '--accept-descriptions')
    expect(code, err).toBe(0)
    expect(err).toContain('new titles and descriptions of the tools of mail are accepted by themselves')
    expect((await wrap(file)).code).toBe(0)
    expect(trusted()).toEqual({ mail: true, notes: undefined })
  })

  it('is refused for several servers, before anything is written [WRP-75]', async () => {
    const { code, err } = await wrap(config('mail', 'notes'), '--accept-descriptions')
    expect([code, err]).toEqual([
      2,
      expect.stringContaining('--accept-descriptions is for one server; choose it with --server'),
    ])
    expect(existsSync(path())).toBe(false)
  })

  it('says how to set it where the server is wrapped already [WRP-75]', async () => {
    const file = config('mail')
    expect((await wrap(file)).code).toBe(0)
    const { code, err } = await wrap(file, '--accept-descriptions')
    expect(code).toBe(1)
    expect(err).toContain('`acceptDescriptions`, edit the server in gateway.json, and run `procura reload`')
    expect(trusted()).toEqual({ mail: undefined })
  })
})

describe('`wrap --allow`', () => {
  it('is written for one server, and the plan says what passes and what does not [WRP-76] [WRP-77]', async () => {
    const file = config('mail', 'notes')
    const { code, err } = await wrap(file, '--server', 'mail', '--allow', 'resources', '--allow', 'prompts')
    expect(code, err).toBe(0)
    expect(JSON.parse(readFileSync(path(), 'utf8')).servers.mail.allow).toEqual(['resources', 'prompts'])
    expect(err).toContain('resources, prompts of mail pass, unguarded, for every process that can connect')
    expect(err).not.toContain('only the tools of mail')
    const { err: second } = await wrap(file, '--dry-run')
    expect(second).toContain(
      'only the tools of notes pass: not its resources and prompts, which `--server notes --allow resources` lets pass, and not the folders (roots) of the client',
    )
    expect(second).toContain('notes gets no variable of the client beside those of the entry: add SSH_AUTH_SOCK')
  })

  it('is refused for several servers, and for what the gateway does not know [WRP-76]', async () => {
    const file = config('mail', 'notes')
    const { code, err } = await wrap(file, '--allow', 'resources')
    expect([code, err]).toEqual([2, expect.stringContaining('--allow is for one server; choose it with --server')])
    expect(existsSync(path())).toBe(false)
    expect((await wrap(file, '--server', 'mail', '--allow', 'roots')).code).toBe(2)
  })
})

describe('a server of HTTP+SSE', () => {
  it('goes behind the gateway by its type, or without a type by its path [GTW-49]', async () => {
    const headers = { Authorization: 'Bearer mk_live_7f3a9c5e1b' }
    const url = 'https://mcp.example.com/sse'
    const file = machine.write(
      '.cursor/mcp.json',
      JSON.stringify({
        mcpServers: {
          typed: { type: 'sse', url: 'https://mcp.example.com/events', headers },
          untyped: { url, headers: { ...headers, 'X-Team': 'b' } },
          http: { type: 'http', url, headers: { ...headers, 'X-Team': 'c' } },
        },
      }),
    )
    const { code, err } = await wrap(file)
    expect(code, err).toBe(0)
    const { servers } = JSON.parse(readFileSync(path(), 'utf8'))
    expect([servers.typed.transport, servers.untyped.transport, servers.http.transport]).toEqual([
      'sse',
      'sse',
      undefined,
    ])
  })
})
