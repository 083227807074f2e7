import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseDid } from '../../src/core/did/did.ts'
import { ArgumentError, SigningError } from '../../src/errors.ts'
import { listSshAgentKeys, sshAgentSigner } from '../../src/signers/ssh-agent/ssh-agent-signer.ts'
import { frame as answer, field, uint32 } from './ssh-frames.ts'

const message = new TextEncoder().encode('what is signed')
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
const blob = Buffer.concat([field('ssh-ed25519'), field(raw)])
const identities = answer(12, uint32(1), field(blob), field('owner@laptop'))

let folder: string
let socket: string
let server: Server | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'procura-agent-'))
  socket = join(folder, 'socket')
})

afterEach(async () => {
  await new Promise((closed) => (server === undefined ? closed(0) : server.close(closed)))
  server = undefined
  rmSync(folder, { recursive: true })
})

describe('an SSH agent', () => {
  it('SIG-21 answers in pieces of one byte', async () => {
    await agent((request) => (request[4] === 11 ? identities : signature(request)), 1)
    const signer = await sshAgentSigner({ socket })
    expect(await signer.sign(message)).toHaveLength(64)
  })

  it.each<readonly [fault: string, answer: Buffer]>([
    ['no field', answer(12)],
    ['fewer keys than it announces', answer(12, uint32(2), field(blob), field(''))],
    ['a number of keys without end', answer(12, uint32(0xffffffff))],
    ['bytes after a key', answer(12, uint32(1), field(Buffer.concat([blob, Buffer.of(0)])), field(''))],
    ['bytes after the keys', answer(12, uint32(0), field('x'))],
    ['a field that is longer than the message', answer(12, uint32(1), uint32(0xffffffff))],
    ['a key that ends early', answer(12, uint32(1), field(field('ssh-ed25519')), field(''))],
    ['a key of another curve', answer(12, uint32(1), field(p256('nistp384', 65)), field(''))],
    ['a point of another length', answer(12, uint32(1), field(p256('nistp256', 33)), field(''))],
    ['a point in the hybrid form', answer(12, uint32(1), field(hybridPoint()), field(''))],
    ['an empty message', uint32(0)],
    ['a message that is too long', Buffer.concat([uint32(262_145), Buffer.alloc(64)])],
    ['more than its message', Buffer.concat([identities, Buffer.from('x')])],
  ])('SIG-21 is refused when it returns %s', async (_fault, malformed) => {
    await agent(() => malformed)
    await expect(listSshAgentKeys({ socket })).rejects.toThrow('the SSH agent returned a malformed answer')
  })

  it.each<readonly [fault: string, answer: Buffer, message: string]>([
    [
      'another kind of signature',
      answer(14, field(Buffer.concat([field('ssh-rsa'), field(Buffer.alloc(64))]))),
      'malformed',
    ],
    ['a short signature', answer(14, field(Buffer.concat([field('ssh-ed25519'), field('x')]))), 'must have 64 bytes'],
    [
      'a wrong signature',
      answer(14, field(Buffer.concat([field('ssh-ed25519'), field(Buffer.alloc(64, 1))]))),
      'is invalid',
    ],
    ['a failure', answer(5), 'refused to sign: the use was not confirmed'],
    ['an answer to another question', identities, 'refused to sign'],
    ['bytes after its answer', trailing(0), 'malformed'],
    ['bytes after its signature', trailing(1), 'malformed'],
  ])('SIG-20 does not sign with %s', async (_fault, given, text) => {
    await agent((request) => (request[4] === 11 ? identities : given))
    const signer = await sshAgentSigner({ socket })
    const failure = await Promise.resolve(signer.sign(message)).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(SigningError)
    expect((failure as Error).message).toContain(text)
  })

  it('selects a key that is listed twice, such as one on a card and in a file, and never one of two', async () => {
    const { publicKey: other } = generateKeyPairSync('ed25519')
    const second = Buffer.from(other.export({ format: 'jwk' }).x ?? '', 'base64url')
    const otherBlob = Buffer.concat([field('ssh-ed25519'), field(second)])
    const twice = [field(blob), field('card'), field(blob), field('owner@laptop')]
    await agent((request) => (request[4] === 11 ? answer(12, uint32(2), ...twice) : signature(request)))
    const signer = await sshAgentSigner({ socket })
    expect(await signer.sign(message)).toHaveLength(64)
    await new Promise((closed) => server?.close(closed))
    for (const listed of [
      [field(blob), field('a'), field(otherBlob), field('a')],
      [...twice, field(otherBlob), field('other')],
    ]) {
      await agent(() => answer(12, uint32(listed.length / 2), ...listed))
      await expect(sshAgentSigner({ socket })).rejects.toThrow('has 2 such keys; select one by `publicKey`')
      await new Promise((closed) => server?.close(closed))
    }
    server = undefined
  })

  it('selects a key by its line, its comment or its DID, and signs for a DID of another kind', async () => {
    const pair = generateKeyPairSync('ed25519')
    const second = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
    const otherBlob = Buffer.concat([field('ssh-ed25519'), field(second)])
    const listed = answer(12, uint32(2), field(blob), field('owner@laptop'), field(otherBlob), field('other'))
    await agent(() => listed)
    const [one, other] = await listSshAgentKeys({ socket })
    expect([one?.comment, other?.comment]).toEqual(['owner@laptop', 'other'])
    const line = `  ssh-ed25519 ${otherBlob.toString('base64')} any comment\n`
    for (const selection of [{ publicKey: line }, { comment: 'other' }, { did: other?.did }] as const)
      expect((await sshAgentSigner({ socket, ...(selection as object) })).did).toBe(other?.did)
    const did = parseDid('did:web:example.com')
    expect((await sshAgentSigner({ socket, comment: 'other', did })).did).toBe(did)
    const none = 'the SSH agent does not have the selected key; add it with ssh-add'
    for (const selection of [
      { comment: 'Other' },
      { comment: 'other', did: one?.did },
      { publicKey: line, did: one?.did },
    ])
      await expect(sshAgentSigner({ socket, ...(selection as object) })).rejects.toThrow(none)
    await expect(sshAgentSigner({ socket, did })).rejects.toThrow('has 2 such keys')
  })

  it('SIG-21 gets the longest message that it takes, and none beyond', async () => {
    const lengths: number[] = []
    const comment = Buffer.alloc(262_144 - 13 - blob.length, 'x')
    let isListed = false
    server = createServer((connection) => {
      const received: Buffer[] = []
      connection.on('error', () => undefined)
      connection.on('data', (chunk: Buffer) => {
        received.push(chunk)
        const request = Buffer.concat(received)
        if (request.length < 4 || request.length < 4 + request.readUInt32BE(0)) return
        lengths.push(request.readUInt32BE(0))
        connection.write(isListed ? signature(request) : answer(12, uint32(1), field(blob), field(comment)))
        isListed = true
      })
    })
    await new Promise((listening) => server?.listen(socket, () => listening(0)))
    const signer = await sshAgentSigner({ socket })
    const longest = signer.maxMessageBytes ?? 0
    expect(await signer.sign(new Uint8Array(longest))).toHaveLength(64)
    await expect(signer.sign(new Uint8Array(longest + 1))).rejects.toThrow('this signer signs at most')
    expect(lengths).toHaveLength(2)
    expect(lengths[1]).toBeLessThanOrEqual(262_144)
    expect(lengths[1]).toBeGreaterThan(262_100)
  })

  it('leaves out keys that no verifier accepts', async () => {
    const small = Buffer.concat([field('ssh-ed25519'), field(Buffer.from([1, ...new Uint8Array(31)]))])
    const beside = [field(p256Beside()), field('beside the curve')]
    await agent(() => answer(12, uint32(3), field(small), field(''), field(field('ssh-rsa')), field(''), ...beside))
    await expect(listSshAgentKeys({ socket })).resolves.toEqual([])
    await expect(sshAgentSigner({ socket })).rejects.toThrow('does not have a key of the kind ssh-ed25519 or')
  })

  it('SIG-21 times out when it is slow, and ends the connection', async () => {
    const ended = agent((request) => (request[4] === 11 ? identities : undefined))
    await expect(async () => (await sshAgentSigner({ socket, timeoutMs: 2_000 })).sign(message)).rejects.toThrow(
      'the SSH agent did not answer within 2000 ms',
    )
    await (await ended).ended
  })

  it('stops waiting when the caller aborts', async () => {
    const { asked, ended } = await agent((request) => (request[4] === 11 ? identities : undefined))
    const signer = await sshAgentSigner({ socket })
    const stop = new AbortController()
    const signing = signer.sign(message, { signal: stop.signal })
    await asked
    stop.abort(new Error('enough'))
    await expect(signing).rejects.toThrow('enough')
    await ended
  })

  it('is reported when it is gone, and when it ends the connection', async () => {
    await expect(listSshAgentKeys({ socket })).rejects.toThrow(/could not be reached \(ENOENT\); start ssh-agent/)
    await agent(() => 'end')
    await expect(listSshAgentKeys({ socket })).rejects.toThrow('ended the connection without an answer')
  })

  it('SIG-21 is refused when it answers another question with its keys', async () => {
    for (const kind of [5, 14, 255]) {
      await agent(() => answer(kind, uint32(1), field(blob), field('')))
      await expect(listSshAgentKeys({ socket })).rejects.toThrow('the SSH agent did not list its keys')
      await new Promise((closed) => server?.close(closed))
    }
    server = undefined
  })

  it('has no socket by chance', async () => {
    const before = process.env['SSH_AUTH_SOCK']
    await agent(() => identities)
    process.env['SSH_AUTH_SOCK'] = join(folder, 'another')
    expect(await listSshAgentKeys({ socket })).toHaveLength(1)
    process.env['SSH_AUTH_SOCK'] = ''
    await expect(listSshAgentKeys()).rejects.toThrow(ArgumentError)
    process.env['SSH_AUTH_SOCK'] = socket
    expect(await listSshAgentKeys()).toHaveLength(1)
    delete process.env['SSH_AUTH_SOCK']
    try {
      await expect(sshAgentSigner()).rejects.toThrow(ArgumentError)
      await expect(listSshAgentKeys()).rejects.toThrow('SSH_AUTH_SOCK is not set')
    } finally {
      if (before !== undefined) process.env['SSH_AUTH_SOCK'] = before
    }
  })

  it.each([
    `ssh-rsa ${field('ssh-rsa').toString('base64')}`,
    'ssh-rsa AAAA',
    'ssh-ed25519',
    `ssh-ed25519 ${field('ssh-rsa').toString('base64')}`,
    'canary',
  ])('is not asked for the malformed public key %s', async (line) => {
    const failure = await sshAgentSigner({ socket, publicKey: line }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ArgumentError)
    expect((failure as Error).message).not.toContain('canary')
  })
})

/** Starts an agent. It answers nothing to a request without an answer. */
async function agent(
  reply: (request: Buffer) => Buffer | 'end' | undefined,
  piece = Number.POSITIVE_INFINITY,
): Promise<{ readonly asked: Promise<void>; readonly ended: Promise<void> }> {
  let tellAsked: () => void
  let tellEnded: () => void
  const asked = new Promise<void>((resolve) => (tellAsked = resolve))
  const ended = new Promise<void>((resolve) => (tellEnded = resolve))
  server = createServer((connection) => {
    connection.on('error', () => undefined)
    connection.on('data', (request) => {
      const given = reply(request)
      if (given === 'end') connection.end()
      else if (given === undefined) {
        connection.on('close', () => tellEnded())
        tellAsked()
      } else for (let at = 0; at < given.length; at += piece) connection.write(given.subarray(at, at + piece))
    })
  })
  await new Promise((listening) => server?.listen(socket, () => listening(0)))
  return { asked, ended }
}

/** A signature with a byte behind it: outside of its field, or inside of it. */
function trailing(inside: 0 | 1): Buffer {
  const bytes = Buffer.concat([field('ssh-ed25519'), field(Buffer.alloc(64)), Buffer.alloc(inside)])
  return answer(14, field(bytes), Buffer.alloc(1 - inside))
}

function signature(request: Buffer): Buffer {
  const start = 5 + 4 + blob.length + 4
  const bytes = request.subarray(start, start + request.readUInt32BE(start - 4))
  return answer(14, field(Buffer.concat([field('ssh-ed25519'), field(sign(null, bytes, privateKey))])))
}

function p256(curve: string, length: number): Buffer {
  return Buffer.concat([field('ecdsa-sha2-nistp256'), field(curve), field(Buffer.alloc(length, 4))])
}

/** A point with an x of the curve, and another y. */
function p256Beside(): Buffer {
  const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
  const second = Buffer.from(y, 'base64url')
  second[0] = (second[0] ?? 0) ^ 1
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), second])
  return Buffer.concat([field('ecdsa-sha2-nistp256'), field('nistp256'), field(point)])
}

/**
 * A valid public key whose point begins with 6 or 7 in place of 4: OpenSSL reads it, SSH and UCAN have no such form.
 */
function hybridPoint(): Buffer {
  const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
  const [first, second] = [Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
  const form = 6 + ((second.at(-1) ?? 0) & 1)
  return Buffer.concat([
    field('ecdsa-sha2-nistp256'),
    field('nistp256'),
    field(Buffer.concat([Buffer.of(form), first, second])),
  ])
}
