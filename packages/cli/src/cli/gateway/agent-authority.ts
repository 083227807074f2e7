// node only: reads files
import { join } from 'node:path'
import { type Delegation, never, systemClock } from 'procura'
import { describeSignerFile } from 'procura/signer/file'
import { endingSoon } from '../../gateway/agent-side/ending-soon.ts'
import { isScoped } from '../../gateway/agent-side/is-scoped.ts'
import { toolOfCommand } from '../../gateway/wire/tool-command.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import { agentStores } from '../home/agent-stores.ts'
import { held } from '../home/issue.ts'
import type { Host } from '../host.ts'
import { MissingKeyError } from '../usage-error.ts'
import type { Flags } from '../verb.ts'
import { describeGrant } from '../wrap/grants.ts'

/** An agent of a home folder, with the authority that it has now. */
export interface AgentAuthority {
  readonly name: string
  readonly did: string | undefined
  readonly may: readonly Authority[]
  /** The delegations that have ended without another one in their place. */
  readonly ended: readonly EndedAuthority[]
  /** Why its delegations are not known. */
  readonly fault?: string
}

/** A delegation in words. */
export interface Authority {
  readonly words: readonly string[]
  /** Its last second; null if it never ends. */
  readonly expiration: number | null
  readonly command: string
  /** The DID of the one who gave it. */
  readonly issuer: string
  /** Whether it ends soon, without another one for as much. */
  readonly endsSoon: boolean
  /** The CID of a delegation that is an approval with a scope. */
  readonly approval?: string
}

/** A delegation that has ended, in words. */
export type EndedAuthority = Omit<Authority, 'expiration' | 'endsSoon'> & { readonly expiration: number }

/** Reads the agents of a home folder. It asks for no passphrase. */
export async function agentAuthorities(home: string, flags: Flags, host: Host): Promise<readonly AgentAuthority[]> {
  const stores = agentStores(flags, { ...host, isTerminal: false })
  const now = systemClock.now()
  const names = [...(await namesInFolder(join(home, 'agents')))].sort()
  return Promise.all(
    names.map(async (name) => {
      const folder = join(home, 'agents', name)
      const { keys } = await describeSignerFile({ path: join(folder, 'agent.key') }).catch(() => ({ keys: [] }))
      const did = keys[0]?.did
      try {
        const own = (await held(await stores(folder))).filter(({ audience }) => audience === did)
        return { name, did, ...authorityOf(own, now) }
      } catch (error) {
        const fault =
          error instanceof MissingKeyError ? 'its delegations are encrypted' : 'its delegations cannot be read'
        return { name, did, may: [], ended: [], fault }
      }
    }),
  )
}

/** What delegations permit and permitted, the first end first. */
function authorityOf(own: readonly Delegation[], now: number): Pick<AgentAuthority, 'may' | 'ended'> {
  const ends = new Map(endingSoon(own, now).map((one) => [one.command, one] as const))
  const all = own
    .map((one) => {
      const { cid, command, issuer, policy, expiration } = one
      return {
        words: wordsOf(command, policy),
        ...{ command, issuer },
        expiration: expiration === never ? null : expiration,
        isLast: !isScoped(one) && ends.get(command)?.expiration === expiration,
        ...(isScoped(one) && { approval: cid.toString() }),
      }
    })
    .sort((one, other) => (one.expiration ?? Number.POSITIVE_INFINITY) - (other.expiration ?? Number.POSITIVE_INFINITY))
  return {
    may: all
      .filter(({ expiration }) => expiration === null || expiration >= now)
      .map(({ isLast: endsSoon, ...one }) => ({ ...one, endsSoon })),
    ended: all.flatMap(({ isLast, expiration, ...one }) =>
      isLast && expiration !== null && expiration < now ? [{ ...one, expiration }] : [],
    ),
  }
}

/** A delegation in words: its first line, and a line for each condition. */
export function wordsOf(command: string, policy: Parameters<typeof describeGrant>[0]['policy']): readonly string[] {
  const [, room = '', server] = command.split('/')
  const grant = { server: server ?? '', tool: undefined, command: command as never, policy }
  if (room === 'http' && server !== undefined) return describeGrant(grant, `send requests to the API ${server}`)
  if (room !== 'mcp') return describeGrant(grant, `use the command ${command}`)
  if (server === undefined) return describeGrant(grant, 'call every tool of every server')
  const named = toolOfCommand(command)
  return named === undefined
    ? describeGrant(grant, `use the command ${command}`)
    : describeGrant({ ...grant, tool: named.tool })
}
