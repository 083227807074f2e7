import type { CID } from 'multiformats/cid'
import { multibase32 } from './multibase32.ts'

/**
 * The text of a CID, as its `toString` returns it. That method remembers the text for the object, which costs four
 * times as much as the text itself. Use this function for a CID whose text is needed once.
 */
export function cidText(cid: CID): string {
  return cid.version === 1 ? multibase32(cid.bytes) : cid.toString()
}
