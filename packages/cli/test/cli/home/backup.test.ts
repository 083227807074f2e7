import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Delegation, delegate, generateSigner, never } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { describeSignerFile, openSignerFile } from 'procura/signer/file'
import { decodeDelegation } from 'procura/token'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { openState } from '../../../src/gateway/serve/state/open-state.ts'
import { newClients, textOf } from '../../gateway/agent-side/connect/client.ts'
import { mailServer } from '../../gateway/serve/gateway-home.ts'
import { servedGateways } from '../../gateway/serve/served-gateway.ts'
import type { CliResult } from '../run-cli.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

const program = bundledProcura()
const gateways = servedGateways(program)
const clients = newClients()
let machine: Machine
let path: string
let target: string
let config: string

beforeEach(() => {
  machine = newMachine()
  const mail = { command: process.execPath, args: [mailServer], env: { MAIL_KEY: 'canary-of-mail' } }
  config = JSON.stringify({ mcpServers: { mail } })
  path = machine.write('.mcp.json', config)
  target = join(machine.folder, 'saved')
})
afterEach(async () => {
  await clients.end()
  await gateways.end()
  machine.remove()
})

const run = (...words: readonly string[]): Promise<CliResult> =>
  machine.procura([...words, '--key-file', machine.keyFile], { typed: ['a token'] })

async function done(...words: readonly string[]): Promise<CliResult> {
  const result = await run(...words)
  expect(result.code, `${words.join(' ')}\n${result.err}`).toBe(0)
  return result
}

const restore = (...words: readonly string[]): Promise<CliResult> => run('restore', target, ...words)

/** Moves the home folder away, as a lost disk would. */
function lose(): string {
  const lost = join(machine.folder, 'lost')
  renameSync(machine.home, lost)
  return lost
}

const agentFolder = (agent: string, home = machine.home): string => join(home, 'agents', agent)

async function inFile(agent = 'claude'): Promise<readonly Delegation[]> {
  const store = fileDelegationStore({ path: join(agentFolder(agent), 'delegations') })
  return Promise.all((await store.load({})).map((bytes) => decodeDelegation(bytes)))
}

/** The commands that an agent has by the present key of the owner. */
async function commands(agent = 'claude'): Promise<readonly string[]> {
  const { keys } = await describeSignerFile({ path: join(machine.home, 'owner.key') })
  return (await inFile(agent))
    .filter(({ issuer }) => issuer === keys[0]?.did)
    .map(({ command }) => String(command))
    .sort()
}

async function call(folder: string, tool: string, args: object = {}): Promise<string> {
  const client = await clients.open(folder)
  const { result, error } = await client.call(tool, args)
  return error?.message ?? (result === undefined ? '' : textOf({ result }))
}

/** All files below a folder, with their modes. */
function filesIn(folder: string): readonly (readonly [name: string, mode: number])[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).map((one) => {
    const whole = join(one.parentPath ?? one.path, one.name)
    return [whole.slice(folder.length + 1), statSync(whole).mode & 0o777]
  })
}

describe('a backup', () => {
  it('of a running gateway does not revive what was revoked before or after it [CLI-55] [CLI-56] [CLI-57] [CLI-58]', async () => {
    await done('wrap', path, '--tools', 'send', '--tools', 'secret', '--tools', 'variables')
    await done('api', 'add', 'crm', 'https://api.example.com', '--bearer', '--agent', 'other')
    await gateways.serve(machine.home)
    // By its CID, at the gateway alone: the record in the vault does not know it.
    const [send] = (await inFile()).filter(({ command }) => String(command) === '/mcp/mail/send')
    const owner = ['--from', join(machine.home, 'owner.key')]
    const file = join(agentFolder('claude'), 'delegations')
    await done('revoke', file, ...owner, '--delegation', String(send?.cid), '--home', machine.home)
    expect(await call(agentFolder('claude'), 'secret')).toMatch(/^\w{16}/)

    const { out, err } = await done('backup', target)
    expect(out).toContain(`in ${target}`)
    expect(err).toContain('the key of the vault is not in it')
    const files = filesIn(target)
    expect(files.map(([name]) => name).filter((name) => /state|sock|lock|serve\.log|page/.test(name))).toEqual([])
    for (const [name, mode] of files) expect([name, [0o700, 0o600]]).toEqual([name, expect.arrayContaining([mode])])
    for (const [name, mode] of files)
      if (mode === 0o600) expect(readFileSync(join(target, name), 'latin1')).not.toContain('canary-of-mail')

    // After the backup.
    await done('revoke', '--agent', 'other')
    await clients.end()
    await gateways.end()
    const lost = lose()
    const restored = await restore()
    expect(restored.code, restored.err).toBe(0)
    expect(restored.err).toContain('`procura renew claude` issues again what the agent claude had')
    expect(restored.err).toContain('  may call the tool secret of mail')
    expect(restored.err).not.toContain('the tool send of mail')
    expect(existsSync(join(machine.home, 'state.db'))).toBe(false)
    expect(readdirSync(machine.home).filter((name) => /^log-until-\d{8}T\d{6}Z$/.test(name))).toHaveLength(1)

    await gateways.serve(machine.home)
    // The agents have copies of all their files.
    cpSync(agentFolder('claude', lost), join(machine.folder, 'copy', 'x'), { recursive: true })
    const copy = join(machine.folder, 'copy', 'x')
    const connection = JSON.parse(readFileSync(join(copy, 'connect.json'), 'utf8'))
    writeFileSync(
      join(copy, 'connect.json'),
      JSON.stringify({ ...connection, socket: join(machine.home, 'gateway.sock') }),
    )
    const attempts = (tool: string): Promise<readonly string[]> =>
      Promise.all([agentFolder('claude'), copy].map((folder) => call(folder, tool).catch((error) => String(error))))
    for (const tool of ['send', 'secret'])
      for (const answer of await attempts(tool)) expect(answer).not.toMatch(/^\w{16}|^sent/)

    const all = await run('renew')
    expect([all.code, all.out]).toEqual([1, ''])
    expect(all.err).toMatch(/the agent claude had more before .*`procura renew claude` issues it again/)
    expect(all.err).toMatch(/the agent other had more before/)
    expect([await commands(), await commands('other')]).toEqual([[], []])

    expect((await run('renew', 'claude')).code).toBe(0)
    expect(await commands()).toEqual(['/mcp/mail/secret', '/mcp/mail/variables'])
    await clients.end()
    expect(await call(agentFolder('claude'), 'secret')).toMatch(/^\w{16}/)
    expect(await call(agentFolder('claude'), 'send', { to: 'a@example.com' })).toContain('Denied')
    expect((await call(copy, 'secret').catch(String)) as string).not.toMatch(/^\w{16}/)

    // It was renewed once, and what is revoked now stays so; nobody renews what `revoke` has named.
    await run('revoke', '--agent', 'claude')
    await run('revoke', '--agent', 'other')
    for (const name of ['claude', 'other']) expect((await run('renew', name)).code).toBe(1)
    expect([await commands(), await commands('other')]).toEqual([[], []])
  }, 180_000)

  it('has nothing of an agent whose DID was shut out [CLI-56]', async () => {
    await done('wrap', path)
    const { keys } = await describeSignerFile({ path: join(agentFolder('claude'), 'agent.key') })
    const state = await openState({ file: join(machine.home, 'state.db'), isFirst: true })
    await state.stores.revocations.add({ ids: [String(keys[0]?.did)], expiration: never })
    state.close()
    await done('backup', target)
    lose()
    expect((await restore()).code).toBe(0)
    // No verb counts what has ended with the former key.
    expect((await machine.procura(['status'])).out).not.toContain('may call')
    expect((await run('renew', 'claude')).code).toBe(1)
    expect(await commands()).toEqual([])
  }, 60_000)

  it('does not widen what an agent got since, and acts for no other owner [CLI-57] [CLI-58] [CON-37]', async () => {
    await done('wrap', path)
    const file = join(machine.home, 'gateway.json')
    const content = JSON.parse(readFileSync(file, 'utf8'))
    const foreign = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
    writeFileSync(file, JSON.stringify({ ...content, subjects: [...content.subjects, foreign] }))
    const names = JSON.stringify({ [foreign]: 'bob' })
    writeFileSync(join(machine.home, 'invited.json'), names)
    await done('backup', target)
    lose()
    const { err } = await restore()
    expect(readFileSync(join(machine.home, 'invited.json'), 'utf8')).toBe(names)
    expect(err).toContain(`does not act for the owner ${foreign} any more`)
    const { keys } = await describeSignerFile({ path: join(machine.home, 'owner.key') })
    expect(JSON.parse(readFileSync(file, 'utf8')).subjects).toEqual([keys[0]?.did])
    writeFileSync(path, config)
    await done('wrap', path, '--policy', 'send: .to == bob')
    expect((await run('renew', 'claude')).err).toContain('nothing to renew')
    expect(await commands()).toEqual(['/mcp/mail/send'])
    // The former key still opens what it has signed, and signs nothing that counts.
    const { previous } = await openSignerFile({
      path: join(machine.home, 'owner.key'),
      key: { keyFile: machine.keyFile },
    })
    const [issuer] = previous
    const [audience] = (await inFile()).map((one) => one.audience)
    if (issuer === undefined || audience === undefined) throw new Error('the former key is gone')
    const forged = await delegate({ issuer, audience, command: '/mcp/mail', policy: [], expiresIn: 3_600 })
    await fileDelegationStore({ path: join(agentFolder('claude'), 'delegations') }).change(
      { add: new Map([[String(forged.cid), forged.bytes]]), remove: [] },
      {},
    )
    await gateways.serve(machine.home)
    expect(await call(agentFolder('claude'), 'secret')).toContain('Denied')
  }, 60_000)

  it('can become another folder, and needs the key file that was in the home folder [CLI-55] [CLI-57]', async () => {
    const keyFile = join(machine.home, 'vault.key')
    const quiet = (...words: readonly string[]): Promise<CliResult> => machine.procura(words)
    const server = { command: process.execPath, args: [mailServer], env: { MAIL_KEY: 'canary-of-mail' } }
    const global = machine.write('.claude.json', JSON.stringify({ mcpServers: { mail: server } }))
    expect((await quiet('wrap', global, '--key-file', keyFile)).code).toBe(0)
    expect((await quiet('backup', target)).code).toBe(0)
    expect(filesIn(target).map(([name]) => name)).not.toContain('vault.key')
    const [kept, other] = [join(machine.folder, 'kept'), join(machine.folder, 'an other')]
    cpSync(keyFile, kept)
    expect((await quiet('restore', target, '--home', other)).err).toContain('pass --key-file')
    expect((await quiet('restore', target, '--home', other, '--key-file', kept)).code).toBe(0)
    const content = JSON.parse(readFileSync(join(other, 'gateway.json'), 'utf8'))
    expect(content.vault.keyFile).toBe(kept)
    expect(content.servers.mail.cwd).toBe(join(other, 'work'))
    await gateways.serve(other)
    expect((await quiet('renew', 'claude', '--home', other)).code).toBe(0)
    expect(await call(agentFolder('claude', other), 'secret')).toMatch(/^\w{16}/)
  }, 60_000)

  it('names who approves again, prints a line for each condition, and writes nothing beside the folder [CLI-57]', async () => {
    await done('wrap', path, '--policy', 'send: .to == bob', '--approve', 'send')
    const file = join(machine.home, 'gateway.json')
    const content = JSON.parse(readFileSync(file, 'utf8'))
    const [ann, bob] = [(await generateSigner()).did, (await generateSigner()).did]
    const [owner] = content.subjects
    content.servers.mail.approvals = { send: { approvers: [owner, bob] } }
    writeFileSync(file, JSON.stringify({ ...content, approvals: { approvers: [ann] } }))
    await done('backup', target)
    lose()
    const copy = join(target, 'gateway.json')
    const saved = readFileSync(copy, 'utf8')
    cpSync(join(target, 'service.key'), join(machine.folder, 'service.key'))
    writeFileSync(copy, JSON.stringify({ ...JSON.parse(saved), service: { key: '../service.key' } }))
    const refused = await restore('--home', join(machine.folder, 'below', 'home'))
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('which gateway.json names, is not in')])
    expect(existsSync(join(machine.folder, 'below'))).toBe(false)
    writeFileSync(copy, saved)
    const { code, err } = await restore()
    expect(code, err).toBe(0)
    const lines = err.split('\n')
    expect(lines).toContain('  may call the tool send of mail, if')
    expect(lines.some((line) => line.startsWith('    `.to` is'))).toBe(true)
    const named = lines.filter((line) => line.includes('is an approver')).map((line) => line.split(' ')[0])
    expect(named).toEqual([ann, bob])
  }, 60_000)

  it('refuses a folder that exists, one that is no whole backup, another key, and others who can read it [CLI-57]', async () => {
    expect((await run('backup', target)).err).toContain('has no gateway.json')
    await done('wrap', path)
    expect((await restore()).err).toContain(`${machine.home}\` exists, and \`restore\` replaces nothing`)
    await done('backup', target)
    expect((await run('backup', target)).err).toContain('exists; name a new folder')
    expect((await run('backup', join(machine.folder, 'a', 'b'))).err).toContain('does not exist')
    lose()
    const key = join(machine.folder, 'other.key')
    await machine.procura(['vault', 'new-key', '--key-file', key])
    const refused = [
      await machine.procura(['restore', target, '--key-file', key]),
      await machine.procura(['restore', machine.folder]),
      await machine.procura(['restore', join(machine.folder, 'nothing')]),
    ]
    for (const { code } of refused) expect(code).toBe(2)
    chmodSync(target, 0o755)
    expect((await restore()).err).toContain('other users have access')
    chmodSync(target, 0o700)
    const note = join(target, 'backup.json')
    const text = readFileSync(note, 'utf8')
    for (const wrong of ['', '{}', '[]', '{"version":2,"revoked":[]}', text.slice(0, -3)]) {
      writeFileSync(note, wrong)
      expect([wrong, (await restore()).code]).toEqual([wrong, 2])
    }
    expect(existsSync(machine.home)).toBe(false)
    writeFileSync(note, text)
    expect((await restore()).code).toBe(0)
  }, 60_000)

  it('is not made inside the folder that is read, also by way of a link [CLI-59]', async () => {
    await done('wrap', path)
    await done('backup', target)
    const link = join(machine.folder, 'link')
    const content = (folder: string): readonly string[] =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => !name.includes('.lock'))
    for (const [folder, inside, words] of [
      [machine.home, join('agents', 'saved'), (made: string) => ['backup', made]],
      [target, join('agents', 'a', 'home'), (made: string) => ['restore', target, '--home', made]],
    ] as const) {
      const before = content(folder)
      symlinkSync(folder, link)
      for (const made of [join(folder, inside), join(link, inside), join(folder, '..x')]) {
        const { code, err } = await run(...words(made))
        expect([made, code, err]).toEqual([made, 2, expect.stringContaining('; name a folder outside it')])
      }
      expect(content(folder)).toEqual(before)
      rmSync(link)
    }
    await done('backup', `${machine.home}2`)
  }, 60_000)

  it('is refused, as a renewal is, where the state of a gateway that has run is missing [CLI-56] [WRP-57]', async () => {
    await done('wrap', path)
    const [log, state] = [join(machine.home, 'log'), join(machine.home, 'state.db')]
    mkdirSync(log, { mode: 0o700 })
    // A first start that was killed has written no record.
    writeFileSync(join(log, 'audit-0000000000000001.jsonl'), '', { mode: 0o600 })
    await done('backup', target)
    writeFileSync(join(log, 'audit-0000000000000001.jsonl'), '{}\n')
    const refused = [await run('backup', `${target}2`), await run('renew', 'claude', '--expires-in', '60d')]
    expect(refused.map(({ code }) => code)).toEqual([2, 1])
    for (const { err } of refused) expect(err).toContain(`its state \`${state}\` is missing`)
    expect(existsSync(`${target}2`)).toBe(false)
  }, 60_000)

  it('leaves what others have planted beside it under the name of a draft [CLI-59]', async () => {
    await done('wrap', path)
    const elsewhere = join(machine.folder, 'elsewhere')
    mkdirSync(elsewhere)
    const { mtimeNs } = statSync(elsewhere, { bigint: true })
    // A link to the home folder would be a lock that the run has itself.
    const planted = [elsewhere, machine.home].map((to, at) => {
      const link = join(machine.folder, `.saved.new-${at}`)
      symlinkSync(to, link)
      return link
    })
    await done('backup', target)
    for (const link of planted) expect(lstatSync(link).isSymbolicLink()).toBe(true)
    expect(statSync(elsewhere, { bigint: true }).mtimeNs).toBe(mtimeNs)
    const draft = join(machine.folder, '.other.new-0')
    mkdirSync(draft)
    const user = vi.spyOn(process, 'getuid').mockReturnValue(statSync(draft).uid + 1)
    await done('backup', join(machine.folder, 'other'))
    user.mockRestore()
    expect(existsSync(draft)).toBe(true)
  }, 60_000)
})
