import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { describeDelegationFile, fileDelegationStore } from 'procura/agent/file'
import { ArgumentError, StoreError } from 'procura/errors'
import { createSignerFile } from 'procura/signer/file'
import { createKeyFile, type FileKey } from 'procura/vault/file'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { actor } from '../../../../../../test/support/actors.ts'
import { readConnection } from '../../../../src/gateway/agent-side/connect/connection-file.ts'
import { delegationsOpener, openAgentKey } from '../../../../src/gateway/agent-side/connect/unlock.ts'
import { answerHook } from '../../../../src/gateway/agent-side/hook/answer-hook.ts'
import { type AgentHome, makeAgentHome } from './agent-home.ts'
import { connectClient, textOf } from './client.ts'
import { type FakeGateway, startFakeGateway } from './fake-gateway.ts'

const [owner, service] = await Promise.all([actor('owner'), actor('service')])
const parties = { audience: service.did, subject: owner.did }
const passphrase = 'canary-of-a-keyring'
/** A program that prints a text, as `secret-tool lookup` does. */
const printing = (text: string): readonly string[] => [
  process.execPath,
  '-e',
  `process.stdout.write(${JSON.stringify(text)})`,
]

let home: string
let agent: AgentHome
let gateway: FakeGateway
const at = (name: string): string => join(home, 'agent', name)

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'procura-unlock-'))
  const socket = join(home, 'gateway.sock')
  agent = await makeAgentHome(join(home, 'agent'), { socket }, parties)
  gateway = await startFakeGateway({ ...parties, listen: socket })
})
afterEach(async () => {
  await gateway.stop()
  await rm(home, { recursive: true })
})

/** Encrypts the delegations of the agent under a key, and writes `unlock`. */
async function seal(key: FileKey, unlock?: object): Promise<void> {
  await agent.give(owner, '/mcp/mail/send')
  const tokens = await fileDelegationStore({ path: at('delegations') }).load({})
  await rename(at('delegations'), at('delegations.old'))
  const add = new Map(tokens.map((bytes, index) => [String(index), bytes]))
  await fileDelegationStore({ path: at('delegations'), key, name: 'assistant' }).change({ add, remove: [] }, {})
  if (unlock !== undefined) await setUnlock(unlock)
}

async function setUnlock(unlock: unknown): Promise<void> {
  const connection = JSON.parse(await readFile(at('connect.json'), 'utf8'))
  await writeFile(at('connect.json'), JSON.stringify({ ...connection, unlock }))
}

/** The answer to a call, with all that the program wrote. */
async function call(
  more: Parameters<typeof connectClient>[1] = {},
): Promise<{ readonly text: string; readonly all: string }> {
  const client = connectClient(agent.folder, more)
  await client.initialize()
  const text = textOf(await client.call('send', { to: 'bob@example.com' }))
  client.input.end()
  await client.ended
  return { text, all: [...client.lines, ...client.faults].join('\n') }
}

function isAlive(child: number): boolean {
  try {
    return process.kill(child, 0)
  } catch {
    return false
  }
}

const hookInput = JSON.stringify({
  hook_event_name: 'PreToolUse',
  tool_name: 'mcp__mail__send',
  tool_input: { to: 'b' },
})
const hook = (more: object = {}): ReturnType<typeof answerHook> =>
  answerHook(hookInput, { agent: agent.folder, servers: ['mail'], ...more })

describe('the encrypted delegations of an agent', () => {
  it('CON-24 are opened with the key file in connect.json, by connect and by the hook', async () => {
    await createKeyFile(at('delegations.key'))
    await seal({ keyFile: at('delegations.key') }, { delegations: { file: 'delegations.key' } })
    expect(await readFile(at('delegations'), 'utf8')).toMatch(/^\{"format":"procura-delegations@1"/)
    expect((await call()).text).toBe('done')
    expect(await hook()).toBeUndefined()
    expect(gateway.executed).toHaveLength(1)
  })

  it('CON-24 are opened with a key that is passed, in place of the one in connect.json', async () => {
    await seal({ passphrase })
    expect((await call({ delegationsKey: { passphrase } })).text).toBe('done')
    await setUnlock({ delegations: { command: printing('another passphrase') } })
    expect((await call({ delegationsKey: { passphrase } })).text).toBe('done')
    expect(await hook({ delegationsKey: { passphrase } })).toBeUndefined()
    const wrong = await call()
    expect(wrong.text).toContain('is not the one of the file of the delegation store')
    for (const secret of ['another passphrase', passphrase]) expect(wrong.all).not.toContain(secret)
    await expect(hook()).rejects.toThrow(StoreError)
    expect(gateway.executed).toHaveLength(2)
  })

  it('CON-25 are opened with the passphrase that a command prints, with and without the end of a line', async () => {
    await seal({ passphrase }, { delegations: { command: printing(`${passphrase}\n`) } })
    expect((await call()).text).toBe('done')
    await setUnlock({ delegations: { command: printing(passphrase) } })
    expect(await hook()).toBeUndefined()
  })

  it('CON-24 are refused without a key, and CON-04 are opened when one is there', async () => {
    await seal({ passphrase })
    expect((await call()).text).toMatch(
      /delegations of the agent are encrypted; set `unlock.delegations` in connect.json/,
    )
    await expect(hook()).rejects.toThrow('are encrypted')
    expect(gateway.executed).toEqual([])
  })

  it('CON-24 are read again when they were encrypted during the session', async () => {
    const key = { passphrase }
    await agent.give(owner, '/mcp/mail/send')
    const client = connectClient(agent.folder, { delegationsKey: key })
    await client.initialize()
    expect(textOf(await client.call('send', { to: 'bob@example.com' }))).toBe('done')
    await seal(key)
    expect(textOf(await client.call('send', { to: 'bob@example.com' }))).toBe('done')
    client.input.end()
    await client.ended
  })

  it('CON-24 are refused when an unencrypted file is in their place', async () => {
    await seal({ passphrase }, { delegations: { command: printing(passphrase) } })
    await rename(at('delegations.old'), at('delegations'))
    expect((await call()).text).toMatch(/is not encrypted, but `unlock` in connect.json requires it/)
    await expect(hook()).rejects.toThrow(ArgumentError)
    await rm(at('delegations'))
    expect((await call()).text).toMatch(/^Denied \(root_not_subject\)/)
    expect(gateway.executed).toEqual([])
  })

  it.each<readonly [fault: string, command: readonly string[], message: RegExp]>([
    ['is missing', ['/nowhere/secret-tool'], /could not be started \(ENOENT\); run it by hand/],
    ['fails', [process.execPath, '-e', `console.log("${passphrase}"); process.exit(3)`], /failed \(exit code 3\)/],
    ['is killed', [process.execPath, '-e', 'process.kill(process.pid, "SIGKILL")'], /failed \(exit code none\)/],
    ['prints nothing', printing(''), /must print one line of text/],
    ['prints two lines', printing(`${passphrase}\nmore`), /must print one line of text/],
    ['prints bytes', [process.execPath, '-e', 'process.stdout.write(Buffer.of(255))'], /must print one line of text/],
    ['prints without end', [process.execPath, '-e', `for (;;) console.log("${passphrase}")`], /more than 4096 bytes/],
    ['reads standard input', [process.execPath, '-e', 'process.stdin.pipe(process.stdout)'], /must print one line/],
  ])('CON-25 are not opened when the command %s, whose output is shown nowhere', async (_fault, command, message) => {
    await seal({ passphrase }, { delegations: { command } })
    const error: unknown = await hook().catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(ArgumentError)
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).toContain('`unlock.delegations` of connect.json')
    const { text, all } = await call()
    expect(text).toMatch(message)
    expect(all).not.toContain(passphrase)
  })

  it('CON-25 are not opened when the command does not end within 30 s, and it is killed', async () => {
    const started = join(home, 'started')
    const program = `require('node:fs').writeFileSync(${JSON.stringify(started)}, String(process.pid)); setTimeout(() => {}, 60_000)`
    await seal({ passphrase }, { delegations: { command: [process.execPath, '-e', program] } })
    const open = delegationsOpener(await readConnection(agent.folder))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      let fault: unknown
      const opening = open().catch((error: unknown) => (fault = error))
      // `expect.poll` would advance the timers.
      while ((await readFile(started, 'utf8').catch(() => '')) === '') await new Promise(setImmediate)
      vi.advanceTimersByTime(29_999)
      await new Promise(setImmediate)
      expect(fault).toBeUndefined()
      vi.advanceTimersByTime(1)
      await opening
      expect(String(fault)).toMatch(/`unlock.delegations` of connect.json did not end within 30 s; run it by hand/)
    } finally {
      vi.useRealTimers()
    }
    const child = Number(await readFile(started, 'utf8'))
    await expect.poll(() => isAlive(child)).toBe(false)
  })

  it('CON-25 are opened without a shell, and without passphrases of procura in the environment', async () => {
    process.env['PROCURA_VAULT_PASSPHRASE'] = 'canary-of-the-vault'
    try {
      const program = 'process.stdout.write(String(process.env.PROCURA_VAULT_PASSPHRASE ?? process.argv[1]))'
      await seal(
        { passphrase: '$(exit 1); *' },
        { delegations: { command: [process.execPath, '-e', program, '$(exit 1); *'] } },
      )
      expect(await hook()).toBeUndefined()
    } finally {
      delete process.env['PROCURA_VAULT_PASSPHRASE']
    }
  })

  it('CON-24 leave a key file that others can read', async () => {
    await createKeyFile(at('delegations.key'))
    await seal({ keyFile: at('delegations.key') }, { delegations: { file: 'delegations.key' } })
    await chmod(at('delegations.key'), 0o644)
    const { text } = await call()
    expect(text).toMatch(/chmod 600/)
    expect(gateway.executed).toEqual([])
  })

  it.each([
    ['a string', 'file', /`unlock`/],
    ['an unknown name', { delegation: { file: 'x' } }, /`delegation`/],
    ['no source', { delegations: {} }, /must have either `file` or `command`/],
    ['two sources', { key: { file: 'x', command: ['y'] } }, /must have either `file` or `command`/],
    ['a command that is a string', { delegations: { command: 'secret-tool' } }, /`command`/],
    ['an empty command', { delegations: { command: [] } }, /`command`/],
    ['a passphrase in the clear', { delegations: { passphrase: 'canary-in-the-clear' } }, /`passphrase`/],
  ])('CON-24 are not described by %s', async (_what, unlock, message) => {
    await setUnlock(unlock)
    const error: unknown = await readConnection(agent.folder).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(ArgumentError)
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).not.toContain('canary')
  })
})

describe('the encrypted key of an agent', () => {
  it('CON-24 is opened with `unlock.key`, or with a key that is passed, and not used where none is needed', async () => {
    await createKeyFile(at('key.key'))
    await setUnlock({ key: { file: 'key.key' } })
    const connection = await readConnection(agent.folder)
    // The key of this agent is not encrypted.
    expect((await openAgentKey(connection)).did).toBe(agent.signer.did)
    await rm(at('agent.key'))
    const { did } = await createSignerFile({ path: at('agent.key'), key: { keyFile: at('key.key') } })
    expect((await openAgentKey(connection)).did).toBe(did)
    await rm(at('agent.key'))
    const key = { passphrase }
    const typed = await createSignerFile({ path: at('agent.key'), key, scryptCost: 16_384 })
    await expect(openAgentKey(connection)).rejects.toThrow('another kind of key')
    expect((await openAgentKey(connection, key)).did).toBe(typed.did)
    await setUnlock({ key: { command: printing(passphrase) } })
    expect((await openAgentKey(await readConnection(agent.folder))).did).toBe(typed.did)
  })
})

describe('a file of delegations without its key', () => {
  it('is described, and a missing, damaged or open file is told apart', async () => {
    const path = at('delegations')
    expect(await describeDelegationFile({ path })).toBeUndefined()
    await agent.give(owner, '/mcp/mail/send')
    expect(await describeDelegationFile({ path })).toEqual({ encrypted: false })
    await seal({ passphrase })
    expect(await describeDelegationFile({ path })).toEqual({ encrypted: true, key: 'passphrase', name: 'assistant' })
    await writeFile(path, '{"format":"procura-delegations@1"}')
    await expect(describeDelegationFile({ path })).rejects.toThrow(StoreError)
    await chmod(path, 0o644)
    await expect(describeDelegationFile({ path })).rejects.toThrow(/chmod 600/)
  })

  it('is opened again and again without a new derivation', async () => {
    await seal({ passphrase }, { delegations: { command: printing(passphrase) } })
    const open = delegationsOpener(await readConnection(agent.folder))
    expect(await open()).toBe(await open())
  })
})
