/**
 * Sealed credentials: the secret and the rules of its use in one text, which only one service can open. The service
 * keeps no database; the text can lie anywhere.
 *
 * @module
 */

import { ArgumentError, VaultError } from '../../../errors.ts'
import { encodeHex } from '../../../ipld/base.ts'
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
import type { Clock, Timestamp } from '../../../time.ts'
import { vaultChecks } from '../../configuration.ts'
import { type VaultOptions, vaultOver } from '../../create-vault.ts'
import type { FindCredential, FoundCredential } from '../../release/context.ts'
import { type CredentialOptions, parseRules, ruleChecks } from '../../rules/credential-rules.ts'
import { parseOrigins } from '../../rules/origin.ts'
import { parseStoredRules } from '../../rules/stored-rules.ts'
import { Secret, type SecretValue, secretValue, toSecret } from '../../secret.ts'
import type { SecretSource } from '../../source.ts'
import type { Vault } from '../../vault.ts'
import { generatePair, publicKeyOf } from './hpke.ts'
import { isSealed, openSealed, type SealedContents, sealContents } from './sealed-text.ts'

/** The key to which credentials are sealed, and the one that opens them. */
export interface SealingKey {
  /** 32 bytes (X25519); give it to whoever seals. */
  readonly publicKey: Uint8Array
  /** 32 bytes; the service alone has it. */
  readonly privateKey: Secret
}

/** What {@link sealCredential} is given. */
export interface SealOptions extends Omit<CredentialOptions, 'subjects' | 'commands'> {
  readonly secret: SecretValue
  /** The public key of the service. */
  readonly publicKey: Uint8Array
  /** Roots of authority that may use the credential: the DIDs of the subjects whose delegations begin the chain. */
  readonly roots: readonly string[]
  /** Commands, each with everything below it, whose calls may use it. */
  readonly commands: readonly string[]
  /** The second from which on it cannot be used any more. Default: none. */
  readonly expiration?: Timestamp
}

/** Options of {@link sealedVault}. */
export interface SealedVaultOptions extends VaultOptions {
  /** Private keys that open credentials: the present one, and those it has replaced. */
  readonly privateKeys: readonly Secret[]
  /**
   * Origins that any credential may be sent to. Whoever knows the public key can seal, so what a text says of itself
   * is not enough: this list keeps the service from being used to reach other places.
   */
  readonly origins: readonly string[]
  /** Sealed credentials by name. Take them from where only their owner can put them: they do not show who sealed them. */
  readonly credentials?: Readonly<Record<string, string>>
  /**
   * Whether a sealed text itself is taken as a reference, so that the text may come with a call. Its lock on roots and
   * commands holds all the same. It does not say who sealed it: a caller can seal a credential of its own in the name of
   * the root, and the answer of the upstream is then about an account of the caller. Default false.
   */
  readonly acceptPresented?: boolean
}

/** Makes a key pair for sealing. Keep the private key in a vault of another kind. */
export async function generateSealingKey(): Promise<SealingKey> {
  const pair = await generatePair()
  const key = { publicKey: pair.publicKey, privateKey: new Secret(pair.privateKey) }
  pair.privateKey.fill(0)
  return key
}

/** The public key of a private one. */
export async function sealingPublicKey(key: Secret): Promise<Uint8Array> {
  readOptions('sealing key', { key }, { key: privateKey })
  return publicKeyOf(key.revealBytes())
}

/**
 * Seals a credential, together with the rules of its use, to a service. The text is encrypted and not signed: it does not
 * show who sealed it, and the roots it names did not have to agree.
 *
 * @returns a text `procura-sealed.1.…`, safe in URLs and headers.
 * @throws ArgumentError when the rules or the public key are invalid, when no root or no command is named, or when the
 *   credential is too long.
 */
export async function sealCredential(options: SealOptions): Promise<string> {
  const { secret, publicKey, roots, commands, expiration, ...rules } = readOptions(
    'sealed credential',
    options,
    sealChecks,
  )
  if (roots.length === 0 || commands.length === 0) {
    throw new ArgumentError('a sealed credential names its `roots` and `commands`; name one of each')
  }
  if (publicKey.length !== 32) throw new ArgumentError('`publicKey` must have 32 bytes')
  const wrapped = toSecret(secret, 'sealed')
  const { description } = parseRules('sealed', { ...rules, subjects: roots, commands })
  try {
    return await sealContents(publicKey, { rules: description, secret: wrapped, expiration })
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
 * A vault that opens sealed credentials.
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
    // VLT-34
    const sealed = named.get(reference) ?? (presented && isSealed(reference) ? reference : undefined)
    if (sealed === undefined) return undefined
    const name = named.has(reference) ? reference : await nameOf(sealed)
    return credentialOf(name, await openSealed(keys, sealed), allowed, settings.clock)
  }
  const vault = vaultOver(find, settings)
  // A text that is presented is a name as well.
  return presented ? vault : Object.freeze({ ...vault, references: Object.freeze([...named.keys()]) })
}

/** A key of another length would be refused by the platform, when the first credential is opened. */
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
  // VLT-32: the lock is part of what is sealed, and is never absent
  if (rules.subjects === undefined || rules.commands === undefined) {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'the sealed credential does not name its roots and commands')
  }
  for (const origin of [...rules.origins, ...(rules.processor?.origins ?? [])]) {
    // VLT-33
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
      readAt: Math.floor(clock.now()),
      ...(expiration !== undefined && { expiresAt: expiration }),
    }),
  }
  return { reference, rules, source }
}

/** The name of a text that was presented, for records. */
async function nameOf(sealed: string): Promise<string> {
  const hash = await sha256Bytes(new TextEncoder().encode(sealed))
  return `sealed/${encodeHex(hash).slice(0, 32)}`
}
