// node only: writes files
import { lstat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { encodeContainer } from 'procura/token'
import { createDurableFile } from '#support/durable-file.ts'
import { quote } from '#support/quote.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'

/**
 * Writes tokens as a container: to standard output, or to a new file with mode 0600.
 *
 * @param about - the facts for `--json`. A function is called when the file is written.
 */
export async function writeTokens(
  tokens: Parameters<typeof encodeContainer>[0],
  about: object | (() => Promise<object>),
  flags: Flags,
  host: Host,
): Promise<void> {
  const container = encodeContainer(tokens)
  const path = textOf(flags, 'out')
  if (path !== undefined) await createFile(path, `${container}\n`)
  const facts = typeof about === 'function' ? await about() : about
  if (flags['json'] === true)
    host.print(JSON.stringify({ ...facts, ...(path === undefined ? { container } : { path }) }))
  else if (path === undefined) host.print(container)
}

/**
 * Checks that a new file can be made in a place, before a person types a passphrase for it.
 *
 * @throws UsageError when the file exists, or its folder does not.
 */
export async function checkNewFile(path: string | undefined): Promise<void> {
  if (path === undefined) return
  const code = (await isThere(path)) ? 'EEXIST' : (await isThere(dirname(path))) ? undefined : 'ENOENT'
  if (code !== undefined) throw new UsageError(`${quote(path, 128)} ${createFaults.get(code)}`)
}

function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

const createFaults: ReadonlyMap<string | undefined, string> = new Map([
  ['EEXIST', 'exists already; choose another name, or remove it'],
  ['ENOENT', 'cannot be written: its folder does not exist; make it first'],
])

/** CLI-08: A file in its place may hold the only copy of something. */
async function createFile(path: string, text: string): Promise<void> {
  try {
    await createDurableFile(path, text)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = createFaults.get(code) ?? `cannot be written (${code})`
    throw new UsageError(`${quote(path, 128)} ${reason}`)
  }
}
