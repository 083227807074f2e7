import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileDelegationStore } from 'procura/agent/file'
import { decodeDelegation } from 'procura/token'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

let machine: Machine
let first: string

const { wrap, unwrap } = wrapVerbs(() => machine)

const mail = (cwd?: string): string =>
  JSON.stringify({
    mcpServers: {
      mail: { command: 'node', args: ['/abs/mail.mjs'], env: { MAIL_KEY: 'canary-1' }, ...(cwd && { cwd }) },
    },
  })

const narrow = [{ command: '/mcp/mail/send', policy: [['like', '.to', '*@example.com']] }]

interface Held {
  readonly command: string
  readonly policy: unknown
}

async function held(agent = 'claude'): Promise<readonly Held[]> {
  const store = fileDelegationStore({ path: join(machine.home, 'agents', agent, 'delegations') })
  const found = await Promise.all((await store.load({})).map((bytes) => decodeDelegation(bytes)))
  return found
    .map(({ command, policy }) => ({ command, policy: JSON.parse(JSON.stringify(policy)) }))
    .sort((one, other) => one.command.localeCompare(other.command))
}

function servers(): Record<string, Record<string, unknown>> {
  return JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8')).servers
}

beforeEach(async () => {
  machine = newMachine()
  first = machine.write('a/.mcp.json', mail('/x'))
})
afterEach(() => machine.remove())

describe('a second `wrap` of the same server', () => {
  for (const words of [[], ['--dry-run']])
    it(`keeps the policy of the first one, and prints it ${words.join('')} [WRP-38]`, async () => {
      expect((await wrap(first, '--policy', 'send: .to like *@example.com')).code).toBe(0)
      const { code, err } = await wrap(machine.write('b/.mcp.json', mail('/x')), ...words)
      expect([code, err]).toEqual([0, expect.stringContaining('the agent keeps its delegations for mail')])
      expect(err).toContain('may call the tool send of mail, if')
      expect(err).toContain('to lift or change it')
      expect(err).not.toContain('may call every tool')
      expect(await held()).toEqual(narrow)
      expect(Object.keys(servers())).toEqual(['mail'])
    })

  it('keeps approvals and paths of the server, and adds those of the run [WRP-38]', async () => {
    await wrap(first, '--approve', 'send', '--paths', 'path')
    const { code } = await wrap(machine.write('b/.mcp.json', mail('/x')), '--approve', 'list', '--paths', 'file')
    expect(code).toBe(0)
    expect(servers()).toMatchObject({ mail: { approvals: { send: {}, list: {} }, paths: ['path', 'file'] } })
    expect(Object.keys(servers())).toEqual(['mail'])
    expect((await wrap(machine.write('c/.mcp.json', mail('/x')))).code).toBe(0)
    expect(Object.keys(servers())).toEqual(['mail'])
  })

  for (const words of [[], ['--dry-run']])
    it(`refuses a tool that the server does not have, and names the one that was meant ${words.join('')} [WRP-84]`, async () => {
      await wrap(first, '--policy', 'send: .to like *@example.com')
      mkdirSync(join(machine.home, 'tools'), { recursive: true, mode: 0o700 })
      const tools = ['send', 'list', 'x\u001b[2J'].map((name) => ({ name }))
      const seen = JSON.stringify({ version: 1, tools })
      writeFileSync(join(machine.home, 'tools', 'mail.seen.json'), seen, { mode: 0o600 })
      const second = machine.write('b/.mcp.json', mail('/x'))
      const tries: readonly (readonly [string, string])[] = [
        ['--tools', 'snd'],
        ['--policy', 'snd: .to like *@example.com'],
        ['--approve', 'mail/snd'],
      ]
      for (const given of tries) {
        const { code, err } = await wrap(second, ...given, ...words)
        expect([code, err]).toEqual([2, expect.stringContaining('mail has no tool `snd`; did you mean `send`?')])
      }
      const { code, err } = await wrap(second, '--tools', 'remove', ...words)
      expect([code, err]).toEqual([2, expect.stringContaining('it has `send`, `list`, `x\\u001b[2J`')])
      expect(readFileSync(second, 'utf8')).toBe(mail('/x'))
      expect(await held()).toEqual(narrow)
      expect((await wrap(second, '--tools', 'list', '--approve', '*', ...words)).code).toBe(0)
      // The list of a server that the gateway does not have is of another one.
      const other = {
        mcpServers: { mail: { command: 'node', args: ['/abs/other.mjs'], env: { MAIL_KEY: 'canary-2' } } },
      }
      const third = machine.write('c/.mcp.json', JSON.stringify(other))
      expect((await wrap(third, '--tools', 'remove', ...words)).code).toBe(0)
    })

  it('lifts the policy where the tools are named, says so, and `unwrap` gives it back [WRP-38]', async () => {
    await wrap(first, '--policy', 'send: .to like *@example.com')
    const second = machine.write('b/.mcp.json', mail('/x'))
    const { code, err } = await wrap(second, '--tools', '*')
    expect([code, err]).toEqual([0, expect.stringContaining('may call every tool of mail')])
    expect(err).toContain('the agent loses a delegation: may call the tool send of mail, if')
    expect(await held()).toEqual([{ command: '/mcp/mail', policy: [] }])
    const back = await unwrap(second)
    expect([back.code, back.err]).toEqual([
      0,
      expect.stringContaining('the agent has its earlier delegation again: may call the tool send of mail, if'),
    ])
    expect(back.err).toContain('revoked 1 delegation of the agent claude')
    expect(await held()).toEqual(narrow)
    expect((await unwrap(first)).code).toBe(0)
    expect(await held()).toEqual([])
  })

  it('gives nothing back where a later run has changed the delegation [WRP-38]', async () => {
    await wrap(first, '--policy', 'send: .to like *@example.com')
    const second = machine.write('b/.mcp.json', mail('/x'))
    await wrap(second, '--tools', '*')
    await wrap(machine.write('c/.mcp.json', mail('/x')), '--tools', 'list')
    expect((await unwrap(second)).code).toBe(0)
    expect(await held()).toEqual([{ command: '/mcp/mail/list', policy: [] }])
  })

  it('asks for the tools where the limited delegation is not in the file of the agent [WRP-38]', async () => {
    await wrap(first, '--policy', 'send: .to like *@example.com')
    const store = fileDelegationStore({ path: join(machine.home, 'agents', 'claude', 'delegations') })
    const [bytes] = await store.load({})
    const { cid } = await decodeDelegation(bytes as Uint8Array)
    await store.change({ add: new Map(), remove: [cid.toString()] }, {})
    const second = machine.write('b/.mcp.json', mail('/x'))
    const { code, err } = await wrap(second)
    expect([code, err]).toEqual([2, expect.stringContaining('had a limited delegation for mail')])
    expect(readFileSync(second, 'utf8')).toBe(mail('/x'))
    expect(await held()).toEqual([])
  })

  it('asks for the tools where the same program and key is behind the gateway with limits under another name [WRP-38]', async () => {
    await wrap(first, '--policy', 'send: .to like *@example.com')
    const second = machine.write('b/.mcp.json', mail('/y'))
    for (const words of [[], ['--dry-run']]) {
      const { code, err } = await wrap(second, ...words)
      expect([code, err]).toEqual([
        2,
        expect.stringContaining('the same program with the same key is behind the gateway as mail'),
      ])
      expect(err).toContain("--tools '*'")
    }
    expect(readFileSync(second, 'utf8')).toBe(mail('/y'))
    const { code, err } = await wrap(second, '--tools', 'send')
    expect([code, err]).toEqual([
      0,
      expect.stringContaining('the same program with the same key is behind the gateway as mail'),
    ])
    expect(Object.keys(servers())).toEqual(['mail', 'mail-2'])
    // A server with another key is another one.
    const other = machine.write('c/.mcp.json', mail('/z').replace('canary-1', 'canary-2'))
    expect(await wrap(other)).toMatchObject({ code: 0, err: expect.not.stringContaining('the same program') })
  })

  it('asks for the tools where the other name has approvals [WRP-38]', async () => {
    await wrap(first, '--approve', 'send')
    const second = machine.write('b/.mcp.json', mail('/y'))
    expect((await wrap(second)).code).toBe(2)
    expect((await wrap(second, '--approve', 'send')).code).toBe(0)
  })
})
