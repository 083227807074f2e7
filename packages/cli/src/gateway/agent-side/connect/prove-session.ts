// node only: works with parts that use files
import { basename, dirname } from 'node:path'
import { type Clock, type Command, encodeContainer, invoke, type Signer } from 'procura'
import type { Agent } from 'procura/agent'
import { quote } from '#support/quote.ts'
import { shellQuoted } from '../../../support/shell-quoted.ts'
import { isAbout, proofCommand } from '../../wire/proof-command.ts'
import type { GatewayConnection } from './connection-file.ts'
import type { EndedWords } from './ended-authority.ts'
import { GatewayFault } from './gateway-socket.ts'

/** The parts with which an agent proves that it holds a delegation for a server. */
export interface SessionProver {
  /** The name of a server, or of an API. */
  readonly server: string
  /** The command of all of it. */
  readonly whole: Command
  readonly connection: GatewayConnection
  readonly signer: Signer
  readonly current: () => Promise<Agent>
  readonly ended: EndedWords
  readonly clock: Clock | undefined
}

/**
 * The second line of a session, for a gateway that asks for a proof. CON-12
 *
 * @throws GatewayFault when the agent has no delegation for the server.
 */
export async function proofFor(
  challenge: string,
  { server, whole, connection, signer, current, ended, clock }: SessionProver,
): Promise<object> {
  const { audience, subject } = connection
  const capabilities = await (await current()).capabilities({ subject })
  const chain = capabilities.find(({ command }) => isAbout(command, whole))?.proofs
  if (chain === undefined) {
    const words = await ended()
    if (words !== undefined) throw new GatewayFault(words.replace(/\.$/, ''))
    const folder = dirname(connection.delegations)
    const { home } = connection
    const agent = shellQuoted(home === undefined ? folder : basename(folder))
    // CON-43: the owner of the home folder has what was issued on record.
    const renewal = home === undefined ? '' : `renew what it had with \`procura renew ${agent}\`; or `
    throw new GatewayFault(
      `the agent has no valid delegation for ${quote(server)}; ${renewal}see \`procura agent show ${agent}\`, and store one with \`procura agent receive ${agent}\``,
    )
  }
  const invocation = await invoke({
    ...{ issuer: signer, audience, subject: signer.did, command: proofCommand, args: { server, challenge } },
    ...(clock !== undefined && { clock }),
  })
  return { invocation: encodeContainer([invocation]), chain: encodeContainer(chain) }
}
