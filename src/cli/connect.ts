// node only: serves standard input and output
import process from 'node:process'
import { connectToGateway } from '../gateway/connect/connect-to-gateway.ts'
import { agentFolder, gatewayHome } from '../gateway/home.ts'
import type { Host } from './host.ts'
import { readDuration } from './time-text.ts'
import { UsageError } from './usage-error.ts'
import { type Flags, operandOf, textOf } from './verb.ts'

/** `procura connect SERVER`: serves an MCP client. Standard output has nothing but its messages. */
export async function connect(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const server = operandOf(words, 'the name of the server')
  const agent = await agentFolder(gatewayHome(textOf(flags, 'home'), host.env), textOf(flags, 'agent'))
  const wait = textOf(flags, 'wait')
  const approvalWait = wait === undefined ? 0 : readDuration('wait', wait)
  if (approvalWait > 3_600) throw new UsageError('--wait must be at most 1h')
  const passphrase = host.env['PROCURA_KEY_PASSPHRASE']
  await connectToGateway({
    server,
    agent,
    input: process.stdin,
    output: process.stdout,
    approvalWait,
    onFault: (message) => host.complain(`procura connect ${server}: ${message}`),
    ...(passphrase !== undefined && passphrase !== '' && { key: { passphrase } }),
  })
  return 0
}
