import type { Delegation } from 'procura'

/** Whether an owner gave a delegation as an approval with a scope. APR-73 */
export function isScoped({ meta }: Pick<Delegation, 'meta'>): boolean {
  return Object(meta).approval !== undefined
}
