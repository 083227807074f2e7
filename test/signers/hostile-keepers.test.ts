import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bigEndian } from '../../src/core/did/curves/big-endian.ts'
import { p256Order } from '../../src/core/did/curves/orders.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { SigningError } from '../../src/errors.ts'
import { awsKmsSigner } from '../../src/signers/aws-kms/aws-kms-signer.ts'
import { sshAgentSigner } from '../../src/signers/ssh-agent/ssh-agent-signer.ts'
import { field, frame, uint32 } from './ssh-frames.ts'

/**
 * Agents and services that hold a key and turn hostile after a signer was made of it: they answer with the signature of
 * another key, of another request, or with bytes that were changed on the way.
 */

const message = new TextEncoder().encode('the bytes of a token')
const earlier = new TextEncoder().encode('the bytes of an earlier token')
const kinds = ['Ed25519', 'ES256'] as const
type Kind = (typeof kinds)[number]
const pair = (kind: Kind): ReturnType<typeof generateKeyPairSync> =>
  kind === 'Ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const own = { Ed25519: pair('Ed25519'), ES256: pair('ES256') }
const other = { Ed25519: pair('Ed25519'), ES256: pair('ES256') }

/** How an answer differs from an honest one. */
type Lie =
  | { readonly kind: 'other key' | 'earlier request' | 'digest' | 'other algorithm' | 'raw encoding' | 'high s' }
  | { readonly kind: 'edit'; readonly at: number; readonly remove: number; readonly add: Uint8Array }

const lies: fc.Arbitrary<Lie> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('other key', 'earlier request', 'digest', 'other algorithm', 'raw encoding', 'high s'),
  }),
  fc.record({
    kind: fc.constant('edit' as const),
    at: fc.nat(160),
    remove: fc.nat(4),
    add: fc.uint8Array({ maxLength: 4 }),
  }),
)

/** The signature of a lie: in DER for ECDSA, 64 bytes for Ed25519. */
function signatureOf(kind: Kind, lie: Lie, bytes: Uint8Array): Buffer {
  const { privateKey } = lie.kind === 'other key' ? other[kind] : own[kind]
  const signed = lie.kind === 'earlier request' ? earlier : bytes
  if (kind === 'Ed25519') return sign(null, signed, privateKey)
  const made = sign(lie.kind === 'digest' ? 'sha384' : 'sha256', signed, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  if (lie.kind === 'high s' && bigEndian(made, 32, 64) <= p256Order / 2n)
    Buffer.from((p256Order - bigEndian(made, 32, 64)).toString(16).padStart(64, '0'), 'hex').copy(made, 32)
  return made
}

function edited(bytes: Buffer, lie: Lie): Buffer {
  if (lie.kind !== 'edit') return bytes
  const at = lie.at % (bytes.length + 1)
  return Buffer.concat([bytes.subarray(0, at), lie.add, bytes.subarray(at + lie.remove)])
}

/** A signature that left the signer verifies, and has the lower s; a refusal shows no bytes. */
async function check(kind: Kind, signer: Signer): Promise<'signed' | 'refused'> {
  let signature: Uint8Array
  try {
    signature = await signer.sign(message)
  } catch (error) {
    expect(error).toBeInstanceOf(SigningError)
    return 'refused'
  }
  const { publicKey } = own[kind]
  const key = kind === 'Ed25519' ? publicKey : ({ key: publicKey, dsaEncoding: 'ieee-p1363' } as const)
  expect(signature).toHaveLength(64)
  expect(verify(kind === 'Ed25519' ? null : 'sha256', message, key, signature)).toBe(true)
  if (kind === 'ES256') expect(bigEndian(signature, 32, 64) <= p256Order / 2n).toBe(true)
  return 'signed'
}

const refusing: ReadonlySet<Lie['kind']> = new Set(['other key', 'earlier request', 'other algorithm'])

describe('a hostile SSH agent', () => {
  const folder = mkdtempSync(join(tmpdir(), 'procura-hostile-'))
  const socket = join(folder, 'socket')
  let server: Server
  let respond: (request: Buffer) => Buffer

  beforeAll(async () => {
    server = createServer((connection: Socket) => {
      connection.on('error', () => undefined)
      connection.on('data', (request) => connection.end(respond(request)))
    })
    await new Promise((listening) => server.listen(socket, () => listening(0)))
  })

  afterAll(async () => {
    await new Promise((closed) => server.close(closed))
    rmSync(folder, { recursive: true })
  })

  const blobs = Object.fromEntries(kinds.map((kind) => [kind, blobOf(kind)])) as Readonly<Record<Kind, Buffer>>

  it.each(kinds)('SIG-20 gets no wrong signature of %s out of the signer', async (kind) => {
    respond = () => frame(12, uint32(1), field(blobs[kind]), field(''))
    const signer = await sshAgentSigner({ socket, timeoutMs: 5_000 })
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(lies, async (lie) => {
        respond = (request) => {
          const start = 5 + 4 + blobs[kind].length + 4
          const bytes = request.subarray(start, start + request.readUInt32BE(start - 4))
          const made = signatureOf(kind, lie, bytes)
          const name = kind === 'Ed25519' ? 'ssh-ed25519' : 'ecdsa-sha2-nistp256'
          const content = kind === 'Ed25519' || lie.kind === 'raw encoding' ? made : Buffer.concat(halves(made))
          const named = lie.kind === 'other algorithm' ? 'rsa-sha2-256' : name
          return edited(frame(14, field(Buffer.concat([field(named), field(content)]))), lie)
        }
        const result = await check(kind, signer)
        if (refusing.has(lie.kind)) expect(result).toBe('refused')
        seen.add(result)
      }),
      { numRuns: 200 },
    )
    expect([...seen].sort()).toEqual(['refused', 'signed'])
  })

  it('gives a key that it lists twice once', async () => {
    respond = () => frame(12, uint32(2), field(blobs.Ed25519), field('card'), field(blobs.Ed25519), field('file'))
    expect((await sshAgentSigner({ socket })).algorithm).toBe('Ed25519')
  })
})

describe('a hostile key service', () => {
  it.each(kinds)('SIG-20 gets no wrong signature of %s out of the signer', async (kind) => {
    let respond: (body: { readonly Message: string }) => object = () => ({
      KeyUsage: 'SIGN_VERIFY',
      PublicKey: own[kind].publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    })
    const signer = await awsKmsSigner({
      ...{ region: 'eu-central-1', keyId: 'owner', attempts: 1 },
      keys: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'a-secret-access-key' },
      fetch: async (_url, init) => new Response(JSON.stringify(respond(JSON.parse(String(init?.body))))),
    })
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(lies, fc.boolean(), async (lie, isHex) => {
        respond = ({ Message }) => {
          const made = signatureOf(kind, lie, Buffer.from(Message, 'base64'))
          const content = kind === 'Ed25519' || lie.kind === 'raw encoding' ? made : derOf(made)
          const encoding = lie.kind === 'other algorithm' && isHex ? 'hex' : 'base64'
          const Signature = edited(content, lie).toString(encoding)
          return { KeyId: 'arn:aws:kms:eu-central-1:1:key/another', SigningAlgorithm: 'RSASSA_PSS_SHA_256', Signature }
        }
        seen.add(await check(kind, signer))
      }),
      { numRuns: 200 },
    )
    expect([...seen].sort()).toEqual(['refused', 'signed'])
  })
})

function blobOf(kind: Kind): Buffer {
  const { x = '', y = '' } = own[kind].publicKey.export({ format: 'jwk' })
  const [first, second] = [Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
  if (kind === 'Ed25519') return Buffer.concat([field('ssh-ed25519'), field(first)])
  const point = Buffer.concat([Buffer.of(4), first, second])
  return Buffer.concat([field('ecdsa-sha2-nistp256'), field('nistp256'), field(point)])
}

/** The integers of a raw signature, as SSH and DER have them. */
function integers(raw: Buffer): readonly Buffer[] {
  return [raw.subarray(0, 32), raw.subarray(32)].map((half) => {
    const digits = half.subarray(half.findIndex((byte) => byte !== 0))
    return (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits
  })
}

function halves(raw: Buffer): Buffer[] {
  return integers(raw).map((integer) => field(integer))
}

function derOf(raw: Buffer): Buffer {
  const content = Buffer.concat(integers(raw).map((one) => Buffer.concat([Buffer.of(2, one.length), one])))
  return Buffer.concat([Buffer.of(0x30, content.length), content])
}
