// node only: keeps revocations in a file
import { Buffer } from 'node:buffer'
import { dirname } from 'node:path'
import { setUp } from '../audit/configuration.ts'
import { assertPrivate } from '../audit/sinks/jsonl/assert-private.ts'
import { fenceFile } from '../audit/sinks/jsonl/fence-log.ts'
import type { LogFiles } from '../audit/sinks/jsonl/log-files.ts'
import { assertHeld } from '../audit/sinks/jsonl/open-log.ts'
import { assertUntouched } from '../audit/sinks/jsonl/segment.ts'
import { readRevocationEntry } from '../core/revocation/revocation-entry.ts'
import type { AddRevocationOptions, RevocationEntry, RevocationRegistry } from '../core/revocation/revocation-store.ts'
import { AuditError, StoreError } from '../errors.ts'
import type { HeldLock } from '../support/file-lock/held-lock.ts'
import { createMutex } from '../support/mutex.ts'
import { quote } from '../support/quote.ts'
import { never } from '../time.ts'

/** A registry whose revocations are in a file, too. */
export interface KeptRevocations extends RevocationRegistry {
  /** Waits for the write in progress. Nothing is written afterwards. */
  close(): Promise<void>
}

/** A file of revocations. */
export interface RevocationFile {
  readonly path: string
  readonly files: LogFiles
  /** The lock of the log beside it. */
  readonly lock: HeldLock
}

/**
 * Keeps the revocations that are added to a registry in a file beside the log of a service, and adds those of the file
 * to the registry. One process may do this at a time: the writer of the log.
 *
 * @throws AuditError when the file cannot be read, or is not in this form; the error of the registry.
 */
export async function keepRevocations(registry: RevocationRegistry, place: RevocationFile): Promise<KeptRevocations> {
  const { path, files, lock } = place
  const file = await openFile(place).catch((cause: unknown) =>
    setUp<number>(`${quote(path, 256)} cannot be used; make it readable and writable for this process`, () => {
      throw cause
    }),
  )
  const inTurn = createMutex()
  const lines = new Set<string>()
  /** The ids in the file, with their revokers. */
  const kept = new Set<string>()
  const whole = { path, inode: files.stateOf(file).inode, size: 0 }
  let isBroken = false
  let isClosed = false

  function note(line: string, { ids, revoker }: RevocationEntry): void {
    lines.add(line)
    for (const id of ids) kept.add(nameOf(id, revoker))
  }

  /** A line that was not written completely is not a revocation that was taken. */
  async function write(entry: RevocationEntry, options: AddRevocationOptions): Promise<void> {
    const line = lineOf(entry, options)
    if (lines.has(line)) return
    if (isClosed) throw new StoreError('the service is closed')
    assertHeld({ name: path, lock })
    if (isBroken) files.truncate(file, whole.size)
    isBroken = false
    assertUntouched(files, whole)
    const bytes = new TextEncoder().encode(`${line}\n`)
    try {
      if (files.write(file, bytes) !== bytes.length) throw new Error('the file system is full')
      await files.sync(file)
      // The next holder of the lock has read the line, unless it took the lock before.
      assertHeld({ name: path, lock })
    } catch (cause) {
      // Until the end of the file is cut off, a line would continue it.
      isBroken = true
      throw cause
    }
    whole.size += bytes.length
    note(line, entry)
  }

  try {
    const state = files.stateOf(file)
    assertPrivate(path, state)
    // A line is ASCII; each other byte is a character that no entry has.
    const text = Buffer.from(files.read(file, 0, state.size)).toString('latin1')
    whole.size = text.lastIndexOf('\n') + 1
    for (const [at, line] of text.slice(0, whole.size).split('\n').slice(0, -1).entries()) {
      const { entry, options } = readLine(line, `${quote(path, 256)}, line ${at + 1},`)
      note(line, entry)
      // One that is over, too: the clock may be ahead, and the registry notes what it forgets.
      await registry.add(entry, options)
    }
    files.truncate(file, whole.size)
  } catch (error) {
    files.close(file)
    throw error
  }

  return {
    // SVC-30: a copy of a revocation that could not be written is written again.
    async findRevocations(ids, options) {
      const found = await registry.findRevocations(ids, options)
      return found.filter(({ id, revoker }) => kept.has(nameOf(id, revoker)))
    },
    // SVC-25
    async add(entry, options = {}) {
      await registry.add(entry, options)
      await inTurn(() => write(readRevocationEntry(entry), options))
    },
    close: () =>
      inTurn(async () => {
        isClosed = true
        files.close(file)
      }),
  }
}

async function openFile({ path, files, lock }: RevocationFile): Promise<number> {
  const isNew = files.stateAt(path) === undefined
  // A writer that lost the lock while it was suspended may have the file open.
  if (!isNew && lock.takenOver) await fenceFile(files, lock, path)
  const opened = files.open(path, { create: isNew })
  try {
    // Also of one that is there: the process that has made it may have ended before it did this.
    files.syncDirectory(dirname(path))
    return opened
  } catch (error) {
    files.close(opened)
    throw error
  }
}

function nameOf(id: string, revoker: string | undefined): string {
  return `${id} ${revoker ?? ''}`
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
