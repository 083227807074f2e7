/** A cache of decoded strings. */
export interface TextCache {
  /**
   * Returns the string of the bytes from `start` to `end`.
   *
   * @param decode - decodes bytes that are not in the cache. Its errors are passed on.
   */
  read(
    bytes: Uint8Array,
    start: number,
    end: number,
    decode: (bytes: Uint8Array, start: number, end: number) => string,
  ): string
}
