// node only: uses node:net
/**
 * Signers whose key is in an SSH agent.
 *
 * @module
 */

import process from 'node:process'
import type { Did } from '../../core/did/did.ts'
import { didOption } from '../../core/did/did-option.ts'
import type { SignatureAlgorithm } from '../../core/did/public-key.ts'
import { decodeBase64 } from '../../core/ipld/base.ts'
import { bytesEqual, concatBytes } from '../../core/ipld/bytes.ts'
import { remoteSigner } from '../../core/principal/remote-signer.ts'
import type { Signer } from '../../core/principal/signer.ts'
import { ArgumentError, SigningError } from '../../errors.ts'
import { didString, maybe, milliseconds, nonEmptyString, readOptions, withDefault } from '../../support/options.ts'
import { integerBytes } from '../integer-bytes.ts'
import { type AgentAddress, askAgent, maxAgentMessageBytes } from './ask-agent.ts'
import { ed25519Name, type Identity, p256Name, readIdentities } from './identities.ts'
import { malformedAnswer, sshBytes, sshReader, sshUint32 } from './wire.ts'

/** Options of {@link listSshAgentKeys}. */
export interface SshAgentOptions {
  /** The path of the socket. Default: the environment variable `SSH_AUTH_SOCK`. */
  readonly socket?: string
  /**
   * Milliseconds within which the agent must answer, with the confirmation of a person if it asks one. Default 60,000.
   */
  readonly timeoutMs?: number
}

/** Options of {@link sshAgentSigner}. */
export interface SshAgentSignerOptions extends SshAgentOptions {
  /** Selects the key by the line of its `.pub` file: `ssh-ed25519 AAAA… comment`. */
  readonly publicKey?: string
  /** Selects the key by its comment. */
  readonly comment?: string
  /** The DID that the key signs for. Default: its `did:key`. A `did:key` also selects the key. */
  readonly did?: Did
}

/** A key of an SSH agent that can sign tokens. */
export interface SshAgentKey {
  /** Its `did:key`. */
  readonly did: Did
  readonly algorithm: SignatureAlgorithm
  /** As it is in the agent. It is not checked, and several keys may have the same. */
  readonly comment: string
}

/**
 * Lists the keys of an SSH agent that can sign tokens: those of the kinds `ssh-ed25519` and `ecdsa-sha2-nistp256`. A
 * locked agent lists none.
 *
 * @throws ArgumentError when there is no `socket`; SigningError when the agent does not answer as the protocol
 *   requires.
 */
export async function listSshAgentKeys(options: SshAgentOptions = {}): Promise<readonly SshAgentKey[]> {
  const { socket, timeoutMs } = readOptions('listSshAgentKeys', options, addressChecks)
  const identities = await readIdentities(addressOf('listSshAgentKeys', socket, timeoutMs))
  return Object.freeze(
    identities.map(({ key, comment }) => Object.freeze({ did: key.did, algorithm: key.algorithm, comment })),
  )
}

/**
 * Makes a signer whose key is in an SSH agent. The agent signs each token; the key does not leave it. Every process of
 * the user that can open the socket can sign with the key too: add it with `ssh-add -c`, so that the agent asks a
 * person before each use.
 *
 * @throws ArgumentError when an option is invalid or there is no `socket`; SigningError when the agent does not answer
 *   as the protocol requires, or the options do not select exactly one key.
 *
 * @example
 * ```ts
 * import { sshAgentSigner } from 'procura/signer/ssh-agent'
 *
 * // In a shell, once: ssh-keygen -t ed25519 -f owner && ssh-add -c owner
 * const owner = await sshAgentSigner({ comment: 'owner@laptop' })
 * ```
 */
export async function sshAgentSigner(options: SshAgentSignerOptions = {}): Promise<Signer> {
  const of = 'sshAgentSigner'
  const given = readOptions(of, options, {
    ...addressChecks,
    publicKey: maybe(nonEmptyString),
    comment: maybe(nonEmptyString),
    did: maybe(didString),
  })
  const address = addressOf(of, given.socket, given.timeoutMs)
  const did = given.did === undefined ? undefined : didOption('did', given.did)
  const blob = given.publicKey === undefined ? undefined : blobOf(given.publicKey)
  const identity = onlyOne(
    (await readIdentities(address)).filter(
      ({ blob: own, comment, key }) =>
        (blob === undefined || bytesEqual(own, blob)) &&
        (given.comment === undefined || comment === given.comment) &&
        (did === undefined || !did.startsWith('did:key:') || key.did === did),
    ),
    given.publicKey !== undefined || given.comment !== undefined || did !== undefined,
  )
  return remoteSigner({
    did: did ?? identity.key.did,
    key: identity.key,
    maxMessageBytes: maxAgentMessageBytes - identity.blob.length - 16,
    sign: (bytes, { signal }) => signWithAgent(address, identity, bytes, signal),
  })
}

const addressChecks = Object.freeze({
  socket: maybe(nonEmptyString),
  timeoutMs: withDefault(milliseconds, 60_000),
})

function addressOf(of: string, given: string | undefined, timeoutMs: number): AgentAddress {
  const socket = given ?? process.env['SSH_AUTH_SOCK'] ?? ''
  if (socket === '')
    throw new ArgumentError(`${of}: \`socket\` is missing, and SSH_AUTH_SOCK is not set; start ssh-agent`)
  return { socket, timeoutMs }
}

/** Reads the line of a `.pub` file. */
function blobOf(line: string): Uint8Array {
  const [kind = '', text = ''] = line.trim().split(/[ \t]+/)
  try {
    const blob = decodeBase64(text, 1_024)
    if ((kind === ed25519Name || kind === p256Name) && sshReader(blob).text() === kind) return blob
  } catch {
    // A misplaced private key must not be shown.
  }
  throw new ArgumentError(
    `sshAgentSigner: \`publicKey\` must be the line of a .pub file that begins with ${ed25519Name} or ${p256Name}`,
  )
}

function onlyOne(found: readonly Identity[], selected: boolean): Identity {
  const [identity, ...others] = found
  // A key on a card and in a file is one key.
  const more = others.filter(({ blob }) => !bytesEqual(blob, (identity as Identity).blob))
  if (identity === undefined) {
    const what = selected ? 'the selected key' : `a key of the kind ${ed25519Name} or ${p256Name}`
    throw new SigningError(
      `the SSH agent does not have ${what}; add it with ssh-add, or unlock the agent with \`ssh-add -X\``,
    )
  }
  if (more.length > 0) {
    throw new SigningError(
      `the SSH agent has ${1 + more.length} such keys; select one by \`publicKey\`, \`comment\` or \`did\``,
    )
  }
  return identity
}

const signRequest = 13
const signResponse = 14

async function signWithAgent(
  address: AgentAddress,
  { blob, key }: Identity,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const request = concatBytes([Uint8Array.of(signRequest), sshBytes(blob), sshBytes(bytes), sshUint32(0)])
  const answer = sshReader(await askAgent(address, request, signal))
  if (answer.byte() !== signResponse) {
    throw new SigningError(
      'the SSH agent refused to sign: the use was not confirmed, the agent is locked, or the key was removed or is restricted to hosts',
    )
  }
  const signature = sshReader(answer.bytes())
  answer.end()
  const kind = signature.text()
  const raw = signature.bytes()
  signature.end()
  if (kind !== (key.algorithm === 'Ed25519' ? ed25519Name : p256Name)) throw malformedAnswer()
  return key.algorithm === 'Ed25519' ? raw : halves(raw)
}

/** The signature of ECDSA is two integers (RFC 5656, section 3.1.2). */
function halves(blob: Uint8Array): Uint8Array {
  const fields = sshReader(blob)
  const [r, s] = [integerBytes(fields.bytes()), integerBytes(fields.bytes())]
  fields.end()
  if (r === undefined || s === undefined) throw malformedAnswer()
  return concatBytes([r, s])
}
