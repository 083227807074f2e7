// node only: reads and replaces files
import { stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import type { Client } from '../clients/client.ts'
import {
  type CommandLine,
  type ConfigDocument,
  type Data,
  isSameData,
  type ServerEntry,
} from '../clients/config-document.ts'
import { type ConfigFile, checkUnchanged, readConfigFile, replaceConfigFile } from '../clients/config-file.ts'
import { applyEdits } from '../clients/text-edit.ts'
import { inHome } from '../home/wrap-home.ts'
import { connectionOf } from './connect-line.ts'

/** A server whose command line names a program that is gone. */
export interface LineRepair {
  readonly entry: ServerEntry
  /** The path that does not exist. */
  readonly gone: string
  /** Its command line with this program. */
  readonly line: CommandLine
}

/** The path in a `connect` command line that does not exist; undefined if the client finds the program. */
export async function missingProgram({ value: { command, args } }: ServerEntry): Promise<string | undefined> {
  for (const word of [command, ...(args as readonly Data[])].slice(0, 2).map(String))
    if (isAbsolute(word) && !(await isFile(word))) return word
  return undefined
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isFile(),
    () => false,
  )
}

/**
 * The servers behind the gateway that a client can no longer start: an update of Node or of the package has moved the
 * program. WRP-41
 *
 * @param isHere - whether a home folder is the one of this run.
 * @param program - the words that start this program.
 */
export async function lineRepairs(
  entries: readonly ServerEntry[],
  isHere: (home: string | undefined) => boolean,
  program: readonly string[],
): Promise<readonly LineRepair[]> {
  const [command = '', ...before] = program
  const found: LineRepair[] = []
  for (const entry of entries) {
    const target = connectionOf(entry.value)
    if (entry.fault !== undefined || target === undefined || !isHere(target.home)) continue
    const gone = await missingProgram(entry)
    const words = [entry.value['command'], ...(entry.value['args'] as readonly Data[])].map(String)
    const line = { command, args: [...before, ...words.slice(words.indexOf('connect'))] }
    const isSame = words[0] === command && isSameData(words.slice(1), line.args)
    if (gone !== undefined && !isSame) found.push({ entry, gone, line })
  }
  return found
}

/** The text of a configuration with the corrected command lines; undefined if it cannot be edited safely. */
export function repairedText(
  { text }: Pick<ConfigFile, 'text'>,
  client: Client,
  document: ConfigDocument,
  repairs: readonly LineRepair[],
): string | undefined {
  const next = applyEdits(
    text,
    repairs.flatMap(({ entry, line }) => {
      const texts = entry.running(line)
      return entry.segments.map((segment, at) => ({ ...segment, text: texts[at] ?? '' }))
    }),
  )
  const after = client.read(next).servers
  const isRight =
    after.length === document.servers.length &&
    document.servers.every((entry, at) => {
      const now = after[at] as ServerEntry
      const line = repairs.find((one) => one.entry === entry)?.line
      return (
        JSON.stringify(entry.place) === JSON.stringify(now.place) &&
        isSameData(now.value, { ...entry.value, ...line } as Data)
      )
    })
  return isRight ? next : undefined
}

/** Replaces a configuration, unless another program has changed it, and reads it again. */
export async function writeRepaired(home: string, file: ConfigFile, next: string): Promise<ConfigFile> {
  await inHome(home, async () => {
    await checkUnchanged(file)
    await replaceConfigFile(file, next)
  })
  return readConfigFile(file.path)
}
