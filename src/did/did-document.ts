/**
 * DID documents (W3C DID Core 1.0, section 5): which keys may sign for the DID.
 *
 * @module
 */

import { MalformedError, ResolutionError } from '../errors.ts'
import { decodeBase58btc } from '../ipld/base.ts'
import { arrayOf, type OptionCheck, oneOfStrings } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import type { Did } from './did.ts'
import { publicKey } from './did-key.ts'
import { type Jwk, publicKeyFromJwk } from './jwk.ts'
import { decodeMultikey } from './multikey.ts'
import type { PublicKey, SignatureAlgorithm } from './public-key.ts'

/** What a DID document can list a key for (DID Core, section 5.3); `keyAgreement` is not for signing. */
export type VerificationRelationship =
  | 'authentication'
  | 'assertionMethod'
  | 'capabilityInvocation'
  | 'capabilityDelegation'

/** The relationships that are asked for by default: UCANs both invoke and delegate. */
export const defaultRelationships: readonly VerificationRelationship[] = Object.freeze([
  'capabilityInvocation',
  'capabilityDelegation',
])

/** What an option that lists relationships must look like: none would be asked for by an empty list. */
export const relationshipsCheck: OptionCheck = (value) => {
  if (value === undefined) return undefined
  const names = oneOfStrings('authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation')
  return arrayOf(names)(value) ?? ((value as readonly unknown[]).length > 0 ? undefined : 'must name a relationship')
}

/** The most keys of one document; each can be a signature to verify. */
const maxKeys = 8

/** The most entries of a list in a document: each is looked for among all the methods. */
const maxEntries = 64

/**
 * Returns the keys that a document lists under every one of the relationships. Keys of other kinds, of other
 * controllers and of bad form are passed over: nobody can sign with them here.
 *
 * @param document - parsed JSON, not trusted.
 * @throws ResolutionError when it is not a document of the DID, or lists more than 8 keys or 64 entries.
 */
export function documentKeys(
  did: Did,
  document: unknown,
  relationships: readonly VerificationRelationship[] = defaultRelationships,
): readonly PublicKey[] {
  // DID-05
  if (own(document, 'id') !== did) throw new ResolutionError(`the document is not one of ${quote(did)}`)
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
  if (keys.size > maxKeys) throw new ResolutionError(`the document lists more than ${maxKeys} keys`)
  return Object.freeze([...keys.values()])
}

/** A reference is the whole DID URL, or the fragment alone; two methods of one name are none. */
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
  // DID-07: a key that another principal controls is not this one's, wherever it is listed
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

/** DID-08: exactly one of the three forms, so that no two readers can see two keys in one method. */
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

/** Types of verification methods, and the kinds of key that each can hold. */
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

/** Reads a member of parsed JSON, never one of a prototype. */
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
