import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canMount, mountSmallDisk } from '../../../../../test/audit/jsonl/small-disk.ts'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

let machine: Machine
let path: string
beforeEach(() => {
  machine = newMachine()
  path = machine.write('.mcp.json', config('mail'))
})
afterEach(() => machine.remove())

const { wrap } = wrapVerbs(() => machine)
const config = (...names: readonly string[]): string =>
  JSON.stringify({
    mcpServers: Object.fromEntries(names.map((name) => [name, { command: 'node', env: { MAIL_KEY: 'canary' } }])),
  })
/** Everything in the folder of the user, with the content of the files. The numbers of locks count openings. */
const state = (): readonly string[] =>
  readdirSync(machine.folder, { recursive: true, withFileTypes: true })
    .filter(({ parentPath }) => !parentPath.endsWith('.lock'))
    .map((one) => {
      const whole = join(one.parentPath, one.name)
      return `${whole} ${one.isFile() ? readFileSync(whole, 'base64') : ''}`
    })
    .sort()
const other = (): string => join(machine.folder, 'other.key')
const inHome = (name: string): string => join(machine.home, name)

type Fault = readonly [name: string, make: () => unknown, words: () => readonly string[], why: RegExp]

const fresh: readonly Fault[] = [
  ['is no key file', () => writeFileSync(other(), 'short', { mode: 0o600 }), () => ['--key-file', other()], /32 bytes/],
  [
    'others can read',
    () => writeFileSync(other(), Buffer.alloc(32, 1), { mode: 0o644 }),
    () => ['--key-file', other()],
    /chmod 600/,
  ],
  ['is a link', () => symlinkSync('/dev/zero', other()), () => ['--key-file', other()], /symbolic link|cannot be/],
  ['is in no folder', () => undefined, () => ['--key-file', join(machine.folder, 'none', 'k')], /ENOENT/],
  [
    'of new delegations is no key file',
    () => writeFileSync(other(), 'short', { mode: 0o600 }),
    () => ['--key-file', machine.keyFile, '--delegations-key-file', other()],
    /32 bytes/,
  ],
]

const later: readonly Fault[] = [
  [
    'is another one',
    () => writeFileSync(other(), Buffer.alloc(32, 1)),
    () => ['--key-file', other()],
    /is another file/,
  ],
  [
    'does not open the vault',
    () => writeFileSync(machine.keyFile, Buffer.alloc(32)),
    () => ['--key-file', machine.keyFile],
    /ERR_VAULT_INTEGRITY/,
  ],
  ['is gone', () => rmSync(machine.keyFile), () => ['--key-file', machine.keyFile], /does not exist/],
]

const around: readonly Fault[] = [
  ['a home folder that others can read', () => chmodSync(machine.home, 0o755), () => [], /run chmod 700/],
  ['a folder of agents that is a file', () => replaced('agents'), () => [], /is not a folder/],
  [
    'an owner who is not in `subjects`',
    () => edit({ subjects: ['did:web:a.example'] }),
    () => [],
    /does not list the owner/,
  ],
  ['a key of the owner that is gone', () => rmSync(inHome('owner.key')), () => [], /a new owner would not be in/],
  ['a key of the owner that is damaged', () => writeFileSync(inHome('owner.key'), '{}'), () => [], /owner\.key/],
  ['a configuration of the gateway that would be invalid', () => edit({ mistake: 1 }), () => [], /would be invalid/],
  ['delegations that are damaged', () => damage('agents/claude/delegations'), () => [], /delegation|container/i],
  ['an agent without its key', () => rmSync(inHome('agents/claude/agent.key')), () => [], /agent\.key/],
  ['a file with hard links', () => linkSync(path, join(machine.folder, 'second')), () => [], /has 2 hard links/],
]

const damage = (name: string): void => writeFileSync(inHome(name), 'damaged', { mode: 0o600 })
function replaced(name: string): void {
  renameSync(inHome(name), inHome(`${name}.away`))
  writeFileSync(inHome(name), '')
}
function edit(change: object): void {
  const file = inHome('gateway.json')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }))
}

/** A dry run and a run are refused with the same message, and the first one changes nothing. */
async function bothRefuse(words: readonly string[], why: RegExp): Promise<void> {
  const before = state()
  const dry = await machine.procura(['wrap', path, '--dry-run', ...words])
  expect([dry.code, dry.out]).toEqual([2, ''])
  expect(dry.err).toMatch(why)
  expect(state()).toEqual(before)
  expect((await machine.procura(['wrap', path, ...words])).code).toBe(2)
}

describe('a dry run of `wrap` refuses', () => {
  it.each(fresh)('a key file that %s, in a new home folder [WRP-35]', async (_, make, words, why) => {
    make()
    await bothRefuse(words(), why)
    // The dry run before it has made no part of a home folder.
  })

  it.each(later)('a key file that %s [WRP-35]', async (_, make, words, why) => {
    expect((await wrap(path)).code).toBe(0)
    writeFileSync(path, config('mail', 'more'))
    make()
    await bothRefuse(words(), why)
  })

  it.each(around)('%s [WRP-35]', async (_, make, words, why) => {
    expect((await wrap(path)).code).toBe(0)
    writeFileSync(path, config('mail', 'more'))
    make()
    await bothRefuse(['--key-file', machine.keyFile, ...words()], why)
  })

  it('a missing key, and a passphrase that is too short or wrong [WRP-35]', async () => {
    const before = state()
    const dry = (passphrase: string): ReturnType<Machine['procura']> =>
      machine.procura(['wrap', path, '--dry-run'], { env: { PROCURA_VAULT_PASSPHRASE: passphrase } })
    expect(await dry('short')).toMatchObject({
      code: 2,
      err: expect.stringContaining('must have at least 8 characters'),
    })
    expect(await dry('a long passphrase')).toMatchObject({ code: 0 })
    expect(state()).toEqual(before)
    const env = { PROCURA_VAULT_PASSPHRASE: 'a long passphrase' }
    expect((await machine.procura(['wrap', path], { env })).code).toBe(0)
    writeFileSync(path, config('mail', 'more'))
    expect(await dry('')).toMatchObject({ code: 2, err: expect.stringContaining('the vault needs a key') })
    expect(await dry('another passphrase')).toMatchObject({
      code: 2,
      err: expect.stringContaining('ERR_VAULT_INTEGRITY'),
    })
    expect((await dry('a long passphrase')).code).toBe(0)
  })
})

describe('a dry run of `wrap`', () => {
  it('asks for no passphrase, and names the parts that it has not checked [WRP-35]', async () => {
    const { code, err } = await machine.procura(['wrap', path, '--dry-run'], { typed: [] })
    expect([code, err]).toEqual([0, expect.stringContaining('not checked: the passphrase of the vault, because')])
    expect(existsSync(machine.home)).toBe(false)
  })

  it('needs no key and no terminal where there is no vault yet [WRP-35]', async () => {
    const { code, err } = await machine.procura(['wrap', path, '--dry-run'])
    expect([code, err]).toEqual([0, expect.stringContaining('not checked: the passphrase of the vault, because')])
    expect(err).toContain('goes behind the gateway as mail')
    expect(existsSync(machine.home)).toBe(false)
  })

  it.runIf(canMount())('is followed by a run that makes the key file on another file system [WRP-35]', async () => {
    const keyFile = join(mountSmallDisk(), 'vault.key')
    expect((await machine.procura(['wrap', path, '--dry-run', '--key-file', keyFile])).code).toBe(0)
    const { code, err } = await machine.procura(['wrap', path, '--key-file', keyFile])
    expect([code, err]).toEqual([0, expect.not.stringContaining('EXDEV')])
    expect(readdirSync(join(keyFile, '..'))).toEqual(['vault.key'])
  })

  it('and the run refuse a key file in a folder that does not exist in the same words [WRP-35]', async () => {
    const words = ['wrap', path, '--key-file', join(machine.home, 'none', 'vault.key')]
    const dry = await machine.procura([...words, '--dry-run'])
    expect(dry).toMatchObject({ code: 2, err: expect.stringContaining('no file can be made in the folder') })
    expect(await machine.procura(words)).toMatchObject({ code: 2, err: dry.err })
  })

  it('shows the names that the run gives, also with the secrets of an earlier one [WRP-35]', async () => {
    expect((await wrap(path)).code).toBe(0)
    // The same server with the same secret has one name, and another one a new name.
    const second = machine.write('.cursor/mcp.json', config('mail'))
    const third = machine.write('p/.mcp.json', config('mail').replace('canary', 'another'))
    for (const file of [second, third]) {
      const names = async (...more: string[]): Promise<unknown> =>
        JSON.parse((await wrap(file, '--json', ...more)).out).wrapped.map(({ server }: { server: string }) => server)
      expect(await names('--dry-run')).toEqual(await names())
    }
  })

  it('makes no folder in a place that is not there yet, and refuses one in which none can be made [WRP-35]', async () => {
    mkdirSync(join(machine.folder, 'deep'))
    expect((await wrap(path, '--home', join(machine.folder, 'deep', 'a', 'b'), '--dry-run')).code).toBe(0)
    expect(readdirSync(join(machine.folder, 'deep'))).toEqual([])
    await bothRefuse(['--key-file', machine.keyFile, '--home', join(path, 'x')], /ENOTDIR/)
  })
})
