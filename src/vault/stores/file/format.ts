// node only: uses node:crypto
import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { decodeBase64url, encodeBase64url } from '../../../core/ipld/base.ts'
import { concatBytes } from '../../../core/ipld/bytes.ts'
import { VaultError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'
import type { Timestamp } from '../../../time.ts'
import { Secret } from '../../secret.ts'
import { type FileKeys, isAcceptable, type KeyDerivation, wrongKey } from './key.ts'

const fileFormat = 'procura-vault@1'

/** The maximum length of a box: the maximum size of a file. */
const maxBytes = 16_777_216

/** One version of one credential, with its secret encrypted. */
export interface FileRecord {
  readonly name: string
  /** The revision of the file that added it. No two records in the history of a file have the same one. */
  readonly version: number
  readonly created: Timestamp
  /** The rules as text. */
  readonly rules: string
  /** Nonce, ciphertext and tag. */
  readonly box: Uint8Array
}

/** The contents of a file. */
export interface FileContents {
  /** The number of writes since the file was made. */
  readonly revision: number
  readonly records: readonly FileRecord[]
}

/** Encrypts a secret into a record. */
export function sealRecord(keys: FileKeys, record: Omit<FileRecord, 'box'>, secret: Secret): FileRecord {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', keys.records, nonce)
  cipher.setAAD(boundBytes(record))
  const plain = secret.revealBytes()
  const box = concatBytes([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  plain.fill(0)
  return { ...record, box }
}

/**
 * Decrypts the secret of a record.
 *
 * @throws VaultError `ERR_VAULT_INTEGRITY` when the secret, its name, version or rules were changed.
 */
export function openRecord(keys: FileKeys, record: FileRecord): Secret {
  const { box } = record
  if (box.length < 12 + 1 + 16) throw damaged()
  try {
    const decipher = createDecipheriv('aes-256-gcm', keys.records, box.subarray(0, 12), { authTagLength: 16 })
    decipher.setAAD(boundBytes(record))
    decipher.setAuthTag(box.subarray(-16))
    const plain = concatBytes([decipher.update(box.subarray(12, -16)), decipher.final()])
    const secret = new Secret(plain)
    plain.fill(0)
    return secret
  } catch {
    throw damaged()
  }
}

/** Writes a file: a line of JSON, and a line with its MAC. */
export function encodeFile(keys: FileKeys, contents: FileContents): Uint8Array {
  const { kind, salt, cost } = keys.derivation
  const body = JSON.stringify({
    format: fileFormat,
    key: { kind, salt: encodeBase64url(salt), cost },
    revision: contents.revision,
    records: contents.records.map((record) => ({ ...record, box: encodeBase64url(record.box) })),
  })
  return new TextEncoder().encode(`${body}\n${encodeBase64url(macOf(keys, body))}\n`)
}

/** Reads how the keys of a file are derived. Nothing of the file is authenticated yet. */
export function readDerivation(bytes: Uint8Array): KeyDerivation {
  const key = fieldsOf(split(bytes).body).get('key')
  const fields = new Map<string, unknown>(typeof key === 'object' && key !== null ? Object.entries(key) : [])
  const kind = fields.get('kind')
  const salt = fields.get('salt')
  const cost = fields.get('cost')
  if ((kind !== 'scrypt' && kind !== 'hkdf') || typeof salt !== 'string' || typeof cost !== 'number') throw damaged()
  const derivation = { kind, salt: decoded(salt), cost } as const
  if (!isAcceptable(derivation)) throw damaged()
  return derivation
}

/**
 * Reads a file.
 *
 * @param path - of the file, for messages.
 * @throws VaultError `ERR_VAULT_INTEGRITY` when the key does not belong to the file, or anything in the file was
 *   changed, removed or moved.
 */
export function decodeFile(keys: FileKeys, bytes: Uint8Array, path: string): FileContents {
  const { body, mac } = split(bytes)
  const expected = macOf(keys, body)
  // VLT-21
  if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) {
    throw new VaultError('ERR_VAULT_INTEGRITY', wrongKey(`the credential file ${quote(path, 256)}`))
  }
  const fields = fieldsOf(body)
  const revision = fields.get('revision')
  const records = fields.get('records')
  if (typeof revision !== 'number' || !Array.isArray(records)) throw damaged()
  return { revision, records: records.map(readRecord) }
}

function readRecord(value: unknown): FileRecord {
  const record = value as { readonly [name in keyof FileRecord]?: unknown }
  const { name, version, created, rules, box } = record
  if (typeof name !== 'string' || typeof version !== 'number' || typeof created !== 'number') throw damaged()
  if (typeof rules !== 'string' || typeof box !== 'string') throw damaged()
  return { name, version, created, rules, box: decoded(box) }
}

function split(bytes: Uint8Array): { readonly body: string; readonly mac: Uint8Array } {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw damaged()
  }
  const [body = '', mac = '', rest, ...more] = text.split('\n')
  if (rest !== '' || more.length > 0) throw damaged()
  return { body, mac: decoded(mac) }
}

function decoded(text: string): Uint8Array {
  try {
    return decodeBase64url(text, maxBytes)
  } catch {
    throw damaged()
  }
}

function fieldsOf(body: string): ReadonlyMap<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    throw damaged()
  }
  if (typeof parsed !== 'object' || parsed === null) throw damaged()
  const fields = new Map<string, unknown>(Object.entries(parsed))
  if (fields.get('format') !== fileFormat) {
    throw new VaultError('ERR_VAULT_INTEGRITY', `the credential file does not have the format \`${fileFormat}\``)
  }
  return fields
}

/** The associated data of a box: it opens only under this name, version, time and these rules. */
function boundBytes({ name, version, created, rules }: Omit<FileRecord, 'box'>): Uint8Array {
  // VLT-20
  return new TextEncoder().encode(JSON.stringify([fileFormat, name, version, created, rules]))
}

function macOf(keys: FileKeys, body: string): Uint8Array {
  return createHmac('sha256', keys.whole).update(body).digest()
}

function damaged(): VaultError {
  return new VaultError(
    'ERR_VAULT_INTEGRITY',
    'the credential file is damaged, or was changed; pass the path of a vault, or restore it from a backup',
  )
}
