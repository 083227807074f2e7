// node only: writes files
/** The folder of an agent for tests: its key, its delegations, and the address of its gateway. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Delegation, delegate, encodeContainer, type Signer } from 'procura'
import { openAgent } from 'procura/agent'
import { fileDelegationStore } from 'procura/agent/file'
import { createSignerFile } from 'procura/signer/file'
import { writeConnection } from '../../../../src/gateway/agent-side/connect/connection-file.ts'

/** An agent with its folder. */
export interface AgentHome {
  readonly folder: string
  readonly signer: Signer
  /** Makes a delegation of the owner, and stores it. */
  give(owner: Signer, command: string, policy?: unknown, expiresIn?: number): Promise<Delegation>
}

/** Makes the folder of an agent. */
export async function makeAgentHome(
  folder: string,
  place: { readonly socket: string } | { readonly address: string },
  { audience, subject }: { readonly audience: string; readonly subject: string },
): Promise<AgentHome> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { signer } = await createSignerFile({ path: join(folder, 'agent.key') })
  const files = { key: 'agent.key', delegations: 'delegations' }
  await writeConnection(folder, { ...place, audience: audience as never, subject: subject as never, ...files })
  return {
    folder,
    signer,
    async give(owner, command, policy = [], expiresIn = 600) {
      const made = await delegate({
        ...{ issuer: owner, audience: signer.did, expiresIn },
        ...{ command: command as never, policy: policy as never },
      })
      const agent = await openAgent({ signer, store: fileDelegationStore({ path: join(folder, 'delegations') }) })
      const { accepted } = await agent.receive(encodeContainer([made]))
      if (!accepted) throw new Error('the delegation was not accepted')
      return made
    },
  }
}
