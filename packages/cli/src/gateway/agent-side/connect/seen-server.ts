// node only: reads and writes files
/**
 * What a client was shown of a server: the answer to `initialize`, and the list of tools.
 *
 * @module
 */

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createFileLock } from '#support/file-lock/file-lock.ts'
import { withFileLock } from '#support/file-lock/with-file-lock.ts'
import { makeFolders } from '#support/make-folders.ts'
import { objectValue } from '#support/options.ts'
import { readPrivateFile, replacePrivateFile } from '#support/private-file.ts'
import { longestLine } from '../../wire/lines.ts'
import type { Message, RequestId } from './answers.ts'
import { mostOfList } from './own-requests.ts'

/** What a client was shown of a server. It grants nothing: the gateway decides about each call. */
export interface SeenServer {
  /** The request with which the client has begun its session. Undefined until it was answered with a result. */
  begun(): Message | undefined
  /**
   * Notes an answer of the gateway.
   *
   * @param request - of the client.
   * @returns the answer for the client.
   */
  note(request: Message, answer: Message): Message
  /**
   * Answers a request while there is no gateway.
   *
   * @returns undefined for other requests than `initialize` and `tools/list`, for those of a protocol without sessions,
   *   and where nothing was seen.
   */
  answer(request: Message): Promise<object | undefined>
  /** Whether the client was shown a list of tools. */
  hasList(): boolean
  /** Whether the client was shown another list than this one. */
  differs(tools: readonly unknown[]): boolean
  /** Removes the file, and keeps nothing in one from now on. */
  keepNothing(): void
  /** Waits until what was seen is in its file. */
  saved(): Promise<void>
}

type Fields = Readonly<Record<string, unknown>>

/** The content of the file. */
interface Kept {
  readonly version: 1
  /** The result of `initialize`. */
  readonly initialize: Fields
  /** The whole list. */
  readonly tools: readonly unknown[]
}

/** Milliseconds for reading the file, and for its lock. */
const timeoutMs = 5_000

/** The answers of a server to an agent are kept in the folder of the agent, in `seen/SERVER.json`. CON-30 */
export function createSeenServer(agent: string, server: string): SeenServer {
  const folder = join(agent, 'seen')
  const path = join(folder, `${server}.json`)
  let begun: Message | undefined
  let initialize: Fields | undefined
  /** The pages of the list under way, and its characters. */
  let pages: unknown[] = []
  let characters = 0
  /** The list that the client was shown, as JSON: a part of the memory that the objects take. */
  let shown: string | undefined
  let saving: Promise<void> = Promise.resolve()
  let isKept = true

  function noteList({ params }: Message, { tools, nextCursor }: Fields): void {
    if (!Array.isArray(tools)) return
    const isFirst = isAbsent((Object(params) as Fields)['cursor'])
    characters = (isFirst ? 0 : characters) + JSON.stringify(tools).length
    // A server can page without an end.
    pages = characters > mostOfList.characters ? [] : isFirst ? tools : [...pages, ...tools]
    if (!isAbsent(nextCursor)) return
    const list = pages
    pages = []
    shown = characters > mostOfList.characters ? undefined : JSON.stringify(list)
    if (initialize === undefined || !isKept || shown === undefined) return
    const text = `${JSON.stringify({ version: 1, initialize, tools: list } satisfies Kept)}\n`
    saving = saving.then(() => save(folder, path, text)).catch(() => undefined)
  }

  return {
    begun: () => begun,
    note(request, answer) {
      const { result } = answer as { readonly result?: unknown }
      if (objectValue(result) !== undefined) return answer
      if (request.method === 'tools/list') {
        noteList(request, result as Fields)
        return answer
      }
      if (request.method !== 'initialize') return answer
      begun = request
      initialize = withListChanged(result as Fields)
      return { ...answer, result: initialize } as Message
    },
    async answer(request) {
      const { method, params } = request
      const { cursor, protocolVersion } = Object(params) as Fields
      if (method === 'initialize') {
        const kept = isKept ? await read(path) : undefined
        if (kept === undefined) return undefined
        begun = request
        return resultOf(request, { ...kept.initialize, ...earlierOf(protocolVersion, kept.initialize) })
      }
      if (method !== 'tools/list' || !isAbsent(cursor) || begun === undefined) return undefined
      const known = shown === undefined && isKept ? (await read(path))?.tools : undefined
      const tools = shown === undefined ? known : (JSON.parse(shown) as readonly unknown[])
      if (tools === undefined) return undefined
      shown ??= JSON.stringify(tools)
      return resultOf(request, { tools })
    },
    hasList: () => shown !== undefined,
    differs: (tools) => shown !== undefined && JSON.stringify(tools) !== shown,
    keepNothing() {
      if (!isKept) return
      isKept = false
      // The delegations may have been encrypted since the file was written.
      saving = saving.then(() => rm(path, { force: true })).catch(() => undefined)
    },
    saved: () => saving,
  }
}

/** Some write null for no cursor. */
function isAbsent(cursor: unknown): boolean {
  return cursor === undefined || cursor === null
}

function resultOf({ id }: Message, result: Fields): object {
  return { jsonrpc: '2.0', id: id as RequestId, result }
}

/** A client obeys the notice of a change only if the server has announced it. Here `connect` sends it as well. */
function withListChanged(result: Fields): Fields {
  const { capabilities } = result
  const { tools } = Object(capabilities) as Fields
  if (objectValue(tools) !== undefined) return result
  return {
    ...result,
    capabilities: { ...(capabilities as Fields), tools: { ...(tools as Fields), listChanged: true } },
  }
}

/** The earlier version of the protocol of two: a server of one knows those before. */
function earlierOf(wanted: unknown, { protocolVersion: known }: Fields): Fields {
  const isVersion = (value: unknown): value is string => typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value)
  return isVersion(wanted) && isVersion(known) && wanted < known ? { protocolVersion: wanted } : {}
}

/** The content of the file; undefined where it is missing, damaged, or open to other users. */
async function read(path: string): Promise<Kept | undefined> {
  try {
    const file = await readPrivateFile(path, { timeoutMs })
    if (file === undefined || file === 'unchanged') return undefined
    const kept = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.bytes)) as Kept
    const { version, initialize, tools } = Object(kept) as Partial<Kept>
    if (version !== 1 || objectValue(initialize) !== undefined || !Array.isArray(tools)) return undefined
    return tools.every((tool) => typeof (Object(tool) as Fields)['name'] === 'string') ? kept : undefined
  } catch {
    return undefined
  }
}

/** A file that cannot be written is missing at a start without a gateway, and nothing else. */
async function save(folder: string, path: string, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text)
  // It is answered in one line.
  if (bytes.length >= longestLine) return
  await makeFolders(folder)
  const lockFolder = `${path}.lock`
  await withFileLock(createFileLock(lockFolder), lockFolder, timeoutMs, async (lock) => {
    const present = await readPrivateFile(path, { timeoutMs }).catch(() => undefined)
    const isSame = typeof present === 'object' && Buffer.from(present.bytes).equals(bytes)
    if (!isSame) await replacePrivateFile(path, bytes, lock)
  })
}
