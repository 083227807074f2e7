// node only: reads files
import { join } from 'node:path'
import { never, systemClock } from 'procura'
import { describeSignerFile } from 'procura/signer/file'
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
  /** Why its delegations are not known. */
  readonly fault?: string
}

/** A delegation in words. */
export interface Authority {
  readonly words: readonly string[]
  /** Its last second; null if it never ends. */
  readonly expiration: number | null
}

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
        const delegations = await held(await stores(folder))
        const valid = delegations.filter(
          ({ audience, expiration }) => audience === did && (expiration === never || expiration >= now),
        )
        const may = valid.map(({ command, policy, expiration }) => ({
          words: wordsOf(command, policy),
          expiration: expiration === never ? null : expiration,
        }))
        may.sort(
          (one, other) => (one.expiration ?? Number.POSITIVE_INFINITY) - (other.expiration ?? Number.POSITIVE_INFINITY),
        )
        return { name, did, may }
      } catch (error) {
        const fault =
          error instanceof MissingKeyError ? 'its delegations are encrypted' : 'its delegations cannot be read'
        return { name, did, may: [], fault }
      }
    }),
  )
}

function wordsOf(command: string, policy: Parameters<typeof describeGrant>[0]['policy']): readonly string[] {
  const [, room = '', server, tool] = command.split('/')
  const grant = { server: server ?? '', tool: undefined, command: command as never, policy }
  if (room === 'http' && server !== undefined) return describeGrant(grant, `send requests to the API ${server}`)
  if (room !== 'mcp') return describeGrant(grant, `use the command ${command}`)
  if (server === undefined) return describeGrant(grant, 'call every tool of every server')
  return describeGrant({ ...grant, ...(tool !== undefined && { tool: toolIn(tool) }) })
}

/** The name of a tool in its command. */
function toolIn(segment: string): string {
  return segment.replace(/-(?:-|([a-z])|0([0-9a-f]{1,6})-)/g, (_, letter?: string, code?: string) => {
    if (code !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10ffff))
    return letter === undefined ? '-' : letter.toUpperCase()
  })
}
