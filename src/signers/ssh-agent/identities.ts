// node only: reads what node:net receives
/**
 * The keys of an SSH agent.
 *
 * @module
 */

import { publicKey } from '../../core/did/did-key.ts'
import { keyFromPoint } from '../../core/did/key-from-point.ts'
import type { PublicKey } from '../../core/did/public-key.ts'
import { ProcuraError, SigningError } from '../../errors.ts'
import { type AgentAddress, askAgent } from './ask-agent.ts'
import { malformedAnswer, sshReader } from './wire.ts'

/** A key of an agent that can sign tokens. */
export interface Identity {
  /** The public key as the agent knows it. */
  readonly blob: Uint8Array
  readonly comment: string
  readonly key: PublicKey
}

/** The kind of an Ed25519 key, in keys and in signatures. */
export const ed25519Name = 'ssh-ed25519'
/** The kind of a P-256 key, in keys and in signatures. */
export const p256Name = 'ecdsa-sha2-nistp256'

const requestIdentities = 11
const identitiesAnswer = 12

/**
 * Lists the keys of an agent that can sign tokens. Keys of other kinds are left out: RSA, larger curves, certificates,
 * and keys in security keys, which sign a structure of their own.
 *
 * @throws SigningError when the agent cannot be reached, or its answer is malformed.
 */
export async function readIdentities(address: AgentAddress): Promise<readonly Identity[]> {
  const answer = sshReader(await askAgent(address, Uint8Array.of(requestIdentities)))
  if (answer.byte() !== identitiesAnswer) throw new SigningError('the SSH agent did not list its keys')
  const identities: Identity[] = []
  for (let left = answer.uint32(); left > 0; left -= 1) {
    const blob = answer.bytes()
    const comment = answer.text()
    const key = keyOf(blob)
    if (key !== undefined) identities.push({ blob, comment, key })
  }
  answer.end()
  return identities
}

function keyOf(blob: Uint8Array): PublicKey | undefined {
  const fields = sshReader(blob)
  const kind = fields.text()
  if (kind !== ed25519Name && kind !== p256Name) return undefined
  if (kind === p256Name && fields.text() !== 'nistp256') throw malformedAnswer()
  const bytes = fields.bytes()
  fields.end()
  try {
    if (kind === ed25519Name) return publicKey('Ed25519', bytes)
    if (bytes.length !== 65 || bytes[0] !== 4) throw malformedAnswer()
    return keyFromPoint('ES256', bytes.subarray(1, 33), bytes.subarray(33))
  } catch (cause) {
    if (cause instanceof SigningError) throw cause
    // A key that no verifier accepts, such as one of small order.
    if (cause instanceof ProcuraError) return undefined
    throw cause
  }
}
