/**
 * Sealed credentials: a secret and its rules in one encrypted text, which only one service can open. The service needs
 * no database; the text can be stored anywhere.
 *
 * @module
 */

import { encodeHex } from '../../../core/ipld/hex.ts'
import { ArgumentError, VaultError } from '../../../errors.ts'
import { sha256Bytes } from '../../../support/digest.ts'
import {
  arrayOf,
  byteArray,
  didString,
  flag,
  integerFrom,
  maybe,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  readOptions,
  withDefault,
} from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { type Clock, secondsOf, type Timestamp } from '../../../time.ts'
import { type VaultOptions, vaultChecks } from '../../configuration.ts'
import { vaultOver } from '../../create-vault.ts'
import type { FindCredential, FoundCredential } from '../../release/context.ts'
import { type CredentialOptions, parseRules, ruleChecks } from '../../rules/credential-rules.ts'
import { parseOrigins } from '../../rules/origin.ts'
import { parseStoredRules } from '../../rules/stored-rules.ts'
import { Secret, type SecretValue, secretValue, toSecret } from '../../secret.ts'
import type { SecretSource } from '../../source.ts'
import type { Vault } from '../../vault.ts'
import { generatePair, publicKeyOf } from './hpke.ts'
import { isSealed, openSealed, type SealedContents, sealContents } from './sealed-text.ts'

/** A key pair for sealed credentials. */
export interface SealingKey {
  /** 32 bytes (X25519). Give it to the owners who seal credentials. */
  readonly publicKey: Uint8Array
  /** 32 bytes. Only the service has it. */
  readonly privateKey: Secret
}

/** Options of {@link sealCredential}. */
export interface SealOptions extends Omit<CredentialOptions, 'subjects' | 'commands'> {
  readonly secret: SecretValue
  /** The public key of the service. */
  readonly publicKey: Uint8Array
  /** DIDs of the subjects that may use the credential, directly or by a delegation from them. */
  readonly roots: readonly string[]
  /** Commands whose calls may use it, each with all commands below it. */
  readonly commands: readonly string[]
  /** The second from which it can no longer be used. Default: none. */
  readonly expiration?: Timestamp
}

/** Options of {@link sealedVault}. */
export interface SealedVaultOptions extends VaultOptions {
  /** Private keys that open credentials: the current key, and its predecessors. */
  readonly privateKeys: readonly Secret[]
  /**
   * Origins to which credentials may be sent. Anybody with the public key can seal a credential for any origin, so the
   * origins in a sealed text are not enough: this list keeps callers from reaching other hosts through the service.
   */
  readonly origins: readonly string[]
  /** Sealed credentials by name. Take them from a trusted place: a text does not show who sealed it. */
  readonly credentials?: Readonly<Record<string, string>>
  /**
   * Whether a sealed text itself is accepted as a reference, so that a caller can present its own credential. Its roots
   * and commands are enforced as usual. A text does not identify its sealer: a caller can seal its own credential for
   * your root, and the response of the upstream is then about an account of the caller. Default false.
   */
  readonly acceptPresented?: boolean
}

/** Makes a key pair for sealed credentials. Store the private key in a vault of another kind. */
export async function generateSealingKey(): Promise<SealingKey> {
  const pair = await generatePair()
  const key = { publicKey: pair.publicKey, privateKey: new Secret(pair.privateKey) }
  pair.privateKey.fill(0)
  return key
}

/**
 * Computes the public key of a private key.
 *
 * @throws ArgumentError when `key` is not a Secret of 32 bytes.
 */
export async function sealingPublicKey(key: Secret): Promise<Uint8Array> {
  readOptions('sealingPublicKey', { key }, { key: privateKey })
  return publicKeyOf(key.revealBytes())
}

/**
 * Seals a credential and its rules to a service. The text is encrypted and not signed: it does not show who sealed it,
 * and the named roots did not have to agree.
 *
 * @returns a string `procura-sealed.1.…`, safe in URLs and headers.
 * @throws ArgumentError when the rules or the public key are invalid, `roots` or `commands` is empty, or the credential
 *   is too long.
 */
export async function sealCredential(options: SealOptions): Promise<string> {
  const { secret, publicKey, roots, commands, expiration, ...rules } = readOptions(
    'sealCredential',
    options,
    sealChecks,
  )
  if (roots.length === 0 || commands.length === 0) {
    throw new ArgumentError('sealCredential: `roots` and `commands` must not be empty')
  }
  if (publicKey.length !== 32) throw new ArgumentError('sealCredential: `publicKey` must have 32 bytes')
  const wrapped = toSecret(secret, 'sealed')
  const { description } = parseRules('sealed', { ...rules, subjects: roots, commands })
  try {
    return await sealContents(new Uint8Array(publicKey), { rules: description, secret: wrapped, expiration })
  } finally {
    wrapped.dispose()
  }
}

const { subjects: _, ...openRuleChecks } = ruleChecks

const sealChecks: OptionChecks<SealOptions> = Object.freeze({
  ...openRuleChecks,
  secret: secretValue,
  publicKey: byteArray,
  roots: arrayOf(didString),
  commands: arrayOf(nonEmptyString),
  expiration: maybe(integerFrom(0)),
})

/**
 * Makes a vault that opens sealed credentials.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function sealedVault(options: SealedVaultOptions): Vault {
  const given = readOptions('sealedVault', options, {
    ...vaultChecks,
    privateKeys: arrayOf(privateKey),
    origins: arrayOf(nonEmptyString),
    credentials: withDefault(objectValue, {}),
    acceptPresented: withDefault(flag, false),
  })
  const { privateKeys, origins, credentials = {}, acceptPresented: presented, ...settings } = given
  const wrong = (what: string): ArgumentError => new ArgumentError(`sealedVault: ${what}`)
  const allowed = new Set(parseOrigins(origins, wrong))
  const keys = privateKeys.map((key) => key.copy())
  if (keys.length === 0) throw wrong('`privateKeys` is empty; make one with generateSealingKey')
  const named = new Map(Object.entries(credentials))
  for (const [name, sealed] of named) {
    if (typeof sealed !== 'string' || !isSealed(sealed))
      throw wrong(`credential ${quote(name)} is not a sealed text; make one with sealCredential`)
  }
  if (named.size === 0 && !presented) throw wrong('`credentials` is empty; name one, or set `acceptPresented: true`')

  const find: FindCredential = async (reference) => {
    // VLT-34: A text that came with a call is opened only if the service allows it.
    const sealed = named.get(reference) ?? (presented && isSealed(reference) ? reference : undefined)
    if (sealed === undefined) return undefined
    const name = named.has(reference) ? reference : await nameOf(sealed)
    return credentialOf(name, await openSealed(keys, sealed), allowed, settings.clock)
  }
  const vault = vaultOver(find, settings)
  // A presented text is a reference too, so the references cannot be listed.
  return presented ? vault : Object.freeze({ ...vault, references: Object.freeze([...named.keys()]) })
}

/** The platform would refuse a key of another length only when the first credential is opened. */
const privateKey: OptionCheck = (value) =>
  Secret.is(value) && lengthOf(value) === 32 ? undefined : 'must be a Secret of 32 bytes'

function lengthOf(secret: Secret): number {
  const bytes = secret.revealBytes()
  bytes.fill(0)
  return bytes.length
}

function credentialOf(
  reference: string,
  { rules: text, secret, expiration, version }: SealedContents,
  origins: ReadonlySet<string>,
  clock: Clock,
): FoundCredential {
  const rules = parseStoredRules(reference, text)
  // VLT-32: The lock on roots and commands is part of the sealed contents. A text without it was not made here.
  if (rules.subjects === undefined || rules.commands === undefined) {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'the sealed credential does not name its roots and commands')
  }
  for (const origin of [...rules.origins, ...(rules.processor?.origins ?? [])]) {
    // VLT-33: The text may name any origin, but only configured origins receive its secret.
    if (!origins.has(origin)) {
      throw new VaultError(
        'ERR_VAULT_ORIGIN_REFUSED',
        `the sealed credential is for ${quote(origin)}, which is not one of the \`origins\` of the vault`,
      )
    }
  }
  const source: SecretSource = {
    name: 'sealed',
    read: async () => ({
      reference,
      secret: secret.copy(),
      version,
      kind: 'static',
      downscoped: false,
      readAt: secondsOf(clock),
      ...(expiration !== undefined && { expiresAt: expiration }),
    }),
  }
  return { reference, rules, source }
}

/** The name of a presented text in records. */
async function nameOf(sealed: string): Promise<string> {
  const hash = await sha256Bytes(new TextEncoder().encode(sealed))
  return `sealed/${encodeHex(hash).slice(0, 32)}`
}
