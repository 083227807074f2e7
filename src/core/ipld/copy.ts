import type { Bounds } from '../../bounds.ts'
import { decodeCbor } from './decode.ts'
import { encodeCbor } from './encode.ts'
import type { IpldValue } from './value.ts'

/**
 * Copies a value of the caller, as a reader of a token sees it: `-0` is `0`, and maps have no prototype.
 *
 * @param name - the name of the value in messages, for example `args`.
 * @throws ArgumentError as {@link encodeCbor}.
 * @throws MalformedError when no token of these bounds can contain it.
 */
export function copyIpld(value: IpldValue, name: string, { tokenBytes, depth, items }: Bounds): IpldValue {
  const bounds = { bytes: tokenBytes, depth, items, stringBytes: tokenBytes }
  return decodeCbor(encodeCbor(value, name, bounds), bounds)
}
