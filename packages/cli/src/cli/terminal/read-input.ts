// node only: reads files
import { createReadStream } from 'node:fs'
import { quote } from '#support/quote.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'

/** The longest input, in bytes: the longest container in text, with room for line ends. */
const mostBytes = 1_048_576

/**
 * Reads a token, a container or other data from a file, or from standard input.
 *
 * @param path - of the file; undefined or `-` for standard input.
 * @param what - names the data, for messages.
 */
export async function readInput(path: string | undefined, what: string, host: Host): Promise<Uint8Array> {
  const bytes = path === undefined || path === '-' ? await readStandardInput(what, host) : await readPath(path)
  const named = path === undefined || path === '-' ? what : `${what} in ${quote(path, 128)}`
  if (bytes.length > mostBytes) throw new UsageError(`${named} has more than ${mostBytes} bytes`)
  if (bytes.length === 0)
    throw new UsageError(
      path === undefined ? `${named} on standard input is empty; name its file` : `${named} is empty`,
    )
  return bytes
}

async function readStandardInput(what: string, host: Host): Promise<Uint8Array> {
  if (host.isTerminal) throw new UsageError(`${what} is missing: name its file, or send it to standard input`)
  return (await host.readInput(mostBytes)) ?? new Uint8Array(mostBytes + 1)
}

async function readPath(path: string): Promise<Uint8Array> {
  try {
    const chunks: Buffer[] = []
    // One byte more than is accepted: a device or a pipe may have no end.
    for await (const chunk of createReadStream(path, { end: mostBytes })) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  } catch (error) {
    // The message of the platform contains the path, which may be a secret in the wrong place.
    const { code = 'failed' } = error as NodeJS.ErrnoException
    throw new UsageError(`${quote(path, 128)} ${faults.get(code) ?? `cannot be read (${code})`}`)
  }
}

const faults: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'does not exist; check the path'],
  ['ENOTDIR', 'does not exist; check the path'],
  ['EISDIR', 'is a folder; name a file'],
  ['EACCES', 'cannot be read (EACCES); this user may not read it, or a folder above it'],
])

/** Text without the one line end behind it, which editors and shells add; undefined when it is not printable ASCII. */
export function textIn(bytes: Uint8Array): string | undefined {
  const text = new TextDecoder('latin1').decode(bytes)
  return /^[\x20-\x7e\r\n\t]*$/.test(text) ? text.replace(/\r?\n$/, '') : undefined
}
