import { delegate, encodeContainer, type Signer } from 'procura'
import type { HelloError } from '../wire/hello.ts'
import { successorCommand } from '../wire/proof-command.ts'

/** Seconds for which a proof is valid: the present key can be replaced as well. */
const validSeconds = 60

/**
 * Proves that the gateway succeeds one of its former DIDs: the former key signs the present DID. GTW-85
 *
 * @param previous - signers of the former keys.
 * @returns the proof as a container, or the fault.
 */
export async function successorProof(
  former: string,
  audience: string,
  previous: readonly Signer[],
): Promise<{ readonly successor: string } | HelloError> {
  const issuer = previous.find(({ did }) => did === former)
  if (issuer === undefined)
    return { code: 'successor_unknown', message: 'the gateway has no former key with this DID; correct `audience`' }
  const proof = await delegate({ issuer, audience, command: successorCommand, expiresIn: validSeconds })
  return { successor: encodeContainer([proof]) }
}
