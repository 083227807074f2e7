// node only: reads and writes files
import { join } from 'node:path'
import { readPrivateFile, replacePrivateFile } from '#support/private-file.ts'
import { quote } from '#support/quote.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import type { WrapHome } from '../home/wrap-home.ts'
import { UsageError } from '../usage-error.ts'
import { recordId, type WrapRecord } from './wrap-record.ts'

/** The plain part of the record of a wrapped configuration. It names the file and its servers, and has no secret. */
export interface WrapIndex {
  readonly path: string
  readonly client: string
  readonly agent: string
  /** Their names in the gateway. */
  readonly servers: readonly string[]
}

/** Writes the plain part of a record. */
export async function writeIndex({ path: home, lock }: WrapHome, record: WrapRecord): Promise<void> {
  const { path, client, agent, layers } = record
  const servers = new Set(layers.flatMap(({ entries }) => entries.map(({ server }) => server)))
  const index: WrapIndex & { readonly version: 1 } = { version: 1, path, client, agent, servers: [...servers] }
  const text = `${JSON.stringify(index, undefined, 2)}\n`
  await replacePrivateFile(indexPath(home, recordId(path)), new TextEncoder().encode(text), lock)
}

/**
 * The plain records of all wrapped configurations.
 *
 * @param onDamaged - receives the fault of a record that cannot be read. Without it, the fault is thrown.
 */
export async function readIndexes(
  home: string,
  onDamaged?: (path: string, fault: string) => void,
): Promise<readonly WrapIndex[]> {
  const names = await namesInFolder(join(home, 'wrapped'))
  const ids = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5))
  const found: WrapIndex[] = []
  for (const id of ids) {
    try {
      const index = await readIndex(home, id)
      if (index !== undefined) found.push(index)
    } catch (error) {
      if (onDamaged === undefined) throw error
      onDamaged(indexPath(home, id), error instanceof Error ? error.message : 'unknown error')
    }
  }
  return found
}

/** The plain record of one configuration. */
export async function readIndex(home: string, id: string): Promise<WrapIndex | undefined> {
  const path = indexPath(home, id)
  const file = await readPrivateFile(path, { timeoutMs: 10_000 })
  if (file === undefined || file === 'unchanged') return undefined
  try {
    const read = JSON.parse(new TextDecoder().decode(file.bytes)) as WrapIndex
    const { path: config, client, agent } = read
    return { path: String(config), client: String(client), agent: String(agent), servers: read.servers.map(String) }
  } catch {
    throw new UsageError(`${quote(path, 256)} is damaged; restore it from a backup`)
  }
}

function indexPath(home: string, id: string): string {
  return join(home, 'wrapped', `${id}.json`)
}
