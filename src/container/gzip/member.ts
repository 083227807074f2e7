/** Why bytes were not inflated: not one whole gzip member, or too long when inflated. */
export type InflateFault = 'not_gzip' | 'too_large'

/**
 * Whether the last four bytes of a gzip member, the length of its contents, are right. Platforms differ in what they
 * let stand behind a member; more members, or anything else behind one, would be other spellings of the same container.
 */
export function endsWithLength(member: Uint8Array, length: number): boolean {
  return new DataView(member.buffer, member.byteOffset + member.length - 4, 4).getUint32(0, true) === length
}
