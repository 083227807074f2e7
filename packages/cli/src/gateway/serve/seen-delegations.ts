// node only: writes files
import { join } from 'node:path'
import type { Delegation } from 'procura'
import type { AuditSink } from 'procura/audit'
import { createLedger, fileArchive, type Ledger } from 'procura/audit/ledger'
import { createBoundedMap } from '#support/bounded-map.ts'
import { createMutex } from '#support/mutex.ts'
import { quote } from '#support/quote.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import type { OnGatewayEvent } from './events.ts'

/** Most delegations that are recorded below one of an owner. Agents can make any number. */
const mostOfRoot = 1_000

/** The largest delegation that is recorded, in bytes. */
const longest = 16_384

/** Most chains that wait for the disk. */
const mostWaiting = 256

/** Options of {@link recordSeen}. */
export interface RecordSeenOptions {
  /** The log, which gets the events. */
  readonly sink: AuditSink
  /** The folder of the log. */
  readonly directory: string
  readonly onEvent: OnGatewayEvent
}

/** The ledger of a gateway. */
export interface SeenDelegations extends Pick<Ledger, 'used' | 'revoked'> {
  /** Resolves when the chains of the calls so far are recorded. */
  settled(): Promise<void>
}

/** The delegations below one of an owner. */
interface Root {
  readonly ledger: Ledger
  /** Those that this process has recorded, and those that it is about to record. */
  readonly recorded: Set<string>
  /** The files in its folder, also of earlier processes; undefined until it was read. */
  files: Set<string> | undefined
  isTold: boolean
}

/**
 * Records the delegations by which agents have passed their authority on, when a call by them is allowed. No call waits
 * for it, or fails with it: its record names the delegations by their CIDs. GTW-56
 */
export function recordSeen({ sink, directory, onEvent }: RecordSeenOptions): SeenDelegations {
  const inTurn = createMutex()
  const roots = createBoundedMap<Root>(512)
  let waiting = 0

  function tell(root: Root, cid: string, reason: string): void {
    if (root.isTold) return
    root.isTold = true
    const message = `delegations below ${cid} are not in the ledger, so no log shows what they permit: ${reason}`
    onEvent({ level: 'warning', event: 'delegations_unrecorded', message })
  }

  async function record(root: Root, folder: string, chain: readonly Delegation[], added: readonly string[]) {
    const cids = cidsOf(chain)
    const [first = ''] = cids
    const forget = (): void => {
      for (const cid of added) root.recorded.delete(cid)
    }
    try {
      root.files ??= new Set(await namesInFolder(folder))
      const { files } = root
      const names = cids.map((cid) => `${cid}.ucan`)
      if (files.size + names.filter((name) => !files.has(name)).length > mostOfRoot) {
        forget()
        return tell(root, first, `it has ${mostOfRoot} of them; revoke ${first} if its agent passes on too much`)
      }
      await root.ledger.used(chain)
      for (const name of names) files.add(name)
      for (const cid of cids) root.recorded.add(cid)
    } catch (error) {
      // It may have left files.
      root.files = undefined
      forget()
      tell(root, first, `${(error as Error).message}; correct the folder, and their next call records them`)
    }
  }

  return {
    async used(chain) {
      const part = recordable(chain)
      if (part.length < 2) return
      const cids = cidsOf(part)
      const [first = ''] = cids
      const folder = join(directory, 'delegations', first)
      const root = roots.get(first) ?? newRoot(sink, folder)
      roots.set(first, root)
      // The last one can have been seen below another one, which permits less.
      const added = cids.filter((cid) => !root.recorded.has(cid))
      if (added.length === 0) return
      if (part.some(({ bytes }) => bytes.length > longest))
        return tell(root, first, `one of them has more than ${longest} bytes`)
      if (waiting === mostWaiting) return tell(root, first, `the disk of ${quote(directory, 256)} is too slow`)
      for (const cid of added) root.recorded.add(cid)
      waiting += 1
      void inTurn(() => record(root, folder, part, added)).finally(() => {
        waiting -= 1
      })
    },
    // The log has them.
    revoked: async () => undefined,
    settled: () => inTurn(async () => undefined),
  }
}

function newRoot(sink: AuditSink, folder: string): Root {
  const ledger = createLedger({ sink, archive: fileArchive({ directory: folder }), maxKnown: 2 * mostOfRoot })
  return { ledger, recorded: new Set(), files: undefined, isTold: false }
}

function cidsOf(chain: readonly Delegation[]): readonly string[] {
  return chain.map(({ cid }) => cid.toString())
}

/** The chain up to an approval of one call, which contains all arguments of the call. */
function recordable(chain: readonly Delegation[]): readonly Delegation[] {
  const at = chain.findIndex(({ policy }) => policy.some(([operator, path]) => operator === '==' && path === '.'))
  return at === -1 ? chain : chain.slice(0, at)
}
