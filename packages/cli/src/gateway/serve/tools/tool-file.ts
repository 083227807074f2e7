// node only: reads and writes files
import { join } from 'node:path'
import { ArgumentError } from 'procura/errors'
import type { PinnedTool } from 'procura/mcp'
import { createFileLock } from '#support/file-lock/file-lock.ts'
import { withFileLock } from '#support/file-lock/with-file-lock.ts'
import { makeFolders } from '#support/make-folders.ts'
import { maxPrivateFileBytes, readPrivateFile, replacePrivateFile } from '#support/private-file.ts'
import { quote } from '#support/quote.ts'
import { isTool, partsOf } from './tool-parts.ts'

/** Which list of tools a file has: those that were accepted, or those that the server had last. */
export type ToolList = 'accepted' | 'seen'

/** Milliseconds for reading a file, and for its lock. */
const timeoutMs = 5_000

/** Most tools of a server. */
const mostTools = 1_000

/** The path of a file of tools. */
function toolFilePath(folder: string, server: string, list: ToolList): string {
  // The name of a server has no dot, so that no two files have one name.
  return join(folder, list === 'accepted' ? `${server}.json` : `${server}.seen.json`)
}

/**
 * Reads the tools of a server. Undefined if the file does not exist: nothing was accepted, or seen, yet.
 *
 * @throws ArgumentError when the file is malformed; VaultError when other users have access to it.
 */
export async function readToolFile(
  folder: string,
  server: string,
  list: ToolList,
): Promise<readonly PinnedTool[] | undefined> {
  const path = toolFilePath(folder, server, list)
  const file = await readPrivateFile(path, { timeoutMs })
  if (file === undefined || file === 'unchanged') return undefined
  const tools = toolsIn(file.bytes)
  if (tools !== undefined) return tools
  throw new ArgumentError(
    `the file of tools ${quote(path, 256)} is malformed; restore it, or remove it and review the tools of ${quote(server)} again`,
  )
}

/** Writes the tools of a server in the place of those that were there. */
export async function writeToolFile(
  folder: string,
  server: string,
  list: ToolList,
  tools: readonly PinnedTool[],
): Promise<void> {
  await changeToolFile(folder, server, list, () => tools)
}

/**
 * Changes the tools of a server, while no other process does.
 *
 * @param change - gets the present ones, and returns the next ones; undefined to change nothing.
 * @throws ArgumentError when the next ones are too many or too large.
 */
export async function changeToolFile(
  folder: string,
  server: string,
  list: ToolList,
  change: (
    present: readonly PinnedTool[] | undefined,
  ) => readonly PinnedTool[] | undefined | Promise<readonly PinnedTool[] | undefined>,
): Promise<void> {
  await makeFolders(folder)
  const path = toolFilePath(folder, server, list)
  const lockFolder = `${path}.lock`
  await withFileLock(createFileLock(lockFolder), lockFolder, timeoutMs, async (lock) => {
    const next = await change(await readToolFile(folder, server, list))
    if (next === undefined) return
    await replacePrivateFile(path, bytesOf(server, next), lock)
  })
}

/** The content of a file of tools. One that could not be read again would stop the gateway at each start. */
function bytesOf(server: string, tools: readonly PinnedTool[]): Uint8Array {
  if (tools.length > mostTools)
    throw new ArgumentError(`${quote(server)} has too many tools: ${tools.length}, and at most ${mostTools} are kept`)
  const text = JSON.stringify({ version: 1, tools: tools.map(partsOf) }, undefined, 2)
  const bytes = new TextEncoder().encode(`${text}\n`)
  if (bytes.length > maxPrivateFileBytes)
    throw new ArgumentError(`the definitions of the tools of ${quote(server)} are too large to be kept`)
  return bytes
}

function toolsIn(bytes: Uint8Array): readonly PinnedTool[] | undefined {
  let read: unknown
  try {
    read = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
  const { version, tools } = Object(read) as { readonly version?: unknown; readonly tools?: unknown }
  if (version !== 1 || !Array.isArray(tools) || tools.length > mostTools || !tools.every(isTool)) return undefined
  const names = new Set(tools.map(({ name }) => name))
  return names.size === tools.length ? tools.map(partsOf) : undefined
}
