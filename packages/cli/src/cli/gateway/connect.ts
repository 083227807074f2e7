// node only: serves standard input and output
import { once } from 'node:events'
import type { FileKey } from 'procura/vault/file'
import { connectToGateway } from '../../gateway/agent-side/connect/connect-to-gateway.ts'
import { agentFolder, gatewayHome } from '../../gateway/configuration/home.ts'
import type { Host } from '../host.ts'
import { readDuration } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, neededOf, operandOf, textOf } from '../verb.ts'

/** `procura connect SERVER`: serves an MCP client. Standard output has nothing but its messages. */
export async function connect(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (textOf(flags, 'api') !== undefined) return connectApi(words, flags, host)
  if (textOf(flags, 'listen') !== undefined) throw new UsageError('--listen is for --api, which names an HTTP API')
  if (words.length === 0)
    throw new UsageError(
      'the name of the server is missing: one of `servers` in gateway.json, which `procura tools list` shows; an HTTP API needs --api',
    )
  const server = operandOf(words, 'the name of the server')
  const approvalWait = waitOf(flags)
  await connectToGateway({
    server,
    agent: await folderOf(flags, host),
    input: process.stdin,
    output: process.stdout,
    approvalWait,
    onFault: (message) => host.complain(`procura connect ${server}: ${message}`),
    ...agentKeys(flags, host),
  })
  return 0
}

/** `procura connect --api NAME --listen PLACE`: serves HTTP clients until SIGTERM or SIGINT. */
async function connectApi(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('pass the name of a server, or --api NAME, not both')
  const api = neededOf(flags, 'api', 'the name of the API')
  const listen = neededOf(flags, 'listen', 'a loopback address such as 127.0.0.1:8080, or the path of a Unix socket')
  // The clients of MCP, which start this program often, need no HTTP.
  const { listenForApi } = await import('../../gateway/agent-side/connect/api/listen-for-api.ts')
  const { follow } = await import('../logs/follow.ts')
  const listener = await listenForApi({
    api,
    agent: await folderOf(flags, host),
    listen,
    approvalWait: waitOf(flags),
    onFault: (message) => host.complain(`procura connect --api ${api}: ${message}`),
    ...agentKeys(flags, host),
  })
  const following = follow(host)
  const { keyFile, place } = listener
  host.print(`listening on ${keyFile === undefined ? place : `http://${place}`}`)
  if (keyFile !== undefined) host.print(`the key for clients is in ${keyFile}; set it as the API key of the client`)
  if (!following.ending.aborted) await once(following.ending, 'abort')
  // A second signal ends the process at once.
  following.end()
  await listener.close()
  return 0
}

function waitOf(flags: Flags): number {
  const wait = textOf(flags, 'wait')
  const seconds = wait === undefined ? 0 : readDuration('wait', wait)
  if (seconds > 3_600) throw new UsageError('--wait must be at most 1h')
  return seconds
}

function folderOf(flags: Flags, host: Host): Promise<string> {
  return agentFolder(gatewayHome(textOf(flags, 'home'), host.env), textOf(flags, 'agent'))
}

/** The keys of the files of an agent. Without one, `unlock` of connect.json has it: nobody is there to type it. */
export function agentKeys(flags: Flags, { env }: Host): { readonly key?: FileKey; readonly delegationsKey?: FileKey } {
  const [key, passphrase] = [env['PROCURA_KEY_PASSPHRASE'] ?? '', env['PROCURA_DELEGATIONS_PASSPHRASE'] ?? '']
  const keyFile = textOf(flags, 'delegations-key-file')
  return {
    ...(key !== '' && { key: { passphrase: key } }),
    ...(passphrase !== '' && { delegationsKey: { passphrase } }),
    ...(keyFile !== undefined && { delegationsKey: { keyFile } }),
  }
}
