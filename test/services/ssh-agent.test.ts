import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createAuthorizer,
  delegate,
  encodeContainer,
  generateSigner,
  invoke,
  parseDid,
  type Signer,
  uncheckedCommands,
} from 'procura'
import { SigningError } from 'procura/errors'
import { listSshAgentKeys, sshAgentSigner } from 'procura/signer/ssh-agent'
import { memoryStores } from 'procura/store/memory'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { service } from './ssh-agent.service.ts'

const message = new TextEncoder().encode('what is signed')
let keys: string
let folder: string
let socket: string
let agent: ChildProcess

beforeAll(() => {
  keys = mkdtempSync(join(tmpdir(), 'procura-ssh-keys-'))
  for (const [kind, ...more] of [['ed25519'], ['ecdsa', '-b', '256'], ['rsa', '-b', '2048']] as const)
    run('ssh-keygen', ['-q', '-t', kind, ...more, '-N', '', '-C', `${kind}@laptop`, '-f', join(keys, kind)])
})

afterAll(() => rmSync(keys, { recursive: true, force: true }))

beforeEach(() => startAgent({}))

afterEach(async () => {
  await stopAgent()
  rmSync(folder, { recursive: true, force: true })
})

describe('the agent of OpenSSH', () => {
  it.each([
    ['ed25519', 'Ed25519'],
    ['ecdsa', 'ES256'],
  ] as const)('signs delegations and calls with a key of the kind %s', async (kind, algorithm) => {
    add(kind)
    const owner = await sshAgentSigner({ socket })
    expect(owner.algorithm).toBe(algorithm)
    for (let i = 0; i < 20; i++) expect(await decides(owner)).toBe(true)
    expect(JSON.stringify(owner)).toBe(JSON.stringify({ did: owner.did }))
  })

  it('lists the keys that can sign tokens, and not those of RSA', async () => {
    for (const kind of ['rsa', 'ed25519', 'ecdsa']) add(kind)
    const listed = await listSshAgentKeys({ socket })
    expect(listed.map(({ algorithm, comment }) => [algorithm, comment])).toEqual([
      ['Ed25519', 'ed25519@laptop'],
      ['ES256', 'ecdsa@laptop'],
    ])
  })

  it('selects one key by its file, comment or DID, and never one of several', async () => {
    for (const kind of ['ed25519', 'ecdsa']) add(kind)
    await expect(sshAgentSigner({ socket })).rejects.toThrow('has 2 such keys; select one by `publicKey`')
    const [first, second] = await listSshAgentKeys({ socket })
    const publicKey = readFileSync(join(keys, 'ecdsa.pub'), 'utf8')
    expect((await sshAgentSigner({ socket, publicKey })).did).toBe(second?.did)
    expect((await sshAgentSigner({ socket, comment: 'ed25519@laptop' })).did).toBe(first?.did)
    expect((await sshAgentSigner({ socket, did: parseDid(second?.did ?? '') })).did).toBe(second?.did)
    const named = await sshAgentSigner({ socket, comment: 'ed25519@laptop', did: parseDid('did:web:example.com') })
    expect(named.did).toBe('did:web:example.com')
    await expect(sshAgentSigner({ socket, comment: 'other' })).rejects.toThrow('does not have the selected key')
  })

  it('signs messages of up to its maximum length', async () => {
    add('ed25519')
    const signer = await sshAgentSigner({ socket })
    const longest = signer.maxMessageBytes ?? 0
    expect(longest).toBeGreaterThan(262_000)
    expect(await signer.sign(new Uint8Array(longest - 100))).toHaveLength(64)
    await expect(signer.sign(new Uint8Array(longest + 1))).rejects.toThrow(`signs at most ${longest}`)
  })

  it('SIG-20 does not sign when the key was removed or replaced', async () => {
    add('ed25519')
    const signer = await sshAgentSigner({ socket })
    run('ssh-add', ['-q', '-D'], { SSH_AUTH_SOCK: socket })
    add('ecdsa')
    await expect(signer.sign(message)).rejects.toThrow('refused to sign: the use was not confirmed')
    await expect(signer.sign(message)).rejects.toThrow(SigningError)
  })

  it('signs nothing while it is locked', async () => {
    add('ed25519')
    const signer = await sshAgentSigner({ socket })
    const password = { SSH_AUTH_SOCK: socket, SSH_ASKPASS: answering('echo secret'), SSH_ASKPASS_REQUIRE: 'force' }
    run('ssh-add', ['-x'], password)
    await expect(signer.sign(message)).rejects.toThrow('the agent is locked')
    await expect(listSshAgentKeys({ socket })).resolves.toEqual([])
    await expect(sshAgentSigner({ socket })).rejects.toThrow('unlock the agent with `ssh-add -X`')
    run('ssh-add', ['-X'], password)
    expect(await signer.sign(message)).toHaveLength(64)
  })

  it('asks a person before each use of a key that was added with -c', async () => {
    const asked = join(folder, 'asked')
    for (const [answer, works] of [
      ['exit 0', true],
      ['exit 1', false],
    ] as const) {
      await restart({
        SSH_ASKPASS: answering(`echo "$1" >> '${asked}'; ${answer}`),
        SSH_ASKPASS_REQUIRE: 'force',
        DISPLAY: ':0',
      })
      add('ed25519', '-c')
      const signer = await sshAgentSigner({ socket })
      const result = Promise.resolve(signer.sign(message)).then(
        () => true,
        (error: Error) => error.message.includes('was not confirmed') && false,
      )
      expect(await result).toBe(works)
    }
    expect(readFileSync(asked, 'utf8')).toMatch(/Allow use of key ed25519@laptop/)
  })

  it('SIG-21 times out while a person does not answer', async () => {
    await restart({ SSH_ASKPASS: answering('exec sleep 8'), SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' })
    add('ed25519', '-c')
    const signer = await sshAgentSigner({ socket, timeoutMs: 4_000 })
    await expect(signer.sign(message)).rejects.toThrow('did not answer within 4000 ms; confirm the use of the key')
  })

  it('is reported when it has ended', async () => {
    add('ed25519')
    const signer = await sshAgentSigner({ socket })
    await stopAgent()
    await expect(signer.sign(message)).rejects.toThrow(/^the SSH agent at `.*` could not be reached/)
  })
})

async function decides(owner: Signer): Promise<boolean> {
  const [agent, audience] = [await generateSigner(), (await generateSigner()).did]
  const authorizer = createAuthorizer({
    audience,
    subjects: [owner.did],
    commands: uncheckedCommands,
    ...memoryStores(),
  })
  const grant = await delegate({ issuer: owner, audience: agent.did, command: '/mail' })
  const call = await invoke({ issuer: agent, audience, command: '/mail/send', proofs: [grant] })
  return (await authorizer.authorize(encodeContainer([call, grant]))).allowed
}

async function startAgent(environment: Readonly<Record<string, string>>): Promise<void> {
  folder ??= ''
  if (!existsSync(folder)) folder = mkdtempSync(join(tmpdir(), 'procura-ssh-'))
  socket = join(folder, `socket-${process.hrtime.bigint()}`)
  agent = spawn(service.find() ?? '', ['-D', '-a', socket], {
    stdio: 'ignore',
    env: { ...process.env, ...environment },
  })
  while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 20))
}

async function stopAgent(): Promise<void> {
  if (agent.exitCode !== null || agent.signalCode !== null) return
  const ended = new Promise((resolve) => agent.once('exit', resolve))
  agent.kill()
  await ended
}

async function restart(environment: Readonly<Record<string, string>>): Promise<void> {
  await stopAgent()
  await startAgent(environment)
}

/** A program that answers for a person. */
function answering(script: string): string {
  const path = join(folder, `askpass-${process.hrtime.bigint()}`)
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o700)
  return path
}

function add(kind: string, ...options: readonly string[]): void {
  run('ssh-add', ['-q', ...options, join(keys, kind)], { SSH_AUTH_SOCK: socket })
}

function run(program: string, given: readonly string[], environment: Readonly<Record<string, string>> = {}): void {
  const { status, stderr } = spawnSync(program, given, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`)
}
