// node only: works with parts that use files
import { basename, dirname } from 'node:path'
import { type Clock, type Command, type Delegation, type Signer, systemClock } from 'procura'
import { shellQuoted } from '../../../support/shell-quoted.ts'
import { atHome } from '../../configuration/at-home.ts'
import { isAbout } from '../../wire/proof-command.ts'
import { covers, endingSoon } from '../ending-soon.ts'
import { denialKey, type Message } from './answers.ts'
import type { GatewayConnection } from './connection-file.ts'

/** The delegations of an agent for one server. */
export interface HeldForServer {
  /** The command of the whole server. */
  readonly whole: Command
  readonly connection: GatewayConnection
  readonly signer: Pick<Signer, 'did'>
  readonly held: () => Promise<readonly Delegation[]>
  readonly clock: Clock | undefined
}

/** The reason in words for which calls are refused, or tools are missing, because a delegation has ended. */
export type EndedWords = (called?: string) => Promise<string | undefined>

/**
 * Makes the function that says what the agent may no longer do. CON-36
 *
 * @returns a function whose argument is the command of a call; without it, the sentence is about the whole server. It
 *   returns undefined when nothing has ended, or the delegations cannot be read.
 */
export function endedWords({ whole, connection, signer, held, clock }: HeldForServer): EndedWords {
  const { home, subject } = connection
  return async (called) => {
    const all = await held().catch(() => [])
    const own = all.filter((one) => one.audience === signer.did && one.subject === subject)
    const ended = endingSoon(own, (clock ?? systemClock).now())
      .filter(({ state }) => state === 'ended')
      .filter(({ command }) => (called === undefined ? isAbout(command, whole) : covers(command, called)))
    const [first, ...others] = ended
    if (first === undefined) return undefined
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`
    const end = new Date(first.expiration * 1_000).toISOString().replace('.000Z', 'Z')
    const effect = called === undefined ? 'shows and permits nothing of it' : 'refuses the call'
    const folder = shellQuoted(dirname(connection.delegations))
    const remedy =
      home === undefined
        ? `Ask the owner of the gateway for a new delegation; the user stores it with \`procura agent receive ${folder}\`.`
        : atHome(
            `Ask the user to run \`procura renew ${shellQuoted(basename(dirname(connection.delegations)))}\`, which renews it.`,
            connection,
          )
    return `The delegation of the agent ${basename(dirname(connection.delegations))} for ${first.command}${more} ended ${end}, so the gateway ${effect}. ${remedy}`
  }
}

/** The requests whose results have instructions for the model. */
export const openingMethods: ReadonlySet<unknown> = new Set(['initialize', 'server/discover'])

/** An answer of the gateway with the reason; undefined if it stays as it is. */
export async function withEndedWords<Answer extends Message>(
  answer: Answer,
  asked: { readonly isOpening: boolean; readonly called: string | undefined },
  ended: EndedWords,
): Promise<Answer | undefined> {
  const { result } = answer as { readonly result?: Readonly<Record<string, unknown>> }
  if (typeof result !== 'object' || result === null) return undefined
  if (asked.isOpening) {
    const words = await ended()
    const { instructions } = result
    const text = typeof instructions === 'string' && instructions !== '' ? `${instructions}\n\n${words}` : words
    return words === undefined ? undefined : { ...answer, result: { ...result, instructions: text } }
  }
  const { _meta, content } = result
  if (asked.called === undefined || !Object.hasOwn(Object(_meta), denialKey) || !Array.isArray(content))
    return undefined
  const words = await ended(asked.called)
  return words === undefined
    ? undefined
    : { ...answer, result: { ...result, content: [...content, { type: 'text', text: words }] } }
}
