// node only: keeps revocations in a file
import { dirname } from 'node:path'
import { setUp } from '../audit/configuration.ts'
import { assertPrivate } from '../audit/sinks/jsonl/assert-private.ts'
import { machineFiles } from '../audit/sinks/jsonl/log-files.ts'
import { AuditError } from '../errors.ts'
import { readRevocationEntry } from '../revocation/revocation-entry.ts'
import type { AddRevocationOptions, RevocationEntry, RevocationRegistry } from '../revocation/revocation-store.ts'
import { createMutex } from '../support/mutex.ts'
import { quote } from '../support/quote.ts'
import { never } from '../time.ts'

/** A registry whose revocations are in a file, too. */
export interface KeptRevocations extends RevocationRegistry {
  close(): void
}

/**
 * Keeps the revocations that are added to a registry in a file beside the log of a service, and adds those of the file
 * to the registry. One process may do this at a time: the writer of the log.
 *
 * @throws AuditError when the file cannot be read, or is not in this form; the error of the registry.
 */
export async function keepRevocations(registry: RevocationRegistry, path: string): Promise<KeptRevocations> {
  const files = machineFiles
  const file = setUp(`${quote(path, 256)} cannot be used; make it readable and writable for this process`, () => {
    const isNew = files.stateAt(path) === undefined
    const opened = files.open(path, { create: isNew })
    if (isNew) files.syncDirectory(dirname(path))
    return opened
  })
  const inTurn = createMutex()
  const lines = new Set<string>()
  let size = 0

  /** A line that was not written completely is not a revocation that was taken. */
  async function write(line: string): Promise<void> {
    if (lines.has(line)) return
    const bytes = new TextEncoder().encode(`${line}\n`)
    try {
      if (files.write(file, bytes) !== bytes.length) throw new Error('the file system is full')
      await files.sync(file)
    } catch (cause) {
      files.truncate(file, size)
      throw cause
    }
    size += bytes.length
    lines.add(line)
  }

  try {
    const state = files.stateOf(file)
    assertPrivate(path, state)
    const text = new TextDecoder().decode(files.read(file, 0, state.size))
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    size = new TextEncoder().encode(whole).length
    files.truncate(file, size)
    for (const [at, line] of whole.split('\n').slice(0, -1).entries()) {
      lines.add(line)
      const { entry, options } = readLine(line, `${quote(path, 256)}, line ${at + 1},`)
      // One that is over, too: the clock may be ahead, and the registry notes what it forgets.
      await registry.add(entry, options)
    }
  } catch (error) {
    files.close(file)
    throw error
  }

  return {
    findRevocations: (ids, options) => registry.findRevocations(ids, options),
    // SVC-25
    async add(entry, options = {}) {
      await registry.add(entry, options)
      await inTurn(() => write(lineOf(readRevocationEntry(entry), options)))
    },
    close: () => files.close(file),
  }
}

function lineOf({ ids, revoker, expiration }: RevocationEntry, { byDelegate = false }: AddRevocationOptions): string {
  return JSON.stringify({ ids, revoker, expiration: expiration === never ? 'never' : expiration, byDelegate })
}

function readLine(
  line: string,
  place: string,
): { readonly entry: RevocationEntry; readonly options: AddRevocationOptions } {
  try {
    const { byDelegate, expiration, ...entry } = JSON.parse(line)
    const read = readRevocationEntry({ ...entry, expiration: expiration === 'never' ? never : expiration })
    return { entry: read, options: { byDelegate: byDelegate === true } }
  } catch (cause) {
    throw new AuditError('ERR_AUDIT_INTEGRITY', `${place} is not a revocation; restore the file from a backup`, {
      cause,
    })
  }
}
