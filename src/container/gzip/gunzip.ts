import { inflate } from './inflate.ts'
import { type InflateFault, readMember } from './member.ts'

/** Inflates the one gzip member that `bytes` must be, into at most `maxBytes`, without a platform. */
export function gunzip(bytes: Uint8Array, maxBytes: number): Uint8Array | InflateFault {
  const member = readMember(bytes)
  if (member === undefined) return 'not_gzip'
  const contents = inflate(member.deflated, maxBytes)
  return typeof contents === 'string' || member.isOf(contents) ? contents : 'not_gzip'
}
