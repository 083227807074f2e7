// node only: reads files
import { withInvocation } from 'procura/mcp'
import { toolCommand } from '../../wire/tool-command.ts'
import type { Message } from './answers.ts'
import { type ApprovedCalls, type ApprovedCallsOptions, createApprovedCalls } from './approved-calls.ts'
import type { GatewayConnection } from './connection-file.ts'
import { type EndedWords, endedWords } from './ended-authority.ts'
import { followAgentFile } from './follow-agent-file.ts'
import type { ConnectToGatewayOptions } from './options.ts'
import { proofFor } from './prove-session.ts'
import { openAgentKey } from './unlock.ts'

/** The transport that `withInvocation` wraps. */
export interface Wire {
  send(message: Message): Promise<void>
  onmessage(message: Message): void
}

/** The parts of a session that sign with the key of the agent. */
export interface Signing {
  /** Signs each call of a tool that passes. */
  readonly sign: (wire: Wire) => Wire
  /** Proves to the gateway that the agent has a delegation for the server. */
  readonly prove: (challenge: string) => Promise<object>
  /** What the agent may no longer do, because a delegation has ended. */
  readonly ended: EndedWords
  /** Asks for the approvals of refused calls. */
  readonly approvedCalls: (
    options: Pick<ApprovedCallsOptions, 'elicitor' | 'notify' | 'onFault' | 'waitSeconds' | 'clock'>,
  ) => ApprovedCalls
}

/**
 * Opens the key and the delegations of an agent, for a session with one server.
 *
 * @throws VaultError when the file of the key cannot be used.
 */
export async function openSigning(
  { server, key, delegationsKey, clock }: Pick<ConnectToGatewayOptions, 'server' | 'key' | 'delegationsKey' | 'clock'>,
  connection: GatewayConnection,
): Promise<Signing> {
  const { signer } = await openAgentKey(connection, key)
  const { current, signing, held, without } = followAgentFile(signer, connection, { clock, delegationsKey })
  const commandOf = (tool: string): string => toolCommand(server, tool)
  const whole = toolCommand(server)
  const ended = endedWords({ whole, connection, signer, held, clock })
  const prove = (challenge: string): Promise<object> =>
    proofFor(challenge, { server, whole, connection, signer, current, ended, clock })
  return {
    ...{ prove, ended },
    sign(wire) {
      const { audience, subject } = connection
      return withInvocation(wire, signing, { tools: commandOf, audience, subject })
    },
    approvedCalls: (options) =>
      createApprovedCalls({ ...options, ...{ connection, signer, current, without, signing, commandOf, prove } }),
  }
}
