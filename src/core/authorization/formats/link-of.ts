import { cidTextOfKey } from '../../ipld/cid.ts'
import { type Link, linkWeight, type SignedBytes } from '../chain.ts'
import type { LinkFields } from './token-fields.ts'

/**
 * Makes the link of a delegation.
 *
 * @param key - the `digestKey` of its bytes.
 * @param twin - its other name, if the signature is of ECDSA.
 */
export function linkOf(fields: LinkFields, key: string, twin: string | undefined, { signed }: SignedBytes): Link {
  // Built without spreads: many links are kept, and an object that was spread takes more memory.
  const link: { -readonly [Key in keyof Link]: Link[Key] } = {
    issuer: fields.issuer,
    audience: fields.audience,
    subject: fields.subject,
    command: fields.command,
    policy: fields.policy,
    expiration: fields.expiration,
    name: cidTextOfKey(key),
  }
  if (fields.notBefore !== undefined) link.notBefore = fields.notBefore
  if (twin !== undefined) link.twin = twin
  const weight = linkWeight(signed.length)
  if (weight > 1) link.weight = weight
  return link
}
