/**
 * DID documents (W3C DID Core 1.0, section 5): the keys that may sign for a DID.
 *
 * @module
 */

import { MalformedError, ResolutionError } from '../../errors.ts'
import { nonEmptyArrayOf, type OptionCheck, oneOfStrings } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { decodeBase58btc } from '../ipld/base.ts'
import type { Did } from './did.ts'
import { publicKey } from './did-key.ts'
import { type Jwk, publicKeyFromJwk } from './jwk.ts'
import { decodeMultikey } from './multikey.ts'
import type { PublicKey, SignatureAlgorithm } from './public-key.ts'

/**
 * The purposes for which a DID document lists keys (DID Core, section 5.3), without `keyAgreement`, which is not for
 * signing.
 */
export type VerificationRelationship =
  | 'authentication'
  | 'assertionMethod'
  | 'capabilityInvocation'
  | 'capabilityDelegation'

/** The relationships required by default: keys of UCANs both invoke and delegate. */
export const defaultRelationships: readonly VerificationRelationship[] = Object.freeze([
  'capabilityInvocation',
  'capabilityDelegation',
])

/** Checks an option that lists relationships. An empty list would require none. */
export const relationshipsCheck: OptionCheck = nonEmptyArrayOf(
  oneOfStrings('authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation'),
)

/** Most keys of one document: each can cause the verification of a signature. */
const maxKeys = 8

/** Most entries of a list in a document: each is searched for among all methods. */
const maxEntries = 64

/**
 * Returns the keys that a document lists under every one of the relationships. Keys of an unsupported type or of
 * another controller, and malformed keys, are ignored: no signature verifies with them.
 *
 * @param document - parsed JSON, not trusted.
 * @throws ResolutionError when it is not the document of the DID, or has more than 8 keys or 64 entries in a list.
 */
export function documentKeys(
  did: Did,
  document: unknown,
  relationships: readonly VerificationRelationship[] = defaultRelationships,
): readonly PublicKey[] {
  // DID-05
  if (own(document, 'id') !== did) throw new ResolutionError(`the \`id\` of the document is not ${quote(did)}`)
  const methods = list(own(document, 'verificationMethod'))
  // DID-06
  const [first = [], ...others] = relationships.map((relationship) => {
    const entries = list(own(document, relationship))
    return entries.map((entry) => keyOf(did, typeof entry === 'string' ? find(did, methods, entry) : entry))
  })
  const keys = new Map<string, PublicKey>()
  for (const key of first) {
    if (key !== undefined && others.every((other) => other.some((one) => one?.did === key.did))) keys.set(key.did, key)
  }
  // DID-09
  if (keys.size > maxKeys) throw new ResolutionError(`the document has more than ${maxKeys} keys`)
  return Object.freeze([...keys.values()])
}

/** A reference is the whole DID URL or the fragment alone. An ambiguous reference finds nothing. */
function find(did: Did, methods: readonly unknown[], reference: string): unknown {
  const id = reference.startsWith('#') ? did + reference : reference
  const found = methods.filter((method) => absoluteId(did, method) === id)
  return found.length === 1 ? found[0] : undefined
}

function absoluteId(did: Did, method: unknown): string | undefined {
  const id = own(method, 'id')
  if (typeof id !== 'string') return undefined
  return id.startsWith('#') ? did + id : id
}

function keyOf(did: Did, method: unknown): PublicKey | undefined {
  // DID-07: a key with another controller does not count, wherever it is listed.
  if (!absoluteId(did, method)?.startsWith(`${did}#`) || own(method, 'controller') !== did) return undefined
  const type = own(method, 'type')
  const algorithms = typeof type === 'string' ? keyTypes.get(type) : undefined
  if (algorithms === undefined) return undefined
  try {
    const key = readKey(method, algorithms)
    return key !== undefined && algorithms.includes(key.algorithm) ? key : undefined
  } catch (error) {
    if (error instanceof MalformedError) return undefined
    throw error
  }
}

/** DID-08: exactly one of the three forms, so that two readers cannot find different keys in one method. */
function readKey(method: unknown, algorithms: readonly SignatureAlgorithm[]): PublicKey | undefined {
  const forms = keyForms.filter((form) => own(method, form) !== undefined)
  const value = own(method, forms[0] ?? '')
  if (forms.length !== 1) return undefined
  if (forms[0] === 'publicKeyJwk') return typeof value === 'object' ? publicKeyFromJwk(readJwk(value)) : undefined
  if (typeof value !== 'string') return undefined
  if (forms[0] === 'publicKeyMultibase') {
    const { algorithm, bytes } = decodeMultikey(value)
    return publicKey(algorithm, bytes)
  }
  const [algorithm] = algorithms
  return algorithms.length === 1 && algorithm !== undefined && value.length <= 64
    ? publicKey(algorithm, decodeBase58btc(value))
    : undefined
}

function readJwk(value: unknown): Jwk {
  const member = (name: string) => {
    const text = own(value, name)
    return typeof text === 'string' ? { [name]: text } : {}
  }
  return { ...member('kty'), ...member('crv'), ...member('x'), ...member('y') }
}

/** Types of verification methods, and the algorithms of their keys. */
const keyTypes: ReadonlyMap<string, readonly SignatureAlgorithm[]> = new Map([
  ['Multikey', ['Ed25519', 'ES256', 'ES256K']],
  ['JsonWebKey', ['Ed25519', 'ES256', 'ES256K']],
  ['JsonWebKey2020', ['Ed25519', 'ES256', 'ES256K']],
  ['Ed25519VerificationKey2018', ['Ed25519']],
  ['Ed25519VerificationKey2020', ['Ed25519']],
  ['EcdsaSecp256r1VerificationKey2019', ['ES256']],
  ['EcdsaSecp256k1VerificationKey2019', ['ES256K']],
  ['Secp256k1VerificationKey2018', ['ES256K']],
])

const keyForms = ['publicKeyMultibase', 'publicKeyJwk', 'publicKeyBase58'] as const

/** Reads an own member of parsed JSON. */
function own(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) return []
  if (value.length > maxEntries) throw new ResolutionError(`the document has a list of more than ${maxEntries} entries`)
  return value
}
