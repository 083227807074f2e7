import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { delegate, encodeContainer, generateSigner } from 'procura'
import { describeSignerFile } from 'procura/signer/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../../../../../test/support/free-port.ts'
import { removeStages } from '../../../src/cli/home/home-files.ts'
import { issuedTo, openIssued } from '../../../src/cli/home/issued.ts'
import { run } from '../../../src/cli/run.ts'
import {
  codeOf as codeFor,
  hashOf,
  randomValue,
  readInvitation,
  writeInvitation,
} from '../../../src/cli/team/invitation.ts'
import { openGateway, readGatewayConfig } from '../../../src/index.ts'
import { newClients, textOf } from '../../gateway/agent-side/connect/client.ts'
import { mailServer } from '../../gateway/serve/gateway-home.ts'
import type { CliResult } from '../run-cli.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

let ann: Machine
let bob: Machine
let closers: (() => unknown)[]

beforeEach(async () => {
  ann = newMachine()
  bob = newMachine()
  closers = [ann.remove, bob.remove]
  const mail = {
    command: process.execPath,
    args: [mailServer],
    env: { CALLS_FILE: join(ann.folder, 'calls'), MAIL_KEY: 'k' },
  }
  const path = ann.write('.mcp.json', JSON.stringify({ mcpServers: { mail } }))
  expect((await ann.procura(['wrap', path, '--key-file', ann.keyFile])).code).toBe(0)
  const [file, port] = [join(ann.home, 'gateway.json'), await freePort()]
  const listen = { address: `127.0.0.1:${port}` }
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), listen }))
}, 60_000)

afterEach(async () => {
  for (const close of closers.reverse()) await close()
})

/** A run of the program whose questions are answered later. */
interface Running {
  /** All that it has said. */
  said(): string
  /** Resolves when it has said a text, or has ended. */
  until(text: RegExp): Promise<string>
  readonly ended: Promise<CliResult>
  answer(...typed: readonly string[]): void
}

function start(machine: Machine, words: readonly string[], signal?: AbortSignal): Running {
  const [out, err]: string[][] = [[], []]
  const said = (): string => [...(out as string[]), ...(err as string[])].join('\n')
  const answers: string[] = []
  let wake: () => void = () => undefined
  const ended = run(words, {
    env: machine.env,
    program: ['/usr/bin/node', '/opt/procura/procura.js'],
    isTerminal: true,
    ...(signal !== undefined && { signal }),
    print: (line) => void out?.push(line),
    complain: (line) => void err?.push(line),
    readInput: async () => new Uint8Array(),
    async askHidden(question) {
      err?.push(question)
      while (answers.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      return Buffer.from(answers.shift() as string)
    },
  }).then((code) => ({ code, out: (out as string[]).join('\n'), err: (err as string[]).join('\n') }))
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  return {
    said,
    ended,
    async until(text) {
      await expect.poll(() => isOver || text.test(said())).toBe(true)
      return text.exec(said())?.[1] ?? ''
    },
    answer(...typed) {
      answers.push(...typed)
      wake()
    },
  }
}

async function invited(...more: readonly string[]): Promise<Running & { readonly text: string }> {
  const running = start(ann, ['invite', 'bob', ...more])
  const text = await running.until(/^procura join (\S+)$/m)
  expect(text, running.said()).not.toBe('')
  return { ...running, text }
}

const codeOf = (joining: Running): Promise<string> => joining.until(/the code is ([a-z2-9]{6});/)
const folder = (): string => join(bob.home, 'agents', 'bob')

interface Claim {
  readonly did: string
  readonly socket: Socket
  next(): Promise<Record<string, unknown>>
}

/** Takes an invitation by hand. */
async function claim(text: string, secret?: string): Promise<Claim> {
  const invitation = readInvitation(text)
  const socket = connect({ host: '127.0.0.1', port: invitation.port }).on('error', () => undefined)
  closers.push(() => socket.destroy())
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  const { did } = await generateSigner()
  socket.write(`${JSON.stringify({ join: secret ?? invitation.secret, did })}\n`)
  return { did, socket, next: async () => JSON.parse((await lines.next()).value as string) }
}

/** The other side of an invitation, by hand. */
async function fakeInvite(answers: (did: string) => Promise<readonly object[]>): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', async (data) => {
      for (const one of await answers(JSON.parse(String(data)).did)) socket.write(`${JSON.stringify(one)}\n`)
      socket.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

/** Whether a delegation to an agent is on record, revoked or not. */
async function isOnRecord(): Promise<boolean> {
  const key = { keyFile: ann.keyFile }
  return (await issuedTo(await openIssued(join(ann.home, 'vault'), key), 'bob')).length > 0
}

describe('procura invite and procura join', () => {
  it('need no hurry: other programs leave what join has begun, and the next join removes what a killed one left [CON-35]', async () => {
    const left = join(bob.home, '.bob.new-0')
    mkdirSync(left, { recursive: true, mode: 0o700 })
    chmodSync(bob.home, 0o700)
    const invite = await invited()
    const joining = start(bob, ['join', invite.text])
    const code = await codeOf(joining)
    await invite.until(/6 characters/)
    expect(existsSync(left)).toBe(false)
    // As the first step of each verb that changes the home folder.
    await removeStages(bob.home)
    invite.answer(code)
    expect([(await invite.ended).code, (await joining.ended).code], joining.said()).toEqual([0, 0])
    expect(readdirSync(bob.home)).toEqual(['agents'])
    expect(readdirSync(folder())).toEqual(expect.arrayContaining(['agent.key', 'connect.json', 'delegations']))
    expect(readdirSync(folder())).not.toContain('wrap.lock')
  })

  it('give an agent of another user its authority and name, which the owner can end [CON-33] [CON-34] [CON-35] [CON-37] [CON-38]', async () => {
    const invite = await invited('--policy', 'send: .to == bob')
    const joining = start(bob, ['join', invite.text])
    const code = await codeOf(joining)
    await invite.until(/6 characters/)
    invite.answer('wrong1', ` ${code.toUpperCase()} `)
    expect(await joining.ended).toMatchObject({ code: 0 })
    expect(await invite.ended).toMatchObject({ code: 0, err: expect.stringContaining('this is not the code') })
    expect(invite.said() + joining.said()).not.toContain('PRIVATE')
    const { keys } = await describeSignerFile({ path: join(folder(), 'agent.key') })
    expect(joining.said()).toContain(keys[0]?.did)
    const gateway = await openGateway({ config: await readGatewayConfig(join(ann.home, 'gateway.json')) })
    closers.push(() => gateway.close())
    const clients = newClients()
    closers.push(() => clients.end())
    const client = await clients.open(folder())
    expect(textOf(await client.call('send', { to: 'bob' }))).toBe('sent to bob')
    expect(textOf(await client.call('send', { to: 'eve' }))).toMatch(/^Denied/)
    const { out: log } = await ann.procura(['log'])
    expect(log.match(/agent bob/g)?.length, log).toBeGreaterThanOrEqual(2)
    expect(log).not.toContain(keys[0]?.did)
    expect((await ann.procura(['status'])).out).toContain('1 of bob: ')
    expect((await ann.procura(['log', '--agent', 'bob'])).out).toContain('agent bob')
    // A local agent that claims the DID takes its name away, and does not get it.
    mkdirSync(join(ann.home, 'agents', 'eve'))
    copyFileSync(join(folder(), 'agent.key'), join(ann.home, 'agents', 'eve', 'agent.key'))
    expect((await ann.procura(['log'])).out).not.toMatch(/agent (bob|eve)/)
    rmSync(join(ann.home, 'agents', 'eve'), { recursive: true })
    const again = start(ann, ['invite', 'bob'])
    expect((await again.ended).err).toContain('`procura revoke --agent bob')
    const did = String(keys[0]?.did)
    expect(await ann.procura(['revoke', '--agent', did])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^(revoked bafy\w+ for \/mcp\/mail\/\w+\n?)+$/),
    })
    expect((await ann.procura(['revoke', '--agent', 'bob'])).code).toBe(2)
    expect((await ann.procura(['revoke', '--agent', did])).code).toBe(1)
    expect(textOf(await client.call('send', { to: 'bob' }))).not.toBe('sent to bob')
  })

  it('refuse a text that was read and used by a third user before [CON-34] [CON-35]', async () => {
    const invite = await invited()
    const thief = await claim(invite.text)
    const { nonce } = await thief.next()
    expect(typeof nonce).toBe('string')
    const joining = start(bob, ['join', invite.text])
    expect(await joining.ended).toMatchObject({
      code: 2,
      err: expect.stringContaining('somebody has used this invitation'),
    })
    expect(existsSync(folder())).toBe(false)
    await invite.until(/6 characters/)
    invite.answer('aaaaaa', 'bbbbbb', '')
    expect(await invite.ended).toMatchObject({ code: 1, err: expect.stringContaining('three wrong codes') })
    expect(await thief.next()).toMatchObject({ error: 'refused' })
    expect(await isOnRecord()).toBe(false)
  })

  it('refuse a wrong secret, which takes nothing [CON-35]', async () => {
    const invite = await invited()
    const stranger = await claim(invite.text, randomValue())
    expect(await stranger.next()).toMatchObject({ error: 'refused' })
    const joining = start(bob, ['join', invite.text])
    const code = await codeOf(joining)
    invite.answer(code)
    expect([(await joining.ended).code, (await invite.ended).code]).toEqual([0, 0])
    const replayed = start(bob, ['join', invite.text, '--home', join(bob.folder, 'other')])
    expect(await replayed.ended).toMatchObject({ code: 2, err: expect.stringContaining('nobody waits') })
  })

  it('issue nothing to a program that has ended, and name the end of what was not confirmed [CON-35]', async () => {
    for (const isEarly of [true, false]) {
      const invite = await invited()
      const other = await claim(invite.text)
      const { nonce } = await other.next()
      const code = await codeFor(other.did, readInvitation(invite.text), String(nonce))
      await invite.until(/6 characters/)
      if (isEarly) other.socket.destroy()
      invite.answer(code)
      if (isEarly) {
        expect(await invite.ended).toMatchObject({ code: 2, err: expect.stringContaining('nothing is issued, run it') })
        expect(await isOnRecord()).toBe(false)
        continue
      }
      expect(await other.next()).toHaveProperty('delegations')
      other.socket.destroy()
      expect(await invite.ended).toMatchObject({ code: 1, err: expect.stringContaining('has not confirmed') })
      expect(await isOnRecord()).toBe(true)
      expect(await ann.procura(['revoke', '--agent', 'bob'])).toMatchObject({ out: expect.stringContaining('revoked') })
    }
  })

  it('refuse each other side that is not the one of the text [CON-33] [CON-35]', async () => {
    const [owner, other] = [await generateSigner(), await generateSigner()]
    const nonce = randomValue()
    const grant = async (issuer: typeof owner, audience: string): Promise<string> =>
      encodeContainer([await delegate({ issuer, audience: audience as never, command: '/mcp/mail' })])
    const sides: readonly ((did: string) => Promise<readonly object[]>)[] = [
      async () => [],
      async () => [{ nonce: randomValue() }],
      async () => [{ nonce }],
      async () => [{ nonce }, { delegations: 'x' }],
      async () => [{ nonce }, { error: '\u001b[2J' }],
      async (did) => [{ nonce }, { delegations: await grant(other, did) }],
      async () => [{ nonce }, { delegations: await grant(owner, other.did) }],
    ]
    for (const side of sides) {
      const text = writeInvitation({
        ...{ address: '127.0.0.1:7333', audience: other.did, subject: owner.did, name: 'bob' },
        ...{ port: await fakeInvite(side), end: Math.floor(Date.now() / 1_000) + 60, secret: randomValue() },
        hash: await hashOf(nonce),
      })
      const ended = await start(bob, ['join', text]).ended
      expect(ended.code, ended.err).toBe(2)
      expect(ended.err).not.toContain('\u001b')
      expect(existsSync(folder())).toBe(false)
      expect(readdirSync(bob.home)).toEqual(['agents'])
    }
  })

  it('refuse a text that has ended, is damaged or names another machine [CON-33]', async () => {
    const { did } = await generateSigner()
    const right = {
      ...{ address: '127.0.0.1:7333', audience: did, subject: did, name: 'bob', port: await freePort() },
      ...{ end: Math.floor(Date.now() / 1_000) + 60, secret: randomValue(), hash: await hashOf('') },
    }
    for (const [fields, fault] of [
      [{ end: 1 }, 'the invitation ended at 1970'],
      [{}, 'nobody waits for this invitation'],
      [{ name: '../x' }, 'not an invitation'],
      [{ address: '203.0.113.1:80' }, 'not an invitation'],
      [{ subject: 'did:x' as never }, 'not an invitation'],
    ] as const) {
      const { code, err } = await start(bob, ['join', writeInvitation({ ...right, ...fields })]).ended
      expect([code, err]).toEqual([2, expect.stringContaining(fault)])
    }
    const { code, err } = await start(bob, ['join', writeInvitation(right).slice(0, -9)]).ended
    expect([code, err]).toEqual([2, expect.stringContaining('not an invitation')])
  })

  it('are refused before a passphrase is asked for, where they cannot work [CON-33]', async () => {
    const refused = async (...words: readonly string[]): Promise<string> => {
      const { code, err } = await start(ann, ['invite', ...words]).ended
      expect(code).toBe(2)
      return err
    }
    expect(await refused('../x')).toContain('the name of an agent')
    expect(await refused('claude')).toContain('an agent `claude` of its own')
    expect(await refused('bob', '--server', 'crm')).toContain('there is no server `crm`; the gateway has `mail`')
    expect((await ann.procura(['invite', 'bob'])).err).toContain('is not a terminal')
    const file = join(ann.home, 'gateway.json')
    writeFileSync(
      file,
      JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), listen: { socket: 'gateway.sock' } }),
    )
    expect(await refused('bob')).toContain('no other user can reach')
  })
})
