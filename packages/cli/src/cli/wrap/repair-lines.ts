// node only: reads and replaces files
import { stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative } from 'node:path'
import { type ConnectionChange, changeConnection } from '../../gateway/agent-side/connect/change-connection.ts'
import type { GatewayConnection } from '../../gateway/agent-side/connect/connection-file.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
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
import { type ConnectTarget, connectionOf } from './connect-line.ts'

/** A server whose command line names a program or a home folder that is gone. */
export interface LineRepair {
  readonly entry: ServerEntry
  /** The paths that do not exist. */
  readonly gone: readonly string[]
  /** Its command line with this program and the present home folder. */
  readonly line: CommandLine
  /** The home folder that was moved. */
  readonly formerHome?: string
}

/** The home folder of a command line: the one of this run, the same before it was moved, or another one. */
export type HomeOfLine = (target: ConnectTarget) => Promise<'here' | 'moved' | 'other'>

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
 * program, or a person has moved the home folder. WRP-41
 *
 * @param program - the words that start this program.
 */
export async function lineRepairs(
  entries: readonly ServerEntry[],
  homeOf: HomeOfLine,
  program: readonly string[],
  home: string,
): Promise<readonly LineRepair[]> {
  const found: LineRepair[] = []
  for (const entry of entries) {
    const target = connectionOf(entry.value)
    const where = target === undefined || entry.fault !== undefined ? 'other' : await homeOf(target)
    if (where === 'other') continue
    const words = [entry.value['command'], ...(entry.value['args'] as readonly Data[])].map(String)
    const at = words.indexOf('connect')
    const missing = await missingProgram(entry)
    const [command = '', ...before] = missing === undefined ? words.slice(0, at) : program
    const args = [...before, ...(where === 'moved' ? withHome(words.slice(at), home) : words.slice(at))]
    if (words[0] === command && isSameData(words.slice(1), args)) continue
    const formerHome = where === 'moved' ? target?.home : undefined
    const gone = [missing, formerHome].filter((path) => path !== undefined)
    found.push({ entry, gone, line: { command, args }, ...(formerHome !== undefined && { formerHome }) })
  }
  return found
}

function withHome(words: readonly string[], home: string): readonly string[] {
  return words.with(words.indexOf('--home') + 1, home)
}

/** The agents of a home folder that was moved find the socket in its new place. */
export async function moveSockets(home: string, former: ReadonlySet<string>): Promise<void> {
  await inHome(home, async () => {
    for (const agent of await namesInFolder(join(home, 'agents'))) {
      const folder = join(home, 'agents', agent)
      const near = (socket: string): string => relative(folder, join(home, basename(socket)))
      const change = ({ socket }: GatewayConnection): ConnectionChange | undefined =>
        socket !== undefined && former.has(dirname(socket)) ? { socket: near(socket) } : undefined
      await changeConnection(folder, change)
    }
  })
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
