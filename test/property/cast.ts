/**
 * The principals in the scenarios of the properties, and the time.
 *
 * @module
 */
import { type Principal, principalOf, writeToken } from '../reference/writer.ts'

/** The time of every scenario. */
export const now = 1_800_000_000

/** The principals: five keys of Ed25519 and two of each other kind. */
export const cast: readonly Principal[] = [
  principalOf('a'),
  principalOf('b'),
  principalOf('c'),
  principalOf('d'),
  principalOf('e'),
  principalOf('f', 'ES256'),
  principalOf('g', 'ES256'),
  principalOf('h', 'ES256K'),
  principalOf('i', 'ES256K'),
]

/** An expired delegation that no scenario refers to, so that it has no effect. */
export function unrelatedToken(place: number): Uint8Array {
  const issuer = pickFrom(cast, place)
  return writeToken({
    tag: 'ucan/dlg@1.0.0',
    signer: issuer,
    fields: {
      iss: issuer.did,
      aud: pickFrom(cast, place + 1).did,
      sub: issuer.did,
      cmd: '/other',
      pol: [],
      nonce: new Uint8Array(12).fill(place),
      exp: now - 1_000,
    },
  })
}

/** The element at a place, counted around. */
export function pickFrom<T>(list: readonly T[], place: number): T {
  return list[place % list.length] as T
}
