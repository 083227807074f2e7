import { anyCommand } from '../core/capability/command.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'
import { describePolicy } from '../core/capability/policy/describe-policy.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import { never, type Timestamp } from '../time.ts'
import type { AgentCapability } from './agent.ts'
import { expirationOf, type HeldChain } from './chains.ts'
import { isWithin } from './command-path.ts'

/**
 * Describes the authority of a chain, for people and models. AGT-05: the conditions are those of every delegation in
 * the chain.
 *
 * @param definitions - the definitions that the capability is listed for.
 */
export function describeChain(chain: HeldChain, definitions: readonly CommandDefinition[] = []): AgentCapability {
  const { subject, proofs } = chain
  const { command } = proofs.at(-1) as Delegation
  const policy = proofs.flatMap((proof) => proof.policy)
  const conditions = [...new Set(describePolicy(policy))]
  const expiration = expirationOf(proofs)
  const below = command === anyCommand ? 'every command' : `\`${command}\` and the commands below it`
  const where = conditions.length === 0 ? '' : `, where ${conditions.join(', and ')}`
  const until = expiration === never ? 'without expiry' : `until ${shownTime(expiration)}`
  return Object.freeze({
    subject,
    command,
    commands: Object.freeze(definitions.filter((definition) => isWithin(definition.command, command))),
    policy: Object.freeze(policy),
    conditions: Object.freeze(conditions),
    words: `${below} for ${subject}${where}; ${until}`,
    expiration,
    proofs: Object.freeze([...proofs]),
  })
}

/** The year 9999 ends here. */
const lastDate = 253_402_300_799

function shownTime(time: Timestamp): string {
  return time > lastDate ? `second ${time}` : new Date(time * 1_000).toISOString().replace('.000Z', 'Z')
}
