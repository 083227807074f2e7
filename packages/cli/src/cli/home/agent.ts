// node only: reads and writes files
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Agent, type AgentCapability, openAgent } from 'procura/agent'
import { createSignerFile, describeSignerFile } from 'procura/signer/file'
import { createKeyFile } from 'procura/vault/file'
import { makeFolders } from '#support/make-folders.ts'
import { quote } from '#support/quote.ts'
import {
  type GatewayConnection,
  readConnection,
  writeConnection,
} from '../../gateway/agent-side/connect/connection-file.ts'
import { agentFolder, gatewayHome } from '../../gateway/configuration/home.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import type { Host } from '../host.ts'
import { didOf } from '../terminal/did-text.ts'
import { inOwnWords } from '../terminal/own-words.ts'
import { fileKey, openSigner } from '../tokens/open-signer.ts'
import { inOneContainer, readContainer } from '../tokens/read-tokens.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, neededOf, operandOf, textOf } from '../verb.ts'
import { ownStore } from './agent-stores.ts'
import { exists } from './home-files.ts'

/** `procura agent new NAME`: makes the folder of an agent, and prints its DID. CON-10 */
export async function newAgent(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const folder = await agentFolder(home, operandOf(words, 'the name of the agent'))
  const connection = await connectionOf(home, flags)
  const keyFile = textOf(flags, 'key-file')
  const delegationsKeyFile = textOf(flags, 'delegations-key-file')
  const isEncrypted = flags['encrypt'] === true || keyFile !== undefined
  const unlock = {
    ...(keyFile !== undefined && { key: { file: resolve(keyFile) } }),
    ...(delegationsKeyFile !== undefined && { delegations: { file: resolve(delegationsKeyFile) } }),
  }
  if (await exists(folder)) throw new UsageError(`${quote(folder, 128)} exists already; choose another name`)
  const key = isEncrypted ? await fileKey(flags, host, true) : undefined
  await makeFolders(join(folder, '..')).catch(({ code }: NodeJS.ErrnoException) => {
    throw new UsageError(
      `the folder ${quote(join(folder, '..'), 128)} cannot be made (${code}); choose another one with --home`,
    )
  })
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'EEXIST' ? 'exists already; choose another name' : `cannot be made (${error.code})`
    throw new UsageError(`${quote(folder, 128)} ${reason}`)
  })
  try {
    if (delegationsKeyFile !== undefined && !(await exists(delegationsKeyFile))) await createKeyFile(delegationsKeyFile)
    const { did } = await createSignerFile({ path: join(folder, 'agent.key'), ...(key !== undefined && { key }) })
    await writeConnection(folder, {
      ...connection,
      ...{ key: 'agent.key', delegations: 'delegations' },
      ...(Object.keys(unlock).length > 0 && { unlock }),
    })
    host.print(flags['json'] === true ? JSON.stringify({ did, folder }) : did)
  } catch (error) {
    // The folder was made here, and a key in it would be of no use.
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  host.complain(
    `made ${folder}; it has no authority: delegate to it (--to), and store the delegation with \`procura agent receive ${shellQuoted(words[0] as string)}\``,
  )
  return 0
}

const newAgentHints = Object.freeze({
  choose: '--like',
  make: 'make the first one with `procura wrap` or `procura api add`, or pass --audience, --subject, and --socket or --address of a gateway',
})

const showAgentHints = Object.freeze({
  choose: '`procura agent show NAME`',
  make: 'make the first one with `procura wrap` or `procura api add`',
})

/** The gateway of a new agent: the given one, or the gateway of another agent. */
async function connectionOf(
  home: string,
  flags: Flags,
): Promise<Omit<GatewayConnection, 'key' | 'delegations' | 'unlock'>> {
  const like = textOf(flags, 'like')
  const given = ['socket', 'address', 'audience', 'subject'].filter((name) => textOf(flags, name) !== undefined)
  if (like === undefined && given.length > 0) {
    const [socket, address] = [textOf(flags, 'socket'), textOf(flags, 'address')]
    if ((socket === undefined) === (address === undefined)) throw new UsageError('pass --socket or --address')
    return {
      ...(socket !== undefined && { socket }),
      ...(address !== undefined && { address }),
      audience: didOf('audience', neededOf(flags, 'audience', 'the DID of the gateway, which `procura serve` shows')),
      subject: didOf('subject', neededOf(flags, 'subject', 'the DID of the owner, see `procura key show owner.key`')),
    }
  }
  if (given.length > 0) throw new UsageError(`pass --like or --${given[0]}, not both`)
  const other = await existing(home, like, newAgentHints)
  const { key: _, delegations: __, unlock: ___, ...connection } = await readConnection(other)
  return connection
}

/** `procura agent receive NAME [FILE]`: verifies delegations, and stores them. CON-11 */
export async function receive(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const [name, file, ...more] = words
  if (name === undefined || more.length > 0) throw new UsageError('pass the name of the agent, and at most one file')
  const { agent } = await open(name, flags, host)
  const reception = await agent.receive(await inOneContainer(await readContainer(file, 'the delegation', flags, host)))
  if (!reception.accepted) {
    const { code, message } = reception.denial
    if (flags['json'] === true) host.print(JSON.stringify({ accepted: false, code, message }))
    host.complain(`procura: refused: ${inOwnWords(message)} (${code})`)
    return 1
  }
  print(agent, reception.capabilities, flags, host)
  return 0
}

/** `procura agent list`: the names and DIDs of the agents of the home folder. Their keys are not opened. CON-28 */
export async function listAgents(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('too many words; for one agent, use `procura agent show NAME`')
  const agents = join(gatewayHome(textOf(flags, 'home'), host.env), 'agents')
  const names = [...(await namesInFolder(agents))].sort()
  const listed = await Promise.all(
    names.map(async (name) => {
      const path = join(agents, name, 'agent.key')
      const { keys } = await describeSignerFile({ path }).catch(() => ({ keys: [] }))
      return { name, did: keys[0]?.did ?? null, folder: join(agents, name) }
    }),
  )
  if (flags['json'] === true) host.print(JSON.stringify(listed))
  else for (const { name, did } of listed) host.print(`${name}\t${did ?? '-'}`)
  for (const { did, folder } of listed)
    if (did === null) host.complain(`${quote(join(folder, 'agent.key'), 256)} cannot be read as a key file`)
  if (listed.length === 0)
    host.complain(`${quote(agents, 256)} has no agent; ${showAgentHints.make}, or name another folder with --home`)
  return 0
}

/** `procura agent show [NAME]`: prints the DID of an agent, and what its delegations permit now. */
export async function showAgent(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 1) throw new UsageError('too many words; pass the name of one agent')
  const { agent } = await open(words[0], flags, host)
  print(agent, await agent.capabilities(), flags, host)
  return 0
}

/** The folder of an agent that exists. */
async function existing(
  home: string,
  name: string | undefined,
  hints: Parameters<typeof agentFolder>[2],
): Promise<string> {
  const folder = await agentFolder(home, name, hints)
  if (!(await exists(folder)))
    throw new UsageError(`the agent ${quote(folder, 256)} does not exist; \`procura agent list\` lists the agents`)
  return folder
}

async function open(name: string | undefined, flags: Flags, host: Host): Promise<{ readonly agent: Agent }> {
  const folder = await existing(gatewayHome(textOf(flags, 'home'), host.env), name, showAgentHints)
  const connection = await readConnection(folder)
  const { signer } = await openAgentSigner(connection, flags, host)
  return { agent: await openAgent({ signer, store: await ownStore(connection, flags, host) }) }
}

/** Opens the key of an agent. A command in connect.json is not run, as for its delegations. */
function openAgentSigner({ key, unlock }: GatewayConnection, flags: Flags, host: Host): ReturnType<typeof openSigner> {
  const source = unlock?.key
  const given = textOf(flags, 'key-file')
  return openSigner(
    key,
    source !== undefined && 'file' in source && given === undefined ? { ...flags, 'key-file': source.file } : flags,
    host,
  )
}

function print(agent: Agent, capabilities: readonly AgentCapability[], flags: Flags, host: Host): void {
  if (flags['json'] === true) {
    const listed = capabilities.map(({ subject, command, conditions, expiration }) => ({
      ...{ subject, command, conditions },
      expiration: typeof expiration === 'number' ? expiration : null,
    }))
    host.print(JSON.stringify({ did: agent.did, capabilities: listed }))
    return
  }
  host.print(agent.did)
  for (const { words } of capabilities) host.print(words)
}
