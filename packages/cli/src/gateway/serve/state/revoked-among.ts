import type { GatewayStores } from './sync-state.ts'

/**
 * Finds the delegations and principals that are revoked.
 *
 * @param ids - the CIDs of the delegations, and the DIDs of the principals whose revocations count.
 * @returns the CIDs and DIDs of those that are revoked. A principal that is revoked ends its chains, and not the
 *   delegation, which it may get again with another key.
 * @throws StoreError when the store cannot tell.
 */
export async function revokedAmong(
  revocations: Pick<GatewayStores['revocations'], 'findRevocations'>,
  ids: readonly string[],
): Promise<readonly string[]> {
  const found = await revocations.findRevocations(ids, {})
  return [...new Set(found.map(({ id }) => id))]
}
