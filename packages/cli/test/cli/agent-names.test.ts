import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'procura-names-'))
afterAll(() => rmSync(folder, { recursive: true }))
const home = join(folder, 'home')
const env = { PROCURA_HOME: home }
const owner = join(folder, 'owner.key')
const dids: Record<string, string> = {}
const procura = (...words: string[]): ReturnType<typeof runCli> => runCli(words, '', env)
const did = async (...words: string[]): Promise<string> => (await procura(...words)).out

beforeAll(async () => {
  dids['owner'] = await did('key', 'new', owner)
  const gateway = ['--socket', join(folder, 's'), '--audience', dids['owner'], '--subject', dids['owner']]
  dids['a'] = await did('agent', 'new', 'assistant', ...gateway)
  dids['r'] = await did('agent', 'new', 'researcher', '--like', 'assistant')
})

const grantTo = (name: string, ...more: string[]): ReturnType<typeof runCli> =>
  procura('delegate', '--from', owner, '--command', '/mail', '--json', '--to', name, ...more)

describe('the name of an agent', () => {
  it('is taken in the place of its DID by `delegate` and `attenuate` [CLI-20]', async () => {
    const out = join(folder, 'mail.ucan')
    const granted = await grantTo('assistant', '--out', out)
    expect([granted.code, JSON.parse(granted.out).audience]).toEqual([0, dids['a']])
    expect(granted.err).toContain(`delegated /mail to ${dids['a']} (agent assistant); it expires`)
    const from = join(home, 'agents', 'assistant', 'agent.key')
    for (const name of ['researcher', join(home, 'agents', 'researcher'), dids['r'] as string]) {
      const narrow = await procura('attenuate', out, '--from', from, '--to', name, '--json')
      expect([narrow.code, JSON.parse(narrow.out).audience], name).toEqual([0, dids['r']])
    }
    // The home folder of the command line counts before the one of the environment.
    const elsewhere = await grantTo('assistant', '--home', join(folder, 'none'))
    expect(elsewhere).toMatchObject({ code: 2, err: expect.stringContaining('none`, which has none') })
  })

  it('is taken by `log --agent` and `log could --agent`, with the previous keys of the agent [CLI-20]', async () => {
    const ledger = join(folder, 'ledger')
    await grantTo('assistant', '--ledger', ledger)
    await grantTo('researcher', '--ledger', ledger)
    const shown = async (name: string): Promise<string> => (await procura('log', ledger, '--agent', name)).out
    expect(await shown('assistant')).toBe(await shown(dids['a'] as string))
    expect((await shown('assistant')).split('\n')).toHaveLength(1)
    const could = await procura('log', 'could', ledger, '--agent', 'researcher', '--at', 'now')
    expect([could.code, could.out]).toEqual([0, expect.stringContaining('/mail')])
    const before = await shown('assistant')
    const rotated = await procura('key', 'rotate', join(home, 'agents', 'assistant', 'agent.key'))
    expect(rotated.code).toBe(0)
    expect(await shown('assistant')).toBe(before)
    dids['a'] = rotated.out.split('\n')[0] as string
  })

  it('that is unknown or malformed is refused with those that there are, and is not shown [CLI-20]', async () => {
    const secret = 'hunter2hunter2'
    for (const name of ['asistant', secret, 'a b', '../assistant', '__proto__', 'DID:key:x', 'key:z6Mk']) {
      const { code, out, err } = await grantTo(name)
      expect([code, out], name).toEqual([2, ''])
      if (name.startsWith('DID')) expect(err).toContain('--to is not a valid DID; copy the whole DID')
      else
        expect(err).toMatch(/--to must be a DID, such as did:key:z6Mk…, or an agent of `.*`, which has `assistant`, `/)
      expect(err).not.toContain(secret)
    }
  })
})

describe('an option or a file that is something else', () => {
  beforeAll(async () => {
    writeFileSync(join(folder, 'empty'), '')
    const made = await runCli(['wrap', wrapped(), '--home', join(folder, 'gateway')], '', passphrase)
    expect(made.code).toBe(0)
  })

  it.each([
    [
      ['agent', 'new', 'x', '--socket', 's', '--audience', 'me', '--subject', 'you'],
      /--audience must be a DID, such as/,
    ],
    [
      ['agent', 'new', 'x', '--like', 'nobody'],
      /the agent `.*nobody` does not exist; `procura agent list --home \S+` lists/,
    ],
    [['agent', 'show', 'nobody'], /the agent `.*nobody` does not exist; `procura agent list --home \S+` lists/],
    [['key', 'new', join(folder, 'y.key'), '--did', 'me'], /--did must be a DID, such as/],
    [['attenuate', owner, '--from', owner, '--to', 'researcher'], /owner\.key`: the input is not a container/],
    [['inspect', join(folder, 'empty')], /in `.*empty` is empty/],
    [['why', join(folder, 'mail.ucan'), '--subject', 'me'], /--subject must be a DID, such as/],
    [['why', join(folder, 'mail.ucan'), '--audience', 'me'], /--audience must be a DID, such as/],
    [['why', join(folder, 'mail.ucan'), '--revoked', 'me'], /--revoked must be the CID of a delegation/],
    [
      ['revoke', '--agent', 'nobody', '--home', join(folder, 'gateway')],
      /nobody` does not exist; `procura agent list --home \S+`/,
    ],
  ] as const)('%j is refused with its name [CLI-20]', async (words, why) => {
    const { code, out, err } = await runCli(words, '', { ...env, ...passphrase })
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(why)
  })
})

const passphrase = { PROCURA_VAULT_PASSPHRASE: 'a long passphrase' }
function wrapped(): string {
  const path = join(folder, '.mcp.json')
  writeFileSync(path, '{"mcpServers":{"mail":{"command":"cat"}}}')
  return path
}

describe('procura agent list', () => {
  it('lists the agents of the home folder with their DIDs [CON-28]', async () => {
    const lines = `assistant\t${dids['a']}\nresearcher\t${dids['r']}`
    expect(await procura('agent', 'list')).toMatchObject({ code: 0, out: lines, err: '' })
    const { out } = await procura('agent', 'list', '--json')
    expect(JSON.parse(out)).toEqual([
      { name: 'assistant', did: dids['a'], folder: join(home, 'agents', 'assistant') },
      { name: 'researcher', did: dids['r'], folder: join(home, 'agents', 'researcher') },
    ])
  })

  it('lists an agent whose key is encrypted, without the key, and one whose key is damaged [CON-28]', async () => {
    const sealed = await runCli(['agent', 'new', 'sealed', '--encrypt', '--like', 'assistant'], '', {
      ...env,
      PROCURA_KEY_PASSPHRASE: 'a long passphrase',
    })
    mkdirSync(join(home, 'agents', 'broken'))
    writeFileSync(join(home, 'agents', 'broken', 'agent.key'), 'x', { mode: 0o600 })
    const { code, out, err } = await procura('agent', 'list')
    expect([code, out.split('\n')]).toEqual([
      0,
      ['assistant', 'broken', 'researcher', 'sealed'].map((name, at) =>
        [name, [dids['a'], '-', dids['r'], sealed.out][at]].join('\t'),
      ),
    ])
    expect(err).toMatch(/broken\/agent\.key` cannot be read as a key file$/)
  })

  it('reports a home folder without agents, and refuses one that cannot be read [CON-28]', async () => {
    const none = await procura('agent', 'list', '--home', join(folder, 'none'))
    expect(none).toMatchObject({ code: 0, out: '', err: expect.stringContaining('has no agent; make the first one') })
    expect(await procura('agent', 'list', 'assistant')).toMatchObject({ code: 2 })
    const moved = join(folder, 'moved')
    renameSync(join(home, 'agents'), moved)
    symlinkSync('/dev/null', join(home, 'agents'))
    expect(await procura('agent', 'list')).toMatchObject({ code: 2, out: '' })
    rmSync(join(home, 'agents'))
    renameSync(moved, join(home, 'agents'))
  })
})
