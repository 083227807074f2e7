/** Elsewhere than on Node the size of the code counts, and each nonce is taken from the platform. */
export function createNonces(): (() => Uint8Array) | undefined {
  return undefined
}
