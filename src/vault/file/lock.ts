// node only: locks between processes by files
import { randomBytes } from 'node:crypto'
import { link, readFile, unlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import process from 'node:process'
import { quote, VaultError } from '../../errors.ts'
import { vaultFailure } from '../failure.ts'

/** Milliseconds between two tries. */
const PAUSE = 20

/** Who holds a lock. */
interface Holder {
  readonly process: number
  readonly host: string
  /** Another one each time a lock is taken. */
  readonly nonce: string
}

/**
 * Runs a task while no other process runs one under the same lock file. A lock whose process has died on this host is
 * broken.
 *
 * @param timeoutMs - milliseconds to wait for it.
 * @throws {@link VaultError} `ERR_VAULT_UNAVAILABLE` when somebody else keeps it for longer.
 */
export async function withFileLock<T>(path: string, timeoutMs: number, task: () => Promise<T>): Promise<T> {
  const own: Holder = { process: process.pid, host: hostname(), nonce: randomBytes(12).toString('hex') }
  await acquire(path, own, timeoutMs)
  try {
    return await task()
  } finally {
    await unlink(path).catch(() => undefined)
  }
}

async function acquire(path: string, own: Holder, timeoutMs: number): Promise<void> {
  for (let waited = 0; ; waited += PAUSE) {
    // VLT-24
    if (await create(path, own)) return
    const holder = await readHolder(path)
    // also a dead process's, when whoever began to break it has died as well
    if (waited >= timeoutMs) throw held(path, holder)
    if (holder !== undefined && isDead(holder)) await breakLock(path, holder)
    else await new Promise((resolve) => setTimeout(resolve, PAUSE))
  }
}

/** Makes the file, if nobody else has. It appears whole: a link to one that was written before. */
async function create(path: string, own: Holder): Promise<boolean> {
  const draft = `${path}.${own.nonce}.new`
  try {
    await writeFile(draft, JSON.stringify(own), { flag: 'wx', mode: 0o600 })
    await link(draft, path)
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `the lock ${quote(path, 256)} could not be taken`, cause)
  } finally {
    await unlink(draft).catch(() => undefined)
  }
}

/** Who holds the lock; `undefined` when it was just given back. */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(path, 'utf8'))
    const holder = parsed as Partial<Holder> | null
    if (typeof holder?.process !== 'number' || typeof holder.host !== 'string') return undefined
    return typeof holder.nonce === 'string' && /^[0-9a-f]{24}$/.test(holder.nonce) ? (holder as Holder) : undefined
  } catch {
    return undefined
  }
}

function isDead(holder: Holder): boolean {
  // on another host, or in another container, the same number may be another process
  if (holder.host !== hostname()) return false
  try {
    process.kill(holder.process, 0)
    return false
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/**
 * Removes the lock of a dead process. Of all who want to, the one that creates the marker may; the lock it then finds
 * is still that of the dead process, because only the process itself or the holder of the marker removes it.
 */
async function breakLock(path: string, dead: Holder): Promise<void> {
  const marker = `${path}.${dead.nonce}.broken`
  try {
    await writeFile(marker, '', { flag: 'wx', mode: 0o600 })
  } catch {
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
    return
  }
  try {
    if ((await readHolder(path))?.nonce === dead.nonce) await unlink(path)
  } finally {
    await unlink(marker).catch(() => undefined)
  }
}

function held(path: string, holder: Holder | undefined): VaultError {
  const by = holder === undefined ? 'somebody' : `process ${holder.process} on ${quote(holder.host)}`
  return new VaultError(
    'ERR_VAULT_UNAVAILABLE',
    `${by} holds the lock ${quote(path, 256)}; if that process has ended, remove the file`,
  )
}
