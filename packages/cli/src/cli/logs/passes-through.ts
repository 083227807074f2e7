import type { AuditEvent } from 'procura/audit'

/**
 * Whether events are about authority that passed some principals or delegations. The answer for a refused call, which
 * has no principals on record, depends on the delegations that earlier events named.
 *
 * @param ids - DIDs of principals, and CIDs of delegations.
 */
export function passesThrough(ids: ReadonlySet<string>): (event: AuditEvent) => boolean {
  const delegations = new Set<string>(ids)
  const intents = new Set<string>()
  return (event) => {
    switch (event.kind) {
      case 'intent': {
        const chain = textsOf(event.chain)
        const at = textsOf(event.principals).findIndex((one) => ids.has(one))
        // Begins with the delegation to the principal. For an owner, it is the first of the chain.
        const from = at === -1 ? chain.findIndex((one) => delegations.has(one)) : Math.max(0, at - 1)
        for (const one of from === -1 ? [] : chain.slice(from)) delegations.add(one)
        const isOn = from !== -1 || ids.has(event.invoker ?? '')
        if (isOn) intents.add(event.id)
        return isOn
      }
      case 'outcome':
      case 'released':
        return intents.has(event.intent)
      case 'denied':
        return ids.has(event.invoker ?? '') || textsOf(event.chain).some((one) => delegations.has(one))
      case 'issued':
      case 'seen': {
        const { issuer, audience, delegation, chain } = event
        const isOn =
          [issuer, audience].some((one) => ids.has(one)) ||
          [delegation, ...textsOf(chain)].some((one) => delegations.has(one))
        if (isOn) delegations.add(delegation)
        return isOn
      }
      case 'revoked':
        return delegations.has(event.revoked) || ids.has(event.issuer ?? '')
      default:
        return false
    }
  }
}

/** A record from a file can have any value here. */
function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value : []
}
