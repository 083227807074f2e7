import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { delegate, generateSigner, never } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { describeSignerFile, openSignerFile } from 'procura/signer/file'
import { decodeDelegation, openContainer } from 'procura/token'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { issuedTo, noteIssued, openIssued } from '../../../src/cli/home/issued.ts'
import { revocationReceipt } from '../../../src/gateway/serve/revocation-receipt.ts'
import { type Gateway, openGateway, readGatewayConfig } from '../../../src/index.ts'
import { newClients } from '../../gateway/agent-side/connect/client.ts'
import { mailServer } from '../../gateway/serve/gateway-home.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

let machine: Machine
let keyFile: string
let config: string
const gateways: Gateway[] = []
const clients = newClients()

beforeEach(async () => {
  machine = newMachine()
  keyFile = machine.keyFile
  config = machine.write('.claude.json', JSON.stringify({ mcpServers: { mail: mail() } }))
  expect((await machine.procura(['wrap', config, '--key-file', keyFile])).code).toBe(0)
})

afterEach(async () => {
  await clients.end()
  for (const gateway of gateways.splice(0)) await gateway.close()
  machine.remove()
})

const mail = (): object => ({ command: process.execPath, args: [mailServer], env: { MAIL_KEY: 'canary-1' } })

async function open(events: string[] = [], dryRun = false): Promise<Gateway> {
  const configuration = await readGatewayConfig(join(machine.home, 'gateway.json'))
  const onEvent = ({ message }: { readonly message: string }): void => void events.push(message)
  const gateway = await openGateway({ config: configuration, dryRun, onEvent })
  gateways.push(gateway)
  return gateway
}

const folder = (): string => join(machine.home, 'agents', 'claude')

/**
 * Another agent, which has received a part of the authority of the first one: its folder, and the CIDs of its chain.
 */
async function newHelper(): Promise<readonly [folder: string, cids: readonly string[]]> {
  const helper = join(machine.home, 'agents', 'helper')
  const { out: did } = await machine.procura(['agent', 'new', 'helper'])
  const part = join(machine.folder, 'part.ucan')
  const [file, from] = [join(folder(), 'delegations'), join(folder(), 'agent.key')]
  const words = ['attenuate', file, '--from', from, '--to', did, '--command', '/mcp/mail/send', '--out', part]
  expect((await machine.procura(words)).code).toBe(0)
  expect((await machine.procura(['agent', 'receive', 'helper', part])).code).toBe(0)
  const chain = await fileDelegationStore({ path: join(helper, 'delegations') }).load({})
  const read = await Promise.all(chain.map((bytes) => decodeDelegation(bytes)))
  return [helper, read.sort((one) => (one.audience === did ? 1 : -1)).map(({ cid }) => cid.toString())]
}

/** What a call of an agent is answered. */
async function called(agent = folder()): Promise<string> {
  const client = await clients.open(agent)
  return (await client.call('send', { to: 'bob' })).result?.content?.[0].text ?? ''
}

async function held(): Promise<readonly Uint8Array[]> {
  return fileDelegationStore({ path: join(folder(), 'delegations') }).load({})
}

/** A delegation by a key that is not an owner of the gateway. */
async function written(): Promise<readonly [file: string, from: string]> {
  await machine.procura(['key', 'new', join(machine.folder, 'me.key')])
  const file = join(machine.folder, 'mine.ucan')
  const [bytes = new Uint8Array()] = await held()
  const { audience } = await decodeDelegation(bytes)
  const from = join(machine.folder, 'me.key')
  await machine.procura(['delegate', '--from', from, '--to', audience, '--command', '/mcp/mail', '--out', file])
  return [file, from]
}

const pending = (): readonly string[] => {
  const path = join(machine.home, 'revocations')
  return existsSync(path) ? readdirSync(path) : []
}

describe('procura revoke --agent', () => {
  const revoke = (...more: string[]): ReturnType<Machine['procura']> =>
    machine.procura(['revoke', '--agent', 'claude', '--key-file', keyFile, ...more])

  it('ends the delegations of the owner at the running gateway, at once [CLI-14]', async () => {
    await open()
    expect(await called()).toBe('sent to bob')
    const copy = readFileSync(join(folder(), 'delegations'))
    expect((await revoke('--server', 'other')).err).toBe(
      'the agent has no delegation for the server `other`; it has /mcp/mail',
    )
    const { code, out, err } = await revoke()
    expect([code, out]).toEqual([0, expect.stringMatching(/^revoked bafy\w+ for \/mcp\/mail$/)])
    expect(err).toMatch(
      /^the gateway of `.*` has accepted the revocation; it refuses every call that uses the delegation$/,
    )
    expect([(await held()).length, pending()]).toEqual([0, []])
    // A copy of the delegation does not help.
    writeFileSync(join(folder(), 'delegations'), copy, { mode: 0o600 })
    expect(await called()).toMatch(/^Denied \(revoked\)/)
    expect((await revoke('--server', 'other')).err).toBe('the agent has no such delegation')
    expect((await revoke('--json')).out).toMatch(
      /^\{"revoked":\[\{"delegation":"bafy\w+","command":"\/mcp\/mail"\}\],"left":\[\]\}$/,
    )
  })

  it('ends the delegations that the agent has moved out of its file, or made unreadable [CLI-14] [WRP-32]', async () => {
    const file = join(folder(), 'delegations')
    for (const hide of [
      () => writeFileSync(file, '', { mode: 0o600 }),
      () => writeFileSync(file, 'damaged', { mode: 0o600 }),
      () => chmodSync(file, 0o644),
      () => rmSync(file),
      () => [rmSync(file), symlinkSync('/dev/null', file)],
      () => renameSync(folder(), `${folder()}.moved`),
    ]) {
      const hidden = readFileSync(file)
      const gateway = await open()
      expect(await called()).toBe('sent to bob')
      hide()
      const { out } = await revoke()
      expect(out, String(hide)).toMatch(/^revoked bafy\w+ for \/mcp\/mail$/)
      if (existsSync(`${folder()}.moved`)) renameSync(`${folder()}.moved`, folder())
      rmSync(file, { force: true })
      writeFileSync(file, hidden, { mode: 0o600 })
      expect(await called(), String(hide)).toMatch(/^Denied \(revoked\)/)
      await clients.end()
      await gateway.close()
      // The next wrap issues another one.
      rmSync(file)
      expect((await machine.procura(['unwrap', config, '--key-file', keyFile])).code).toBe(0)
      expect((await machine.procura(['wrap', config, '--key-file', keyFile])).code).toBe(0)
    }
  })

  it('finds the record of an agent whose folder is named by a path through a link [WRP-32]', async () => {
    rmSync(join(folder(), 'delegations'))
    const link = join(machine.folder, 'link')
    symlinkSync(machine.home, link)
    const words = ['revoke', '--agent', join(link, 'agents', 'claude'), '--key-file', keyFile]
    expect((await machine.procura(words)).out).toMatch(/^revoked bafy\w+ for \/mcp\/mail$/)
  })

  it('finds the record of an agent by a link to its folder [WRP-32]', async () => {
    rmSync(join(folder(), 'delegations'))
    const link = join(machine.folder, 'link')
    symlinkSync(folder(), link)
    const words = ['revoke', '--agent', link, '--key-file', keyFile]
    expect((await machine.procura(words)).out).toMatch(/^revoked bafy\w+ for \/mcp\/mail$/)
  })

  it('finds the record of an agent that has put a link to the folder of another one in the place of its own [WRP-32]', async () => {
    const other = join(machine.home, 'agents', 'other')
    renameSync(folder(), other)
    rmSync(join(other, 'delegations'))
    symlinkSync(other, folder())
    expect((await machine.procura(['revoke', '--agent', 'other', '--key-file', keyFile])).out).toBe('')
    expect((await revoke()).out).toMatch(/^revoked bafy\w+ for \/mcp\/mail$/)
  })

  it('ends the recorded delegations before those that the agent has added to its file [WRP-32]', async () => {
    const path = join(folder(), 'delegations')
    const [genuine] = await held()
    const forged = [1, 2, 3, 4, 5, 6, 7].map(
      (change) => genuine?.map((byte, at) => (at === 20 ? byte ^ change : byte)) as Uint8Array,
    )
    rmSync(path)
    const add = new Map([...forged, genuine as Uint8Array].map((bytes, at) => [`${at}`, bytes]))
    await fileDelegationStore({ path }).change({ add, remove: [] }, {})
    expect((await held()).length).toBe(8)
    const { code, out, err } = await revoke()
    expect([code, out]).toEqual([
      0,
      `revoked ${(await decodeDelegation(genuine as Uint8Array)).cid.toString()} for /mcp/mail`,
    ])
    expect(err).toContain('ignored 7 delegations in the file of the agent that the owner has not signed about itself')
    expect(pending()).toHaveLength(1)
    // Nor are they sent for an agent without a record, which is removed when the gateway has accepted the revocation.
    await open()
    expect(await revoke()).toMatchObject({ code: 0 })
    expect(await revoke()).toMatchObject({ code: 1, out: '' })
    expect(pending()).toHaveLength(0)
  })

  it('ends delegations in the file of the agent that are not recorded, whenever they are valid [CLI-14]', async () => {
    const { audience } = await decodeDelegation((await held())[0] as Uint8Array)
    const { signer } = await openSignerFile({ path: join(machine.home, 'owner.key'), key: { keyFile } })
    const terms = [{ expiration: never }, { notBefore: 4_000_000_000, expiration: 4_000_000_100 }] as const
    const made = await Promise.all(
      terms.map((one) => delegate({ issuer: signer, audience, command: '/mcp/other' as never, ...one })),
    )
    const add = new Map(made.map(({ cid, bytes }) => [cid.toString(), bytes]))
    await fileDelegationStore({ path: join(folder(), 'delegations') }).change({ add, remove: [] }, {})
    const { code, out } = await revoke('--server', 'other')
    expect([code, out.split('\n').sort()]).toEqual([
      0,
      made.map(({ cid }) => `revoked ${cid.toString()} for /mcp/other`).sort(),
    ])
  })

  it('ends the broader delegation that a later `wrap` has replaced [WRP-11] [WRP-32]', async () => {
    const file = join(folder(), 'delegations')
    const broad = readFileSync(file)
    expect((await machine.procura(['unwrap', config, '--key-file', keyFile, '--keep-delegations'])).code).toBe(0)
    const narrow = ['wrap', config, '--key-file', keyFile, '--tools', 'send']
    const wrapped = await machine.procura(narrow)
    expect([wrapped.code, wrapped.err]).toEqual([0, expect.any(String)])
    expect(readFileSync(file)).not.toEqual(broad)
    await open()
    const { code, out } = await revoke()
    expect([code, out.split('\n').length]).toEqual([0, 2])
    writeFileSync(file, broad, { mode: 0o600 })
    expect(await called()).toMatch(/^Denied \(revoked\)/)
    const left = ['vault', 'list', '--file', join(machine.home, 'vault'), '--key-file', keyFile]
    expect((await machine.procura(left)).out).not.toContain('issued')
  })

  it('ends what an agent has received from another one, and leaves the delegations to that one [WRP-33]', async () => {
    const [helper, cids] = await newHelper()
    await open()
    expect([await called(helper), await called()]).toEqual(['sent to bob', 'sent to bob'])
    const { code, out, err } = await machine.procura(['revoke', '--agent', 'helper', '--key-file', keyFile])
    expect([code, out]).toEqual([0, `revoked ${cids[1]} for /mcp/mail/send`])
    expect(err).toContain(
      `left ${cids[0]} for /mcp/mail: it is to the agent claude, and this agent cannot use it; \`procura revoke --agent claude\` revokes it`,
    )
    expect(await called(helper)).not.toBe('sent to bob')
    expect(await called()).toBe('sent to bob')
    const again = await machine.procura(['revoke', '--agent', 'helper', '--key-file', keyFile, '--json'])
    expect([again.code, JSON.parse(again.out)]).toMatchObject([
      1,
      { revoked: [], left: [{ delegation: cids[0], command: '/mcp/mail' }] },
    ])
    // And the other way round: all that is built on it ends.
    expect((await revoke()).code).toBe(0)
    expect(await called()).not.toBe('sent to bob')
  })

  it('ends one delegation by its CID, and refuses options without an effect [CLI-14]', async () => {
    const { audience } = await decodeDelegation((await held())[0] as Uint8Array)
    const { signer } = await openSignerFile({ path: join(machine.home, 'owner.key'), key: { keyFile } })
    const one = await delegate({ issuer: signer, audience, command: '/mcp/mail/slow', expiresIn: 600 })
    const add = new Map([[one.cid.toString(), one.bytes]])
    await fileDelegationStore({ path: join(folder(), 'delegations') }).change({ add, remove: [] }, {})
    for (const option of ['--out', '--ledger'])
      expect(await revoke(option, join(machine.folder, 'x'))).toMatchObject({
        ...{ code: 2, out: '', err: expect.stringContaining(`${option} is for a delegation in FILE`) },
      })
    expect(await revoke('--delegation', 'bafy')).toMatchObject({ code: 1, out: '' })
    expect((await held()).length).toBe(2)
    expect(await revoke('--delegation', one.cid.toString())).toMatchObject({
      ...{ code: 0, out: `revoked ${one.cid} for /mcp/mail/slow` },
    })
    expect((await held()).length).toBe(1)
  })

  const didOf = async (name: string): Promise<string> =>
    (await describeSignerFile({ path: join(machine.home, 'agents', name, 'agent.key') })).keys[0]?.did as string
  const revokeDid = (did: string, ...more: string[]): ReturnType<Machine['procura']> =>
    machine.procura(['revoke', '--agent', did, '--key-file', keyFile, ...more])

  it('ends all that is on record for a DID, under any name, at the running gateway [CON-38]', async () => {
    const did = await didOf('claude')
    const [first] = await held()
    // The record of another name has a delegation to it, as after an invitation of the same key.
    const key = { keyFile }
    const { signer } = await openSignerFile({ path: join(machine.home, 'owner.key'), key })
    const second = await delegate({ issuer: signer, audience: did as never, command: '/mcp/mail/send', expiresIn: 600 })
    const other = await delegate({ issuer: signer, audience: signer.did, command: '/mcp/mail', expiresIn: 600 })
    await noteIssued(await openIssued(join(machine.home, 'vault'), key), 'codex', [second, other])
    await open()
    expect(await called()).toBe('sent to bob')
    const copy = readFileSync(join(folder(), 'delegations'))
    // The agent hides its key and its file.
    renameSync(folder(), `${folder()}.moved`)
    const { cid } = await decodeDelegation(first as Uint8Array)
    const only = await revokeDid(did, '--delegation', second.cid.toString())
    expect(only).toMatchObject({ code: 0, out: `revoked ${second.cid} for /mcp/mail/send` })
    expect(await revokeDid(did)).toMatchObject({ code: 0, out: `revoked ${cid} for /mcp/mail` })
    renameSync(`${folder()}.moved`, folder())
    writeFileSync(join(folder(), 'delegations'), copy, { mode: 0o600 })
    expect(await called()).toMatch(/^Denied \(revoked\)/)
    // The delegation to another DID under the name is left.
    expect(
      (await issuedTo(await openIssued(join(machine.home, 'vault'), key), 'codex')).map((one) => `${one.cid}`),
    ).toEqual([`${other.cid}`])
    expect(await revokeDid((await generateSigner()).did)).toMatchObject({
      ...{ code: 1, out: '', err: 'the agent has no such delegation' },
    })
    for (const wrong of ['did:key:nothing', 'did:key', 'DID:key:z6Mk'])
      expect((await revokeDid(wrong)).err).toContain('--agent is not a valid DID; copy the whole DID')
  })

  it('ends by its DID what an agent has received, and not what another one has that claims the DID [CON-38]', async () => {
    const [, cids] = await newHelper()
    const helper = await didOf('helper')
    const thief = join(machine.home, 'agents', 'claude', 'agent.key')
    const own = readFileSync(thief)
    copyFileSync(join(machine.home, 'agents', 'helper', 'agent.key'), thief)
    expect(await revokeDid(helper)).toMatchObject({ code: 0, out: `revoked ${cids[1]} for /mcp/mail/send` })
    writeFileSync(thief, own, { mode: 0o600 })
    await open()
    expect(await called()).toBe('sent to bob')
    // A file that cannot be read, of an agent that claims the DID, keeps nothing from being revoked.
    const did = await didOf('claude')
    copyFileSync(thief, join(machine.home, 'agents', 'helper', 'agent.key'))
    writeFileSync(join(machine.home, 'agents', 'helper', 'delegations'), 'damaged', { mode: 0o600 })
    expect(await revokeDid(did)).toMatchObject({
      ...{ code: 1, out: `revoked ${cids[0]} for /mcp/mail` },
      err: expect.stringContaining('in a file that cannot be read'),
    })
    expect(await called()).not.toBe('sent to bob')
  })

  it('ends nothing of the agent whose file another one has copied [WRP-33]', async () => {
    await machine.procura(['agent', 'new', 'thief'])
    const copy = join(machine.home, 'agents', 'thief', 'delegations')
    copyFileSync(join(folder(), 'delegations'), copy)
    await open()
    const thief = await machine.procura(['revoke', '--agent', 'thief', '--key-file', keyFile])
    expect(thief).toMatchObject({ code: 1, out: '', err: expect.stringContaining('it is to the agent claude') })
    expect(await called()).toBe('sent to bob')
    // Without the DID of the agent, nothing is guessed.
    rmSync(join(machine.home, 'agents', 'thief', 'agent.key'))
    expect(await machine.procura(['revoke', '--agent', 'thief', '--key-file', keyFile])).toMatchObject({
      ...{ code: 2, out: '', err: expect.stringContaining('so the DID of the agent is unknown; restore the file') },
    })
    expect(await called()).toBe('sent to bob')
    // Nor does the key file of the other agent in the place of its own make it that agent.
    copyFileSync(join(folder(), 'agent.key'), join(machine.home, 'agents', 'thief', 'agent.key'))
    expect(await machine.procura(['revoke', '--agent', 'thief', '--key-file', keyFile])).toMatchObject({
      ...{ code: 2, out: '', err: expect.stringContaining('or has the DID of another agent') },
    })
    expect(await called()).toBe('sent to bob')
  })

  it('finds a delegation among forged proofs of it, and counts those that lead to no owner [WRP-33]', async () => {
    const [helper, cids] = await newHelper()
    const path = join(helper, 'delegations')
    const tokens = await fileDelegationStore({ path }).load({})
    const isRoot = await Promise.all(
      tokens.map(async (bytes) => (await decodeDelegation(bytes)).cid.toString() === cids[0]),
    )
    const [first, second] = [tokens[isRoot.indexOf(true)], tokens[isRoot.indexOf(false)]]
    const forged = [1, 2, 3, 4, 5, 6, 7].map((change) =>
      (first as Uint8Array).map((byte, at) => (at === 20 ? byte ^ change : byte)),
    )
    rmSync(path)
    // The genuine proof is last.
    const add = new Map([...forged, second, first].map((bytes, at) => [`${at}`, bytes as Uint8Array]))
    await fileDelegationStore({ path }).change({ add, remove: [] }, {})
    const words = ['revoke', '--agent', 'helper', '--key-file', keyFile]
    expect(await machine.procura(words)).toMatchObject({ code: 0, out: `revoked ${cids[1]} for /mcp/mail/send` })
    rmSync(path)
    await fileDelegationStore({ path }).change({ add: new Map([['x', second as Uint8Array]]), remove: [] }, {})
    expect(await machine.procura(words)).toMatchObject({
      ...{ code: 1, out: '' },
      err: expect.stringContaining('left 1 delegation in the file of the agent that the owner cannot revoke'),
    })
  })

  /** Listens in the place of the gateway, and answers each first line. */
  async function impostor(answerOf: (line: string) => Promise<string> | string): Promise<Server> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      createInterface(socket).once('line', async (line) => void socket.end(`${await answerOf(line)}\n`))
    })
    await new Promise<void>((resolve) => server.listen(join(machine.home, 'gateway.sock'), resolve))
    return server
  }

  const cidIn = async (line: string): Promise<string> => {
    const { revoke: container } = JSON.parse(line) as { readonly revoke: string }
    const { invocations } = await openContainer(container)
    return String(invocations[0]?.args['revoke'])
  }

  it('counts an answer only with a receipt of the gateway, and keeps the revocation until then [CLI-25] [GTW-90]', async () => {
    const copy = readFileSync(join(folder(), 'delegations'))
    const stranger = await generateSigner()
    const lies: ((line: string) => Promise<string> | string)[] = [
      () => '{"procura":1,"revoked":"x"}',
      async (line) => JSON.stringify({ procura: 1, revoked: await cidIn(line), recorded: true }),
      async (line) => {
        const { revoke: container } = JSON.parse(line) as { readonly revoke: string }
        const revoked = await cidIn(line)
        return JSON.stringify({ procura: 1, revoked, receipt: await revocationReceipt(stranger, container, revoked) })
      },
      () => '{"procura":1,"revoked":"x","receipt":"AAAA"}',
      () => '{"procura":1}',
      () => '{"procura":1,"error":null}',
      () => '{"procura":1,"error":"x"}',
      () => '{"procura":1,"error":{"code":"x","message":{"x":1}}}',
    ]
    for (const [at, lie] of lies.entries()) {
      const server = await impostor(lie)
      const { code, out, err } = await revoke()
      await new Promise((resolve) => server.close(resolve))
      expect([at, code, out]).toEqual([at, 1, ''])
      expect(err).toMatch(
        /without the signature of the gateway, so another program may listen there; .* is not confirmed/,
      )
      // Each attempt makes the same revocation.
      expect(pending()).toHaveLength(1)
    }
    // The gateway takes at its start what nobody had taken, and the record has not forgotten the delegation.
    await open()
    expect(pending()).toEqual([])
    writeFileSync(join(folder(), 'delegations'), copy, { mode: 0o600 })
    expect(await called()).toMatch(/^Denied \(revoked\)/)
    expect((await revoke()).out).toMatch(/^revoked bafy\w+ for \/mcp\/mail$/)
    expect((await revoke()).err).toContain('the agent has no such delegation')
  })

  it('leaves the revocation for the next start of a gateway that does not run [CLI-14] [GTW-65]', async () => {
    const copy = readFileSync(join(folder(), 'delegations'))
    const { code, err } = await revoke('--server', 'mail')
    expect([code, err]).toEqual([0, expect.stringContaining('does not run; it takes the revocation when it starts')])
    const [file = '', ...more] = pending()
    expect([file, more]).toEqual([expect.stringMatching(/^bafy\w+\.ucan$/), []])
    expect(lstatSync(join(machine.home, 'revocations', file)).mode & 0o777).toBe(0o600)
    writeFileSync(join(folder(), 'delegations'), copy, { mode: 0o600 })
    const events: string[] = []
    await open(events)
    expect(events).toContainEqual(expect.stringMatching(/^the delegation bafy\w+ is revoked$/))
    expect(pending()).toEqual([])
    expect(await called()).toMatch(/^Denied \(revoked\)/)
  })

  it('does not start while a revocation cannot be read or stored [GTW-65]', async () => {
    const path = join(machine.home, 'revocations')
    writeFileSync(path, '')
    await expect(open([])).rejects.toThrow(/`.*revocations` cannot be read \(ENOTDIR\), so its revocations are unknown/)
    rmSync(path)
    const { code } = await revoke('--server', 'mail')
    expect(code).toBe(0)
    const [file = ''] = pending()
    chmodSync(join(path, file), 0o644)
    await expect(open([])).rejects.toThrow(/chmod 600/)
    expect(pending()).toEqual([file])
    chmodSync(join(path, file), 0o600)
    await open([])
    expect(pending()).toEqual([])
  })

  it('sets a revocation aside that the gateway refuses, and starts [GTW-65]', async () => {
    const [file, from] = await written()
    expect((await machine.procura(['revoke', file, '--from', from, '--home', machine.home])).code).toBe(0)
    expect(pending()).toHaveLength(1)
    const events: string[] = []
    await open(events)
    expect(events).toContainEqual(expect.stringMatching(/^refused the revocation `.*\.ucan`: /))
    expect(pending()).toEqual([expect.stringMatching(/^bafy\w+\.ucan\.refused$/)])
    expect(await called()).toBe('sent to bob')
  })

  it('does not start while a revocation is damaged, until it is revoked again and the file removed [GTW-65]', async () => {
    const copy = readFileSync(join(folder(), 'delegations'))
    expect((await revoke()).code).toBe(0)
    const [file = ''] = pending()
    const path = (name: string): string => join(machine.home, 'revocations', name)
    writeFileSync(path(file), readFileSync(path(file)).subarray(0, -9))
    copyFileSync(path(file), path('zz.ucan'))
    await expect(open()).rejects.toThrow(/is damaged; revoke again with `procura revoke --agent NAME`/)
    expect((await revoke()).code).toBe(0)
    await expect(open()).rejects.toThrow(/zz\.ucan` is damaged; .* and remove this file if it is still there/)
    rmSync(path('zz.ucan'))
    await open()
    expect(pending()).toEqual([])
    writeFileSync(join(folder(), 'delegations'), copy, { mode: 0o600 })
    expect(await called()).toMatch(/^Denied \(revoked\)/)
  })

  it('reports a damaged revocation at a reload, and revoking again settles it [GTW-65]', async () => {
    const copy = readFileSync(join(folder(), 'delegations'))
    expect((await revoke()).code).toBe(0)
    const file = join(machine.home, 'revocations', pending()[0] ?? '')
    rmSync(file)
    const events: string[] = []
    const gateway = await open(events)
    writeFileSync(file, '', { mode: 0o600 })
    await gateway.reload(await readGatewayConfig(join(machine.home, 'gateway.json')))
    expect(events).toContainEqual(expect.stringMatching(/^the revocation `.*` is damaged; revoke again with/))
    expect(pending()).toHaveLength(1)
    expect((await revoke()).code).toBe(0)
    expect(pending()).toEqual([])
    writeFileSync(join(folder(), 'delegations'), copy, { mode: 0o600 })
    expect(await called()).toMatch(/^Denied \(revoked\)/)
  })

  it('reports that a gateway with --dry-run has taken it and refuses no call, until it starts without [CLI-25] [GTW-40]', async () => {
    const copy = readFileSync(join(folder(), 'delegations'))
    const shadow = await open([], true)
    const { code, err, out } = await revoke('--json')
    expect([code, JSON.parse(out)]).toMatchObject([0, { revoked: [{ command: '/mcp/mail' }], dryRun: true }])
    expect(err).toMatch(/has accepted the revocation, and runs with --dry-run: every call runs, also one that uses/)
    expect(err).not.toContain('refuses every call')
    const [file, from] = [join(machine.folder, 'copy'), join(machine.home, 'owner.key')]
    writeFileSync(file, copy, { mode: 0o600 })
    const byFile = await machine.procura(['revoke', file, '--from', from, '--key-file', keyFile, '--json'])
    expect(JSON.parse(byFile.out)).toMatchObject({ gateway: 'taken', dryRun: true })
    expect(byFile.err).toContain('runs with --dry-run')
    copyFileSync(file, join(folder(), 'delegations'))
    expect(await called()).toBe('sent to bob')
    await clients.end()
    await shadow.close()
    await open()
    expect(await called()).toMatch(/^Denied \(revoked\)/)
  })

  it('needs the key of the owner, and an agent', async () => {
    expect((await machine.procura(['revoke', '--agent', 'nobody', '--key-file', keyFile])).err).toContain(
      'does not exist',
    )
    expect((await machine.procura(['revoke', 'x', '--agent', 'claude'])).err).toContain('pass no file and no --from')
    expect((await machine.procura(['revoke', '--server', 'mail', '--from', 'x'])).err).toContain(
      '--server is for --agent',
    )
    renameSync(keyFile, `${keyFile}.gone`)
    expect((await revoke()).code).toBe(2)
    expect((await held()).length).toBe(1)
  })
})

describe('procura revoke', () => {
  it('sends the revocation to the gateway of the home folder, and reports the answer [CLI-14]', async () => {
    const [file, from] = await written()
    await open()
    // The issuer is not an owner of this gateway.
    const implicit = await machine.procura(['revoke', file, '--from', from])
    expect([implicit.code, implicit.err]).toEqual([
      0,
      expect.stringMatching(/the gateway of `.*` refuses the revocation: the `path` of/),
    ])
    const explicit = await machine.procura(['revoke', file, '--from', from, '--home', machine.home, '--json'])
    expect([explicit.code, JSON.parse(explicit.out).gateway]).toEqual([1, 'refused'])
    const owner = join(machine.home, 'owner.key')
    const mine = ['revoke', join(folder(), 'delegations'), '--from', owner, '--key-file', keyFile]
    const taken = await machine.procura([...mine, '--json'])
    expect([taken.code, JSON.parse(taken.out).gateway]).toEqual([0, 'taken'])
    expect(await called()).toMatch(/^Denied \(revoked\)/)
  })

  it('says so where there is no gateway, or none can be reached [CLI-14]', async () => {
    const [file, from] = await written()
    const none = join(machine.folder, 'none')
    const nowhere = await machine.procura(['revoke', file, '--from', from, '--home', none])
    expect([nowhere.code, nowhere.err]).toEqual([
      1,
      expect.stringMatching(/it is sent to no gateway: `.*none` has none$/),
    ])
    expect(nowhere.out).toMatch(/^[A-Z]/)
    expect(existsSync(none)).toBe(false)
  })
})

describe('procura unwrap', () => {
  const unwrap = (...more: string[]): ReturnType<Machine['procura']> =>
    machine.procura(['unwrap', config, '--key-file', keyFile, ...more])

  it('revokes the delegations that it removes, at the running gateway [WRP-19]', async () => {
    const copy = readFileSync(join(folder(), 'delegations'))
    await open()
    const { code, err } = await unwrap()
    expect(code).toBe(0)
    expect(err).toMatch(/revoked 1 delegation of the agent claude\nthe gateway of `.*` has accepted the revocation/)
    // The same server comes back: the old delegation does not work any more.
    expect((await machine.procura(['wrap', config, '--key-file', keyFile, '--agent', 'other'])).code).toBe(0)
    await gateways[0]?.reload(await readGatewayConfig(join(machine.home, 'gateway.json')))
    await gateways[0]?.refresh()
    writeFileSync(join(folder(), 'delegations'), copy, { mode: 0o600 })
    expect(await called()).toMatch(/^Denied \(revoked\)/)
  })

  it('keeps them with --keep-delegations, with the time for which a copy is valid [WRP-19]', async () => {
    const { code, err } = await unwrap('--keep-delegations')
    expect([code, err]).toEqual([0, expect.stringMatching(/not revoked, and valid for a copy of it: bafy\w+ until 20/)])
    expect([pending(), (await held()).length]).toEqual([[], 0])
  })

  it('has the exit code 1 if the gateway does not take the revocation, as `revoke --agent` [WRP-19] [CLI-14]', async () => {
    const server = createServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end('no answer of a gateway\n'),
    )
    await new Promise<void>((resolve) => server.listen(join(machine.home, 'gateway.sock'), resolve))
    const unwrapped = await unwrap()
    expect([unwrapped.code, unwrapped.err]).toEqual([
      1,
      expect.stringMatching(
        /the revocation is not confirmed; .*\nnot revoked, and valid for a copy of it: bafy\w+ until 20/,
      ),
    ])
    const words = ['revoke', '--agent', 'claude', '--key-file', keyFile]
    expect(await machine.procura(words)).toMatchObject({ code: 1, out: '' })
    await new Promise((resolve) => server.close(resolve))
    expect(await machine.procura(words)).toMatchObject({ code: 0, out: expect.stringMatching(/^revoked bafy/) })
  })

  it('keeps all that is needed to revoke later what the gateway has not taken [WRP-34]', async () => {
    const [helper, cids] = await newHelper()
    const text = JSON.stringify({ mcpServers: { mail: mail() } })
    const other = machine.write('.cursor/mcp.json', text)
    expect((await machine.procura(['wrap', other, '--agent', 'helper', '--key-file', keyFile])).code).toBe(0)
    // One that is not recorded.
    const given = join(machine.folder, 'given.ucan')
    const to = (await machine.procura(['key', 'show', join(helper, 'agent.key')])).out
    const owner = ['--from', join(machine.home, 'owner.key'), '--key-file', keyFile]
    const grant = ['delegate', ...owner, '--to', to, '--command', '/mcp/mail/slow', '--out', given]
    expect((await machine.procura(grant)).code).toBe(0)
    expect((await machine.procura(['agent', 'receive', 'helper', given])).code).toBe(0)
    const server = createServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end('no answer of a gateway\n'),
    )
    await new Promise<void>((resolve) => server.listen(join(machine.home, 'gateway.sock'), resolve))
    const unwrapped = await machine.procura(['unwrap', other, '--key-file', keyFile])
    expect([unwrapped.code, unwrapped.err]).toEqual([
      1,
      expect.stringContaining('to revoke it later, run `procura revoke --agent helper --server mail`'),
    ])
    expect(readFileSync(other, 'utf8')).toBe(text)
    const words = ['revoke', '--agent', 'helper', '--server', 'mail', '--key-file', keyFile]
    expect(await machine.procura(words)).toMatchObject({ code: 1, out: '' })
    await new Promise((resolve) => server.close(resolve))
    const { code, out } = await machine.procura(words)
    expect([code, out.split('\n').map((line) => line.split(' for ')[1])]).toEqual([
      0,
      ['/mcp/mail', '/mcp/mail/slow', '/mcp/mail/send'],
    ])
    expect(out).toContain(`revoked ${cids[1]} for`)
    expect(pending()).toHaveLength(3)
    await open()
    expect(await called()).toBe('sent to bob')
  })

  it('is about one that a later `wrap` has replaced, too [WRP-34]', async () => {
    const { audience } = await decodeDelegation((await held())[0] as Uint8Array)
    const owner = ['--from', join(machine.home, 'owner.key'), '--key-file', keyFile]
    const given = join(machine.folder, 'given.ucan')
    const grant = ['delegate', ...owner, '--to', audience, '--command', '/mcp/mail/slow', '--out', given]
    expect((await machine.procura(grant)).code).toBe(0)
    expect((await machine.procura(['agent', 'receive', 'claude', given])).code).toBe(0)
    const other = machine.write('.cursor/mcp.json', `{"mcpServers":{"mail":${JSON.stringify(mail())}}}`)
    const words = ['wrap', other, '--agent', 'claude', '--tools', 'send', '--key-file', keyFile]
    expect((await machine.procura(words)).code).toBe(0)
    expect(await held()).toHaveLength(1)
    const { out } = await machine.procura(['revoke', '--agent', 'claude', '--key-file', keyFile])
    expect(
      out
        .split('\n')
        .map((line) => line.split(' for ')[1])
        .sort(),
    ).toEqual(['/mcp/mail', '/mcp/mail/send', '/mcp/mail/slow'])
  })

  it('leaves delegations in the file whose receiver is unknown [WRP-34]', async () => {
    const file = await held()
    rmSync(join(folder(), 'agent.key'))
    // Without its record too.
    await machine.procura([
      'vault',
      'remove',
      'procura-wrap/issued-claude',
      '--file',
      join(machine.home, 'vault'),
      '--key-file',
      keyFile,
    ])
    const { code, err } = await unwrap()
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/left 1 delegation in its file: `.*` cannot be read, or has the DID of another agent, so/),
    ])
    expect(await held()).toEqual(file)
  })

  it('leaves the revocation for the next start without a running gateway [WRP-19]', async () => {
    const { code, err } = await unwrap()
    expect([code, err]).toEqual([0, expect.stringContaining('does not run; it takes the revocation when it starts')])
    expect(pending()).toHaveLength(1)
  })
})
