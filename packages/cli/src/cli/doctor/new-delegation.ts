// node only: names files
import { join } from 'node:path'
import type { Delegation } from 'procura'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { policyTexts } from '../tokens/statement-text.ts'

/** The owner of a gateway: its home folder, and the key file that opens `owner.key`, if it has one. */
export interface OwnerPlace {
  readonly home: string
  readonly keyFile: string | undefined
  /** The CIDs of the delegations that `procura renew` issues again. */
  readonly renewable: ReadonlySet<string>
}

/** The commands, in backticks, that issue delegations again, with a new end and to the present key of the agent. */
export function renewal(owner: OwnerPlace, agent: string, former: readonly Delegation[]): string {
  return former.some(({ cid }) => owner.renewable.has(cid.toString()))
    ? `run \`procura renew ${agent}\``
    : `make a new one with ${newDelegations(owner, agent, former)}`
}

/** The commands, in backticks, that give an agent such delegations again. */
export function newDelegations(
  { home, keyFile }: Pick<OwnerPlace, 'home' | 'keyFile'>,
  agent: string,
  terms: readonly Pick<Delegation, 'command' | 'policy'>[],
): string {
  const lines = terms.map(({ command, policy }) => {
    const texts = policyTexts(policy)
    // A message has each command in backticks.
    if (texts === undefined || texts.some((one) => one.includes('`')))
      return `one for ${command} with the policy that \`procura agent show ${agent}\` shows`
    const words = [
      ...['--from', join(home, 'owner.key'), ...(keyFile === undefined ? [] : ['--key-file', keyFile])],
      ...['--to', agent, '--command', command, ...texts.flatMap((text) => ['--policy', text]), '--expires-in', '30d'],
    ]
    return `\`procura delegate ${words.map(shellQuoted).join(' ')} | procura agent receive ${agent}\``
  })
  return [...new Set(lines)].join(', and ')
}

/** The commands, in backticks, that end delegations of an agent. */
export function endOf(agent: string, delegations: readonly Delegation[]): string {
  return delegations.map(({ cid }) => `\`procura revoke --agent ${agent} --delegation ${cid}\``).join(' and ')
}
