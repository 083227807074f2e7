// node only: starts a server

/**
 * AWS KMS with three keys, as its documentation describes it. It verifies the SigV4 signature of every request with
 * code of its own, and refuses each field, algorithm and length that KMS does not accept.
 *
 * @module
 */

import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { p256Order, secp256k1Order } from '../../src/core/did/curves/orders.ts'
import { type Received, serve, type TestServer } from '../vault/support.ts'

export const region = 'eu-central-1'
/** The access keys that the fake accepts. */
export const accessKeys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'canary-kms-secret-access-key' }

/** A response: `undefined` leaves the request to the fake. */
export type Answer = (operation: string, body: Record<string, string>) => { status: number; body: string } | undefined

interface FakeKey {
  readonly spec: string
  readonly algorithm: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

const keys: Readonly<Record<string, FakeKey>> = {
  ed25519: { spec: 'ECC_NIST_EDWARDS25519', algorithm: 'ED25519_SHA_512', ...generateKeyPairSync('ed25519') },
  p256: {
    ...{ spec: 'ECC_NIST_P256', algorithm: 'ECDSA_SHA_256' },
    ...generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  },
  secp256k1: {
    ...{ spec: 'ECC_SECG_P256K1', algorithm: 'ECDSA_SHA_256' },
    ...generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
  },
  p384: {
    spec: 'ECC_NIST_P384',
    algorithm: 'ECDSA_SHA_384',
    ...generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  },
}

/** Starts it. */
export async function startKms(answer: Answer = () => undefined): Promise<TestServer> {
  return serve((received, response) => {
    const target = String(received.headers['x-amz-target'])
    const operation = target.replace('TrentService.', '')
    const fault = checkRequest(received)
    const given = fault ?? answer(operation, JSON.parse(received.body)) ?? respond(operation, JSON.parse(received.body))
    response.writeHead(given.status, { 'content-type': 'application/x-amz-json-1.1' }).end(given.body)
  })
}

/** An error of KMS. */
export function kmsError(code: string, status = 400): { status: number; body: string } {
  return { status, body: JSON.stringify({ __type: code, message: 'canary: a text that may quote the request' }) }
}

function respond(operation: string, body: Record<string, string>): { status: number; body: string } {
  const key = keys[body['KeyId']?.replace('alias/', '') ?? '']
  if (key === undefined) return kmsError('NotFoundException')
  const common = { KeyId: `arn:aws:kms:${region}:1:key/${body['KeyId']}` }
  if (operation === 'GetPublicKey') {
    if (Object.keys(body).join() !== 'KeyId') return kmsError('ValidationException')
    const PublicKey = key.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')
    return ok({ ...common, PublicKey, KeySpec: key.spec, KeyUsage: 'SIGN_VERIFY', SigningAlgorithms: [key.algorithm] })
  }
  if (operation !== 'Sign') return kmsError('UnknownOperationException')
  if (Object.keys(body).sort().join() !== 'KeyId,Message,MessageType,SigningAlgorithm')
    return kmsError('ValidationException')
  const message = Buffer.from(body['Message'] ?? '', 'base64')
  const type = body['MessageType']
  if (body['SigningAlgorithm'] !== key.algorithm) return kmsError('InvalidKeyUsageException')
  if (message.length < 1 || message.length > 4_096) return kmsError('ValidationException')
  if (type !== 'RAW' && (type !== 'DIGEST' || key.algorithm === 'ED25519_SHA_512' || message.length !== 32))
    return kmsError('ValidationException')
  const Signature = signatureOf(key, message, type).toString('base64')
  return ok({ ...common, Signature, SigningAlgorithm: key.algorithm })
}

function signatureOf({ algorithm, privateKey, spec }: FakeKey, message: Buffer, type: string): Buffer {
  if (algorithm === 'ED25519_SHA_512') return sign(null, message, privateKey)
  if (type === 'RAW') return sign('sha256', message, privateKey)
  return signDigest(privateKey, message, spec)
}

/** Node signs no digests, so the equation of ECDSA is here: s = (z + r d) / k. */
function signDigest(privateKey: KeyObject, digest: Buffer, spec: string): Buffer {
  const n = spec === 'ECC_NIST_P256' ? p256Order : secp256k1Order
  const namedCurve = spec === 'ECC_NIST_P256' ? 'prime256v1' : 'secp256k1'
  const scalarOf = (key: KeyObject): bigint => big(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'))
  const once = generateKeyPairSync('ec', { namedCurve })
  const r = big(Buffer.from(once.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')) % n
  const s = (inverse(scalarOf(once.privateKey), n) * ((big(digest) + r * scalarOf(privateKey)) % n)) % n
  const integers = [r, s].map((value) => {
    const hex = value.toString(16)
    const bytes = Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex')
    const content = (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes
    return Buffer.concat([Buffer.of(2, content.length), content])
  })
  const content = Buffer.concat(integers)
  return Buffer.concat([Buffer.of(0x30, content.length), content])
}

function big(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`)
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n]
  while (a > 1n) {
    const quotient = a / b
    ;[a, b] = [b, a % b]
    ;[x, y] = [y, x - quotient * y]
  }
  return ((x % modulus) + modulus) % modulus
}

function ok(body: object): { status: number; body: string } {
  return { status: 200, body: JSON.stringify(body) }
}

/** Checks the request line, the headers, and the signature of the request. */
function checkRequest({ body, headers, method, url }: Received): { status: number; body: string } | undefined {
  const [, id, date, where, signed = '', given] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([0-9]{8})\/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    ) ?? []
  if (method !== 'POST' || url !== '/' || headers['content-type'] !== 'application/x-amz-json-1.1')
    return kmsError('UnknownOperationException')
  if (id !== accessKeys.accessKeyId) return kmsError('UnrecognizedClientException')
  if (where !== `${region}/kms/aws4_request`) return kmsError('IncompleteSignatureException')
  for (const name of ['host', 'x-amz-date', 'x-amz-target', 'content-type'])
    if (!signed.split(';').includes(name)) return kmsError('IncompleteSignatureException')
  const lines = signed.split(';').map((name) => `${name}:${headers[name]}\n`)
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
  const canonical = [method, '/', '', lines.join(''), signed, hash(body)].join('\n')
  const time = String(headers['x-amz-date'])
  const text = ['AWS4-HMAC-SHA256', time, `${date}/${where}`, hash(canonical)].join('\n')
  let key: Buffer | string = `AWS4${accessKeys.secretAccessKey}`
  for (const part of [date ?? '', ...where.split('/'), text]) key = createHmac('sha256', key).update(part).digest()
  const isRight = (key as Buffer).toString('hex') === given && time.startsWith(date ?? '-')
  return isRight ? undefined : kmsError('InvalidSignatureException')
}
