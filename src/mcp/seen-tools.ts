import { systemClock } from '../time.ts'
import { type PinnedTool, type ToolPins, toolHash } from './tool-hash.ts'

/** Asks the server for a page of its tools. */
export type ListPage = (params: Readonly<Record<string, unknown>>) => Promise<ToolPage>

/** A page of the tools of a server. */
export interface ToolPage {
  readonly tools: readonly PinnedTool[]
  readonly nextCursor?: unknown
}

/** A page that the client has asked for. */
export interface AskedPage<Tool extends PinnedTool> {
  readonly tools: readonly Tool[]
  /** Whether it is the whole list. */
  readonly isWhole: boolean
}

/** The definitions of tools, as a server listed them in one session. */
export interface SeenTools {
  /**
   * Whether the definition of a tool is the accepted one. Asks the server unless a list is recent enough.
   *
   * @throws the error of `list`.
   */
  isAccepted(name: string, list: ListPage): Promise<boolean>
  /** Reads a page for the client, and returns the tools whose definition is the accepted one. */
  accepted<Tool extends PinnedTool>(ask: () => Promise<AskedPage<Tool>>): Promise<readonly Tool[]>
  /** Forgets all lists so far, also those that are under way. */
  forget(): void
}

/** Options of {@link createSeenTools}. */
export interface SeenToolsOptions {
  readonly pins: ToolPins
  /** Whether a tool can be called. Nothing is remembered about others: a server can list any number of them. */
  readonly isKnown: (name: string) => boolean
  /** Seconds for which a list counts. With 0, each call asks the server. */
  readonly maxAge: number
  /** Called once for each definition that is not the accepted one. */
  readonly onChange: () => void
}

/** When the server was asked for a list. A list that was under way during a change may show the state before it. */
interface Moment {
  readonly changes: number
  readonly time: number
  readonly elapsed: number
}

/** Undefined if one page has two definitions. */
type Hash = string | undefined

interface SeenTool {
  readonly hash: Hash
  readonly at: Moment
}

/** Most pages that are asked for one tool: a server that pages endlessly would hold the call. */
const mostPages = 100

/** Lists in which a change is announced. A server that announces changes endlessly would hold the call. */
const mostLooks = 3

/** Makes the memory of one session. */
export function createSeenTools({ pins, isKnown, maxAge, onChange }: SeenToolsOptions): SeenTools {
  const seen = new Map<string, SeenTool>()
  let changes = 0
  let looking: Promise<unknown> | undefined

  const isPinned = pinsOf(pins, onChange)
  const now = (): Moment => ({ changes, time: systemClock.now(), elapsed: performance.now() })

  /** By the clock and by the monotonic time: one stops while the machine sleeps, and the other can be set. MCP-32 */
  function isRecent(tool: SeenTool | undefined): boolean {
    if (tool === undefined) return false
    const { at } = tool
    const [age, elapsed] = [systemClock.now() - at.time, (performance.now() - at.elapsed) / 1_000]
    return at.changes === changes && age >= 0 && age < maxAge && elapsed < maxAge
  }

  /** Remembers the tools of a page. A tool that a whole list lacks is forgotten. */
  async function note({ tools, isWhole }: AskedPage<PinnedTool>, at: Moment): Promise<ReadonlyMap<string, Hash>> {
    const hashes = await hashesOf(tools.filter((tool) => isKnown(tool.name)))
    const isNewer = (before: SeenTool | undefined): boolean => before === undefined || before.at.elapsed <= at.elapsed
    if (isWhole) for (const [name, before] of seen) if (isNewer(before) && !hashes.has(name)) seen.delete(name)
    for (const [name, hash] of hashes) if (isNewer(seen.get(name))) seen.set(name, { hash, at })
    return hashes
  }

  /** Asks page by page for a tool, until it is seen. */
  async function look(name: string, list: ListPage): Promise<void> {
    let cursor: unknown
    for (let page = 0; page < mostPages; page += 1) {
      const at = now()
      const { tools, nextCursor } = await list(cursor === undefined ? {} : { cursor })
      const isLast = nextCursor === undefined || nextCursor === null
      if ((await note({ tools, isWhole: page === 0 && isLast }, at)).has(name)) return
      if (isLast) break
      cursor = nextCursor
    }
    seen.delete(name)
  }

  /** Calls that come while the server is asked wait for its answer, and ask by themselves if it does not help them. */
  async function lookTogether(name: string, list: ListPage): Promise<void> {
    if (looking !== undefined) {
      await looking.catch(() => undefined)
      if (isRecent(seen.get(name))) return
    }
    const mine = look(name, list)
    looking ??= mine
    try {
      await mine
    } finally {
      if (looking === mine) looking = undefined
    }
  }

  return {
    async isAccepted(name, list) {
      const known = seen.get(name)
      if (isRecent(known) && (await isPinned(name, known?.hash))) return true
      for (let count = 0; count < mostLooks; count += 1) {
        await (maxAge === 0 ? look(name, list) : lookTogether(name, list))
        const found = seen.get(name)
        if (found === undefined) return false
        // Otherwise, a change was announced meanwhile.
        if (found.at.changes === changes) return isPinned(name, found.hash)
      }
      return false
    },
    async accepted(ask) {
      const at = now()
      const page = await ask()
      const hashes = await note(page, at)
      const verdicts = await Promise.all(page.tools.map(({ name }) => isPinned(name, hashes.get(name))))
      return page.tools.filter((_, index) => verdicts[index])
    },
    forget() {
      changes += 1
    },
  }
}

async function hashesOf(tools: readonly PinnedTool[]): Promise<ReadonlyMap<string, Hash>> {
  const hashes = new Map<string, Hash>()
  for (const tool of tools) {
    const hash = await toolHash(tool)
    hashes.set(tool.name, hashes.has(tool.name) && hashes.get(tool.name) !== hash ? undefined : hash)
  }
  return hashes
}

/** Compares a definition with the accepted one, and reports each that differs once. */
function pinsOf(pins: ToolPins, onChange: () => void): (name: string, hash: Hash) => Promise<boolean> {
  const reported = new Map<string, Hash>()
  return async (name, hash) => {
    const isAccepted = hash !== undefined && (await pins.get(name)) === hash
    if (isAccepted) reported.delete(name)
    else if (!reported.has(name) || reported.get(name) !== hash) {
      reported.set(name, hash)
      onChange()
    }
    return isAccepted
  }
}
