import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Delegation, delegate } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { openSignerFile } from 'procura/signer/file'
import { decodeDelegation } from 'procura/token'
import { revealCredentials } from 'procura/vault/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CliResult } from '../run-cli.ts'
import { type Machine, newMachine, wrapVerbs } from '../wrap/set-up.ts'

let machine: Machine
let config: string

const { wrap, unwrap } = wrapVerbs(() => machine)

// The folder makes it the same server in each file.
const mail = JSON.stringify({
  mcpServers: { mail: { command: 'node', args: ['/abs/mail.mjs'], cwd: '/x', env: { MAIL_KEY: 'canary-1' } } },
})

const policy = (...words: readonly string[]): Promise<CliResult> => machine.procura(['policy', ...words])

interface Held {
  readonly command: string
  readonly policy: unknown
  readonly expiration: unknown
  readonly cid: string
}

const storeOf = (agent: string): ReturnType<typeof fileDelegationStore> =>
  fileDelegationStore({ path: join(machine.home, 'agents', agent, 'delegations') })

async function held(agent = 'claude'): Promise<readonly Held[]> {
  const found = await Promise.all((await storeOf(agent).load({})).map((bytes) => decodeDelegation(bytes)))
  return found
    .map(({ cid, command, policy, expiration }) => ({
      ...{ command, policy: JSON.parse(JSON.stringify(policy)), expiration, cid: cid.toString() },
    }))
    .sort((one, other) => one.command.localeCompare(other.command))
}

const termsOf = (all: readonly Held[]): readonly (readonly [command: string, policy: unknown])[] =>
  all.map(({ command, policy }) => [command, policy] as const)

/** A delegation of the owner to the agent that is not on record. */
async function byOwner(command: string): Promise<Delegation> {
  const key = { keyFile: machine.keyFile }
  const { signer: issuer } = await openSignerFile({ path: join(machine.home, 'owner.key'), key })
  const [first] = await storeOf('claude').load({})
  const { audience } = await decodeDelegation(first as Uint8Array)
  return delegate({ issuer, audience, command: command as never, expiresIn: 900 })
}

/** The delegations whose revocation waits for the start of the gateway. */
function waiting(): number {
  return readdirSync(join(machine.home, 'revocations')).filter((name) => name.endsWith('.ucan')).length
}

/** The tools that the gateway saw last. */
function seen(...names: readonly string[]): void {
  mkdirSync(join(machine.home, 'tools'), { recursive: true, mode: 0o700 })
  const tools = names.map((name) => ({ name, inputSchema: { type: 'object' } }))
  writeFileSync(join(machine.home, 'tools', 'mail.seen.json'), JSON.stringify({ version: 1, tools }), { mode: 0o600 })
}

const like = (to: string): readonly unknown[] => ['like', '.to', to]

beforeEach(() => {
  machine = newMachine()
  config = machine.write('.mcp.json', mail)
})
afterEach(() => machine.remove())

describe('procura policy SERVER', () => {
  it('shows what each agent may do with the tools of the server, and until when [CLI-38]', async () => {
    await wrap(config, '--policy', 'send: .to like *@example.com')
    seen('send', 'list', 'readAll')
    const { code, out } = await policy('mail')
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(
        /^agent claude:\n {2}may call the tool send of mail, if\n {4}`\.to` is a string that ends with `"@example\.com"`\n {4}ends 20.*\n {2}cannot call: list, readAll$/,
      ),
    ])
    expect(JSON.parse((await policy('mail', '--json')).out)).toMatchObject({
      server: 'mail',
      agents: [{ name: 'claude', may: [{ command: '/mcp/mail/send' }], cannot: ['list', 'readAll'] }],
    })
  })

  it('names the server that was meant, and every server [CLI-38]', async () => {
    await wrap(config)
    expect(await policy('mial')).toMatchObject({ code: 2, err: expect.stringContaining('did you mean `mail`?') })
    expect(await policy('else')).toMatchObject({ code: 2, err: expect.stringContaining('it has `mail`') })
    expect(await policy('mail', '--agent', 'cloude')).toMatchObject({
      code: 2,
      err: expect.stringContaining('did you mean `claude`?'),
    })
    expect(await policy('mail', '--add')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--add needs --policy'),
    })
  })
})

describe('a change of a policy', () => {
  it('replaces the delegation of one tool by another one with the same end, and revokes it [WRP-50] [WRP-52]', async () => {
    await wrap(config, '--policy', 'send: .to like *@example.com', '--tools', 'list')
    const [list, send] = await held()
    const { code, out, err } = await policy('mail', '--policy', 'send: .to == bob@example.com')
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(
        /^agent claude, before:\n {2}may call the tool send of mail, if\n {4}`\.to` is a string that ends with.*\n.*\nagent claude, now:\n {2}may call the tool send of mail, if\n {4}`\.to` is `"bob@example\.com"`\n {4}ends /,
      ),
    ])
    expect(err).not.toContain('wider')
    expect(err).toContain('revoked 1 former delegation, with all that the agent has passed on from it')
    expect(err).toContain('a session that is open has this from its next call on; the gateway needs no reload')
    const now = await held()
    expect(now[0]).toEqual(list)
    expect(now[1]).toMatchObject({
      command: '/mcp/mail/send',
      policy: [['==', '.to', 'bob@example.com']],
      expiration: send?.expiration,
    })
    expect(now).toHaveLength(2)
    expect(waiting()).toBe(1)
    expect(machine.write('.mcp.json', readFileSync(config, 'utf8'))).toBe(config)
    expect((await unwrap(config)).err).toContain('revoked')
    expect(readFileSync(config, 'utf8')).toBe(mail)
    expect(await held()).toEqual([])
  })

  it('adds conditions with --add, and changes nothing where they are there [WRP-52]', async () => {
    await wrap(config, '--policy', 'send: .to like *@example.com')
    expect((await policy('mail', '--add', '--policy', 'send: .text == hi')).code).toBe(0)
    const both = [like('*@example.com'), ['==', '.text', 'hi']]
    expect(termsOf(await held())).toEqual([['/mcp/mail/send', both]])
    const before = await held()
    const again = await policy('mail', '--add', '--policy', 'send: .text == hi')
    expect([again.code, again.err]).toEqual([1, expect.stringContaining('nothing is changed')])
    expect(await held()).toEqual(before)
  })

  it('changes the policy of every tool by a star [WRP-52]', async () => {
    await wrap(config, '--policy', 'send: .to like *@example.com', '--tools', 'list')
    expect((await policy('mail', '--policy', '*: .n <= 3', '--policy', 'send: .to == bob')).code).toBe(0)
    expect(termsOf(await held())).toEqual([
      ['/mcp/mail/list', [['<=', '.n', 3]]],
      [
        '/mcp/mail/send',
        [
          ['<=', '.n', 3],
          ['==', '.to', 'bob'],
        ],
      ],
    ])
  })

  it('gives each other tool a delegation of its own where the agent may call every tool [WRP-52]', async () => {
    await wrap(config)
    const [whole] = await held()
    const unknown = await policy('mail', '--policy', 'send: .to == bob')
    expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('the gateway has not seen its tools yet')])
    expect(await held()).toEqual([whole])
    seen('send', 'list', 'readAll')
    const wrong = await policy('mail', '--policy', 'sned: .to == bob')
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('did you mean `send`?')])
    expect(await held()).toEqual([whole])
    const { code, out } = await policy('mail', '--policy', 'send: .to == bob')
    expect([code, out]).toEqual([0, expect.stringContaining('may call the tools list, readAll of mail')])
    expect(termsOf(await held())).toEqual([
      ['/mcp/mail/list', []],
      ['/mcp/mail/read-all', []],
      ['/mcp/mail/send', [['==', '.to', 'bob']]],
    ])
    for (const one of await held()) expect(one.expiration).toBe(whole?.expiration)
  })

  it('refuses to divide a limit among tools [WRP-52]', async () => {
    await wrap(config, '--policy', '*: max-uses 3')
    seen('send', 'list')
    const before = await held()
    const { code, err } = await policy('mail', '--policy', 'send: .to == bob')
    expect([code, err]).toEqual([2, expect.stringContaining('share a limit')])
    expect(await held()).toEqual(before)
    const all = await policy('mail', '--policy', '*: max-uses 2')
    expect([all.code, all.err]).toEqual([0, expect.stringContaining('counted from zero again')])
    expect(all.err).not.toContain('wider')
  })

  it('shows both policies with --dry-run, asks for nothing, and writes nothing [WRP-52]', async () => {
    await wrap(config, '--policy', 'send: .to like *@example.com')
    const before = [await held(), readFileSync(join(machine.home, 'vault'))]
    const { code, out, err } = await policy('mail', '--policy', 'send: .to == bob', '--dry-run')
    expect([code, out]).toEqual([0, expect.stringMatching(/before:[\s\S]*ends with[\s\S]*after:[\s\S]*is `"bob"`/)])
    expect(err).toContain('dry run: nothing is written')
    expect([await held(), readFileSync(join(machine.home, 'vault'))]).toEqual(before)
    expect(readdirSync(machine.home)).not.toContain('revocations')
  })

  it('says which conditions it lifts [WRP-53]', async () => {
    await wrap(config, '--policy', 'send: .to like *@example.com', '--policy', 'send: .n <= 5')
    const texts = ['--policy', 'send: .to like *', '--policy', 'send: .n <= 2']
    const { err } = await policy('mail', ...texts)
    expect(err).toContain('warning: this is wider than before; lifted:\n  `.to` is a string that ends with')
    expect(err).not.toContain('`.n`')
    expect(JSON.parse((await policy('mail', '--policy', 'send: .x == 1', '--json')).out).lifted).toHaveLength(2)
    expect((await policy('mail', '--policy', 'send: .x == 1', '--policy', 'send: .y == 1')).err).not.toContain('wider')
  })

  it('refuses an invalid condition before anything is asked for [CLI-38]', async () => {
    await wrap(config, '--policy', 'send: .to like *@example.com')
    const before = await held()
    for (const [text, fault] of [
      ['send', '--policy must be TOOL: STATEMENT'],
      ['send:', 'no statement'],
      ['send: to == bob', 'expected'],
      ['post/send: .to == bob', 'names a tool of `post`'],
      ['list: .to == bob', 'cannot call the tool `list` of mail; add it with `procura allow mail/list --agent claude`'],
    ] as const) {
      const { code, err } = await policy('mail', '--policy', text)
      expect([text, code, err]).toEqual([text, 2, expect.stringContaining(fault)])
    }
    expect(await held()).toEqual(before)
  })

  it('asks for the agent where two have the server, and leaves the other one alone [WRP-52]', async () => {
    await wrap(config, '--policy', 'send: .to like *@example.com')
    await wrap(machine.write('b/.mcp.json', mail), '--agent', 'second', '--tools', '*')
    const other = await held('second')
    const { code, err } = await policy('mail', '--policy', 'send: .to == bob')
    expect([code, err]).toEqual([
      2,
      expect.stringContaining('2 agents have `mail`; choose one with --agent: claude, second'),
    ])
    expect((await policy('mail', '--policy', 'send: .to == bob', '--agent', 'claude')).code).toBe(0)
    expect(termsOf(await held())).toEqual([['/mcp/mail/send', [['==', '.to', 'bob']]]])
    expect(await held('second')).toEqual(other)
  })

  it('never signs what the agent has put into its file [WRP-51]', async () => {
    await wrap(config, '--policy', 'send: .to like *@example.com')
    seen('send', 'list')
    // A delegation for every tool whose signature is not that of the owner.
    const { bytes } = await byOwner('/mcp/mail')
    const forged = bytes.map((byte, place) => (place === 40 ? byte ^ 1 : byte))
    await storeOf('claude').change({ add: new Map([['forged', forged]]), remove: [] }, {})
    expect((await policy('mail', '--policy', 'send: .to == bob')).code).toBe(0)
    expect(termsOf(await held()).filter(([command]) => command !== '/mcp/mail')).toEqual([
      ['/mcp/mail/send', [['==', '.to', 'bob']]],
    ])
  })

  it('refuses where a delegation that is not on record would make the policy void [WRP-51]', async () => {
    await wrap(config, '--policy', 'send: .to like *@example.com')
    for (const command of ['/mcp/mail/send', '/mcp/mail', '/mcp']) {
      const stray = await byOwner(command)
      const id = stray.cid.toString()
      await storeOf('claude').change({ add: new Map([[id, stray.bytes]]), remove: [] }, {})
      const before = await held()
      const { code, err } = await policy('mail', '--policy', 'send: .to == bob')
      expect([command, code, err]).toEqual([
        command,
        2,
        expect.stringContaining(`end it with \`procura revoke --agent claude --delegation ${id}\``),
      ])
      expect(await held()).toEqual(before)
      expect((await machine.procura(['revoke', '--agent', 'claude', '--delegation', id])).code).toBe(0)
    }
    expect((await policy('mail', '--policy', 'send: .to == bob')).code).toBe(0)
  })

  it('revokes a former delegation of the tool that is on record alone [WRP-51]', async () => {
    await wrap(config)
    await wrap(machine.write('b/.mcp.json', mail), '--tools', 'send')
    expect(termsOf(await held())).toEqual([['/mcp/mail/send', []]])
    const { code, err } = await policy('mail', '--policy', 'send: .to == bob')
    expect([code, err]).toEqual([0, expect.stringContaining('revoked 2 former delegations')])
    expect(waiting()).toBe(2)
    // The earlier authority does not come back with the second file.
    expect((await unwrap(join(machine.folder, 'b/.mcp.json'))).code).toBe(0)
    expect(termsOf(await held())).toEqual([['/mcp/mail/send', [['==', '.to', 'bob']]]])
  })

  it('shows no secret and no token [WRP-50]', async () => {
    await wrap(config, '--policy', 'send: .to like *@example.com')
    const { out, err } = await policy('mail', '--policy', 'send: .to == bob')
    const secrets = await revealCredentials({ path: join(machine.home, 'vault'), key: { keyFile: machine.keyFile } })
    for (const [, secret] of secrets) expect(out + err).not.toContain(secret.reveal())
  })
})

describe('procura allow SERVER/TOOL', () => {
  const allow = (...words: readonly string[]): Promise<CliResult> => machine.procura(['allow', ...words])

  it('adds a tool with its conditions, which ends with the others [CLI-39]', async () => {
    await wrap(config, '--policy', 'send: .to like *@example.com')
    const [send] = await held()
    for (const text of ['.n <= 3', 'list: .n <= 3', 'mail/list: .n <= 3']) {
      const dry = await allow('mail/list', '--policy', text, '--dry-run')
      expect([dry.code, dry.out]).toEqual([
        0,
        expect.stringContaining('agent claude, after:\n  may call the tool list'),
      ])
    }
    expect(await held()).toEqual([send])
    const { code, err } = await allow('mail/list', '--policy', '.n <= 3')
    expect([code, err]).toEqual([0, expect.stringContaining('a client shows the tool when it lists its tools again')])
    expect(err).not.toContain('revoked')
    const [list, still] = await held()
    expect([list?.command, list?.policy, list?.expiration]).toEqual([
      '/mcp/mail/list',
      [['<=', '.n', 3]],
      send?.expiration,
    ])
    expect(still).toEqual(send)
    expect((await unwrap(config)).code).toBe(0)
    expect(await held()).toEqual([])
    expect(readFileSync(config, 'utf8')).toBe(mail)
  })

  it('refuses a tool that does not exist, that may be called already, or is not one tool [CLI-39]', async () => {
    await wrap(config, '--policy', 'send: .to like *@example.com')
    seen('send', 'list')
    const before = await held()
    for (const [tool, fault] of [
      ['mail/lsit', 'did you mean `list`?'],
      ['mail/other', 'it has `send`, `list`'],
      ['mail/send', 'already; see its conditions with `procura policy mail --agent claude`'],
      ['mail/*', 'write SERVER/TOOL for one tool'],
      ['list', 'write SERVER/TOOL for one tool'],
      ['mial/list', 'did you mean `mail`?'],
    ] as const) {
      const { code, err } = await allow(tool)
      expect([tool, code, err]).toEqual([tool, 2, expect.stringContaining(fault)])
    }
    expect((await allow('mail/list', '--policy', 'to == bob')).code).toBe(2)
    expect(await held()).toEqual(before)
  })
})
