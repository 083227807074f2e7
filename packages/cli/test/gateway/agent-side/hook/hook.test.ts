import { chmod, link, lstat, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'jsonc-parser'
import { ArgumentError, StoreError } from 'procura/errors'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { actor } from '../../../../../../test/support/actors.ts'
import { answerHook } from '../../../../src/gateway/agent-side/hook/answer-hook.ts'
import { runCli } from '../../../cli/run-cli.ts'
import { type AgentHome, makeAgentHome } from '../connect/agent-home.ts'

const [owner, service] = await Promise.all([actor('owner'), actor('service')])
let home: string
let agent: AgentHome

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'procura-hook-'))
  const place = { socket: join(home, 'gateway.sock') }
  agent = await makeAgentHome(join(home, 'agents', 'assistant'), place, { audience: service.did, subject: owner.did })
  await agent.give(owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
  await agent.give(owner, '/mcp/git-hub')
})
afterAll(() => rm(home, { recursive: true }))

/** The input of a hook, as Claude Code writes it. */
function inputOf(tool: unknown, args: unknown, more: object = {}): string {
  const common = { session_id: 's', cwd: '/', tool_use_id: 'toolu_1', hook_event_name: 'PreToolUse' }
  return JSON.stringify({ ...common, tool_name: tool, tool_input: args, ...more })
}

function ask(input: string, more: object = {}): Promise<string | undefined> {
  return answerHook(input, { agent: agent.folder, servers: ['mail', 'Git Hub=git-hub'], ...more }).then(
    (refusal) => refusal?.hookSpecificOutput.permissionDecisionReason,
  )
}

describe('a hook', () => {
  it('HKS-02 refuses what the delegations do not permit, with the argument and what would be allowed', async () => {
    expect(await ask(inputOf('mcp__mail__send', { to: 'bob@example.com' }))).toBeUndefined()
    const refused = await answerHook(inputOf('mcp__mail__send', { to: 'eve@evil.example' }), {
      agent: agent.folder,
      servers: ['mail'],
    })
    expect(refused).toEqual({
      hookSpecificOutput: {
        hookEventName: 'PreToolUse',
        permissionDecision: 'deny',
        permissionDecisionReason: expect.stringMatching(
          /^Denied by procura: delegation 1 of 1: .*`\.to` must be a string that matches `\*@example\.com`.*\. Change the arguments, or ask/,
        ),
      },
    })
    expect(await ask(inputOf('mcp__mail__read', {}))).toMatch(/covers only `\/mcp\/mail\/send`/)
    expect(await ask(inputOf('mcp__Git_Hub__createIssue', { a: [1] }))).toBeUndefined()
    expect(await ask(inputOf('mcp__mail__send', { to: 'eve@evil.example' }), { passApprovable: true })).toBeUndefined()
    expect(await ask(inputOf('mcp__mail__read', {}), { passApprovable: true })).toBeUndefined()
  })

  it('HKS-02 leaves tools of other servers and of the client alone', async () => {
    for (const tool of ['Bash', 'mcp__other__send', 'mcp__mailer__send', 'MCP__mail__send', 'mcp__git-hub__x', 'mail'])
      expect.soft(await ask(inputOf(tool, 'any'))).toBeUndefined()
  })

  it('HKS-01 HKS-02 refuses a name without a tool, and a name that two servers could have', async () => {
    for (const tool of ['mcp__mail', 'mcp__mail__'])
      expect.soft(await ask(inputOf(tool, {}))).toBe('Denied by procura: the name of the tool is missing')
    const servers = ['git-hub', 'git-hub__x=mail']
    expect(await ask(inputOf('mcp__git-hub__y', {}), { servers })).toBeUndefined()
    expect(await ask(inputOf('mcp__git-hub__x__y', {}), { servers })).toMatch(/^Denied by procura/)
  })

  it('HKS-01 an input of another form is an error', async () => {
    const wrong = [
      ...['', '{', 'null', '[]', '5', '"PreToolUse"'],
      inputOf('mcp__mail__send', {}, { hook_event_name: 'PostToolUse' }),
      inputOf('mcp__mail__send', {}, { hook_event_name: undefined }),
      ...[undefined, null, 5, '', {}, ['mcp__mail__send']].map((tool) => inputOf(tool, {})),
      ...[undefined, null, 5, 'x', [], [{}]].map((args) => inputOf('mcp__mail__send', args)),
    ]
    for (const input of wrong) await expect.soft(ask(input), input).rejects.toThrow(ArgumentError)
    for (const servers of [[], ['Mail'], ['=mail'], ['mail='], 'mail', [5]])
      await expect.soft(ask(inputOf('Bash', {}), { servers }), String(servers)).rejects.toThrow(ArgumentError)
  })

  it('HKS-03 needs no key: an encrypted one is not opened', async () => {
    const locked = join(home, 'agents', 'locked')
    const given = await runCli(['agent', 'new', 'locked', '--home', home, '--like', 'assistant', '--encrypt'], '', {
      PROCURA_KEY_PASSPHRASE: 'correct horse',
    })
    expect(given.code, given.err).toBe(0)
    const options = { agent: locked, servers: ['mail'] }
    const refusal = await answerHook(inputOf('mcp__mail__send', {}), options)
    expect(refusal?.hookSpecificOutput.permissionDecisionReason).toMatch(/holds no delegation/)
  })

  it('HKS-04 is a verb whose every failure has the exit code 2, which blocks the call', async () => {
    const words = ['hook', '--home', home, '--agent', 'assistant', '--server', 'mail']
    const allowed = await runCli(words, inputOf('mcp__mail__send', { to: 'bob@example.com' }))
    expect(allowed).toEqual({ code: 0, out: '', err: '' })
    const refused = await runCli(words, inputOf('mcp__mail__send', { to: 'x' }))
    expect([refused.code, JSON.parse(refused.out).hookSpecificOutput.permissionDecision]).toEqual([0, 'deny'])
    const input = inputOf('mcp__mail__send', { to: 'bob@example.com' })
    const failures: (readonly [readonly string[], string | Uint8Array])[] = [
      [words, '{'],
      [words, Uint8Array.of(0xff)],
      [words, 'x'.repeat(9_000_000)],
      [words, inputOf('mcp__mail__send', { to: 'x'.repeat(100_000) })],
      [['hook', '--home', home, '--agent', 'none', '--server', 'mail'], input],
      [['hook', '--home', home, '--agent', 'assistant'], input],
      [[...words, 'more'], input],
      [[...words, '--sever', 'x'], input],
    ]
    for (const [given, text] of failures) {
      const { code, out, err } = await runCli(given, text)
      expect.soft([code, out], given.join(' ')).toEqual([2, ''])
      expect.soft(err).toMatch(/^procura: .+$/)
    }
    const path = join(agent.folder, 'delegations')
    const before = await readFile(path)
    await writeFile(path, 'damaged')
    await expect(ask(input)).rejects.toThrow(StoreError)
    expect((await runCli(words, input)).code).toBe(2)
    await writeFile(path, before)
  })
})

describe('procura hook install', () => {
  const install = (...words: readonly string[]) =>
    runCli(['hook', 'install', ...words, '--home', home, '--agent', 'assistant'])

  it('HKS-05 adds the hook to settings, keeps the rest, and replaces its own entry', async () => {
    const path = join(home, 'settings.json')
    const own = '// for files\n      { "matcher": "Bash", "hooks": [] }'
    const text = `{\n  "model": "opus",\n  "hooks": {\n    "PreToolUse": [\n      ${own}\n    ]\n  } // mine\n}\n`
    await writeFile(path, text)
    await chmod(path, 0o640)
    const link = join(home, 'link.json')
    await symlink(path, link)
    for (const servers of [
      ['--server', 'mail'],
      ['--server', 'mail', '--server', 'Git Hub=git-hub'],
    ]) {
      const { code, err } = await install('claude', '--file', link, ...servers)
      expect(code, err).toBe(0)
    }
    const written = await readFile(path, 'utf8')
    for (const part of ['"model": "opus"', '// for files', '"matcher": "Bash"', '// mine'])
      expect(written).toContain(part)
    const { model, hooks } = parse(written)
    expect([model, hooks.PreToolUse.length]).toEqual(['opus', 2])
    expect(hooks.PreToolUse[1]).toMatchObject({
      matcher: 'mcp__(?:mail|Git_Hub)__.*',
      hooks: [{ type: 'command', onFailure: 'block', command: expect.stringContaining("'Git Hub=git-hub'") }],
    })
    expect((await stat(path)).mode & 0o777).toBe(0o640)
  })

  it('HKS-05 loses no hook and no byte of others: beside its own, in another encoding or under a key that is twice', async () => {
    const path = join(home, 'others.json')
    await install('claude', '--file', path, '--server', 'mail')
    const settings = JSON.parse(await readFile(path, 'utf8'))
    settings.hooks.PreToolUse[0].hooks.unshift({ type: 'command', command: 'my-linter' })
    await writeFile(path, JSON.stringify(settings, undefined, 2))
    expect((await install('claude', '--file', path, '--server', 'crm')).code).toBe(0)
    const { PreToolUse: groups } = JSON.parse(await readFile(path, 'utf8')).hooks
    const seen = groups.map((group: { matcher: string; hooks: object[] }) => [group.matcher, group.hooks.length])
    expect(seen).toEqual([
      ['mcp__(?:mail)__.*', 1],
      ['mcp__(?:crm)__.*', 1],
    ])
    expect(groups[0].hooks[0].command).toBe('my-linter')

    const latin = Buffer.from('{"model": "caf\xe9"}', 'latin1')
    const twice = '{"hooks": {"PreToolUse": []}, "hooks": {"PreToolUse": []}}'
    for (const content of [latin, Buffer.from(twice)]) {
      await writeFile(path, content)
      expect.soft(await install('claude', '--file', path, '--server', 'mail')).toMatchObject({
        code: 2,
        err: expect.stringMatching(/not valid UTF-8|has a key twice/),
      })
      expect.soft(await readFile(path)).toEqual(content)
    }
  })

  it('HKS-05 makes settings, prints them, and refuses others than JSON', async () => {
    const path = join(home, 'hooks.json')
    expect((await install('codex', '--file', path, '--server', 'mail')).err).toMatch(/trust the hook/)
    expect(JSON.parse(await readFile(path, 'utf8')).hooks.PreToolUse[0].hooks[0]).not.toHaveProperty('onFailure')
    const printed = await install('claude', '--server', 'mail', '--print')
    expect(JSON.parse(printed.out)).toMatchObject({ hooks: { PreToolUse: [{ matcher: 'mcp__(?:mail)__.*' }] } })
    const wrong = join(home, 'wrong.json')
    for (const text of ['{', '[]', '5', '', '{"hooks":{"PreToolUse":{}}}']) {
      await writeFile(wrong, text)
      expect.soft(await install('claude', '--file', wrong, '--server', 'mail')).toMatchObject({
        code: 2,
        err: expect.stringMatching(/is not settings in JSON|has another `PreToolUse`/),
      })
      expect.soft(await readFile(wrong, 'utf8')).toBe(text)
    }
    await mkdir(join(home, 'folder'), { recursive: true })
    for (const words of [
      ['vim', '--server', 'mail'],
      ['claude'],
      ['claude', '--server', 'mail', '--file', join(home, 'folder')],
    ])
      expect.soft((await install(...words)).code).toBe(2)
  })

  it('HKS-05 changes no settings that it would damage', async () => {
    const path = join(home, 'hostile.json')
    const deep = `{"hooks":${'['.repeat(50_000)}${']'.repeat(50_000)}}`
    for (const [content, fault] of [
      [`{"hooks":{},"hooks":{"PreToolUse":[]}}`, /has a key twice/],
      [`{"hooks":{"PreToolUse":[],"PreToolUse":[]}}`, /has a key twice/],
      [`{"hooks":[]}`, /has another `hooks` than a client reads/],
      [deep, /has more than 64 levels/],
      [`{//\r"hooks":${deep.slice(9)}`, /has more than 64 levels/],
      [Buffer.from('{"name":"\xe9"}', 'latin1'), /is not valid UTF-8/],
      [Buffer.from('\ufeff{}', 'utf16le'), /is not valid UTF-8/],
    ] as const) {
      await writeFile(path, content)
      const { code, err } = await install('claude', '--file', path, '--server', 'mail')
      expect.soft([code, err]).toEqual([2, expect.stringMatching(fault)])
      expect.soft(await readFile(path)).toEqual(Buffer.from(content))
    }
    const lost = join(home, 'lost.json')
    await symlink(join(home, 'nowhere.json'), lost)
    expect((await install('claude', '--file', lost, '--server', 'mail')).code).toBe(2)
    expect((await lstat(lost)).isSymbolicLink()).toBe(true)
    await link(path, join(home, 'second.json'))
    await writeFile(path, '{}')
    const { code, err } = await install('claude', '--file', path, '--server', 'mail')
    expect([code, err]).toEqual([2, expect.stringContaining('has 2 hard links')])
  })

  it('HKS-05 keeps the other hooks of its entry, a byte order mark and the ends of lines', async () => {
    const path = join(home, 'shared.json')
    const ours = { type: 'command', command: 'node /opt/procura/procura.js hook --agent old' }
    const other = { type: 'command', command: 'other hook --agent mine' }
    const entries = [{ matcher: '*', hooks: [other, ours] }, { hooks: [ours] }, { matcher: 'Bash', hooks: [other] }]
    const text = JSON.stringify({ hooks: { PreToolUse: [...entries, { hooks: [ours] }] } }, null, 2)
    await writeFile(path, `\ufeff${text.replaceAll('\n', '\r\n')}`)
    expect((await install('claude', '--file', path, '--server', 'mail')).code).toBe(0)
    const written = await readFile(path, 'utf8')
    expect(written.startsWith('\ufeff')).toBe(true)
    expect(written.replaceAll('\r\n', '')).not.toContain('\n')
    const { PreToolUse: found } = JSON.parse(written.slice(1)).hooks
    const commands = found.map((one: { hooks: { command: string }[] }) => one.hooks.map(({ command }) => command))
    const next = expect.stringMatching(/procura\.js hook --agent \/.*assistant --server mail$/)
    expect(commands).toEqual([[other.command], [other.command], [next]])
  })
})
