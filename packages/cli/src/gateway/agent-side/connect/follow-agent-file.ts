// node only: reads files
import { statSync } from 'node:fs'
import { type Clock, type Delegation, encodeContainer, invoke, type Signer } from 'procura'
import { type Agent, openAgent } from 'procura/agent'
import { decodeDelegation } from 'procura/token'
import type { FileKey } from 'procura/vault/file'
import { callBounds } from '../../wire/call-bounds.ts'
import type { GatewayConnection } from './connection-file.ts'
import { delegationsOpener } from './unlock.ts'

/** The parts of an agent that sign the messages of a client. */
export type SigningAgent = Pick<Agent, 'authorize' | 'capabilities'>

/** Options of {@link followAgentFile}. */
export interface FollowAgentFileOptions {
  readonly clock: Clock | undefined
  /** The key of encrypted delegations, if it was passed. */
  readonly delegationsKey: FileKey | undefined
}

/** The delegations of an agent, in their file. */
export interface AgentFile {
  readonly current: () => Promise<Agent>
  readonly signing: SigningAgent
  /** All delegations, also those that have ended. */
  readonly held: () => Promise<readonly Delegation[]>
  /** The agent without some of its delegations, by their CIDs. */
  readonly without: (delegations: ReadonlySet<string>) => Promise<Pick<Agent, 'can'>>
}

/** The delegations of an agent, read again after each change of their file. CON-04 */
export function followAgentFile(
  signer: Signer,
  connection: GatewayConnection,
  { clock, delegationsKey }: FollowAgentFileOptions,
): AgentFile {
  const { delegations, subject } = connection
  const openStore = delegationsOpener(connection, delegationsKey)
  let opened: { readonly version: string; readonly agent: Promise<Agent> } | undefined

  function current(): Promise<Agent> {
    // Taken before the file is read, so that a change in between is seen at the next call.
    const version = versionOf(delegations)
    if (opened?.version !== version) {
      const agent = openStore().then((store) =>
        openAgent({ signer, store, bounds: callBounds, ...(clock !== undefined && { clock }) }),
      )
      opened = { version, agent }
      // A file that cannot be read now may be readable at the next call.
      agent.catch(() => (opened = undefined))
    }
    return (opened as { readonly agent: Promise<Agent> }).agent
  }

  const signing: SigningAgent = {
    // CON-03: a call without authority is signed as well, with the chain that comes closest. The gateway refuses it,
    // records it, and can ask for an approval.
    async authorize(request) {
      const decision = await (await current()).authorize(request)
      if (decision.ok) return decision
      const proofs = decision.closest ?? []
      const invocation = await invoke({
        issuer: signer,
        subject,
        audience: connection.audience,
        command: request.command as string,
        args: request.args as never,
        proofs,
        bounds: callBounds,
        ...(clock !== undefined && { clock }),
      })
      return { ok: true, invocation, proofs, container: encodeContainer([invocation, ...proofs]) }
    },
    capabilities: async (options) => (await current()).capabilities(options),
  }
  const held = async (): Promise<readonly Delegation[]> => {
    const tokens = await (await openStore()).load({})
    return Promise.all(tokens.map((bytes) => decodeDelegation(bytes)))
  }
  async function without(delegations: ReadonlySet<string>): Promise<Agent> {
    const rest = (await held()).filter(({ cid }) => !delegations.has(cid.toString())).map(({ bytes }) => bytes)
    const store = { load: async () => rest, change: async () => undefined }
    return openAgent({ signer, store, bounds: callBounds, ...(clock !== undefined && { clock }) })
  }

  return { current, signing, held, without }
}

/** The version of a file. A file that is not there has a version too. */
function versionOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(':')
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}
