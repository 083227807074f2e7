// node only: finds files
import { join } from 'node:path'
import { type AnswerHookOptions, answerHook } from '../../gateway/agent-side/hook/answer-hook.ts'
import { agentFolder, gatewayHome } from '../../gateway/configuration/home.ts'
import { readGatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf, textsOf } from '../verb.ts'

/** Most bytes of the input of a hook. */
const mostBytes = 8_388_608

/** `procura hook`: answers a hook of Claude Code or Codex. Exit code 2 blocks the call as well. HKS-04 */
export async function hook(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('hook takes options alone; to write it into settings, use hook install')
  const bytes = await host.readInput(mostBytes)
  if (bytes === undefined) throw new UsageError(`the input of the hook has more than ${mostBytes} bytes`)
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const named = textsOf(flags, 'server')
  const refusal = await answerHook(new TextDecoder('utf-8', { fatal: true }).decode(bytes), {
    agent: await agentFolder(home, textOf(flags, 'agent')),
    servers: named.length > 0 ? named : await serversOf(home),
    passApprovable: flags['pass-approvable'] === true,
    ...delegationsKeyOf(flags, host),
  })
  if (refusal !== undefined) host.print(JSON.stringify(refusal))
  return 0
}

function delegationsKeyOf(flags: Flags, { env }: Host): Pick<AnswerHookOptions, 'delegationsKey'> {
  const keyFile = textOf(flags, 'delegations-key-file')
  const passphrase = env['PROCURA_DELEGATIONS_PASSPHRASE'] ?? ''
  if (keyFile !== undefined) return { delegationsKey: { keyFile } }
  return passphrase === '' ? {} : { delegationsKey: { passphrase } }
}

async function serversOf(home: string): Promise<readonly string[]> {
  const { servers } = await readGatewayConfig(join(home, 'gateway.json'))
  const names = [...servers.keys()]
  if (names.length === 0) throw new UsageError('the gateway has no server; name the servers with --server')
  return names
}
