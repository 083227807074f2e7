// node only: reads and removes files
import { rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Invocation } from 'procura'
import { StoreError } from 'procura/errors'
import type { Service } from 'procura/service'
import { openContainer } from 'procura/token'
import { readPrivateFile } from '#support/private-file.ts'
import { quote } from '#support/quote.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import type { OnGatewayEvent } from './events.ts'

/**
 * Denials of a store or a resolver that failed: the gateway cannot know whether the revocation applies. An agent that
 * revokes too fast is `overloaded`, and each start takes more of its revocations.
 */
const temporary: ReadonlySet<string> = new Set([
  ...['revocation_unknown', 'key_unresolved', 'closed', 'deadline_exceeded', 'internal_error', 'overloaded'],
])

/**
 * Denials that a clock which is wrong gives, too. The revocation stays: a gateway that removed it would accept calls
 * that were revoked, when its clock is right again.
 */
const byClock: ReadonlySet<string> = new Set(['expired', 'not_yet_valid'])

/** The gateway that takes revocations. */
export interface Taking {
  readonly revoke: Service['revoke']
  readonly onEvent: OnGatewayEvent
  /** Whether `gateway.json` has other owners than those that it acts for. */
  isBehind(): Promise<boolean>
}

/**
 * Takes the revocations that no gateway has taken. One that is refused for good is set aside. One that fails does not
 * keep the others. GTW-65
 *
 * @throws StoreError when one cannot be stored or is damaged, or the folder cannot be read: a gateway that starts would
 *   accept calls that were revoked. VaultError when one cannot be read.
 */
export async function takePendingRevocations(configuration: string, taking: Taking): Promise<void> {
  const folder = join(dirname(configuration), 'revocations')
  const names = (await namesIn(folder)).filter((name) => name.endsWith('.ucan')).sort()
  const errors: unknown[] = []
  for (const name of names) await takeOne(join(folder, name), taking).catch((error: unknown) => errors.push(error))
  if (errors.length > 0) throw errors[0]
}

async function takeOne(path: string, { revoke, onEvent, isBehind }: Taking): Promise<void> {
  const file = await readPrivateFile(path, { timeoutMs: 10_000 })
  if (file === undefined || file === 'unchanged') return
  const container = Buffer.from(file.bytes).toString('latin1').trim()
  const result = await revoke(container)
  if (result.accepted) {
    await unlessGone(unlink(path))
    onEvent({ level: 'info', event: 'revoked', message: `the delegation ${result.revoked} is revoked` })
    return
  }
  const { code, message, requirement } = result.denial
  // The service takes no more copies of a revocation that applies already. The gateway refuses those beyond a rate.
  if (code === 'overloaded' && requirement?.startsWith('SVC-')) {
    await unlessGone(unlink(path))
    onEvent({ level: 'info', event: 'revoked', message: `the revocation ${quote(path, 256)} applies already` })
    return
  }
  if (temporary.has(code))
    throw new StoreError(`the revocation ${quote(path, 256)} could not be stored (${code}); start the gateway again`)
  await readPending(path, container)
  const stays = byClock.has(code) ? staysByClock : code === byOwner && (await isBehind()) ? staysByOwner : undefined
  if (stays === undefined) await unlessGone(rename(path, `${path}.refused`))
  onEvent({
    ...{ level: 'warning', event: 'failure' },
    message: `refused the revocation ${quote(path, 256)}: ${message}; ${stays ?? setAside}`,
  })
}

/**
 * Reads the revocation in a file.
 *
 * @throws StoreError when it is not the one whose CID is the name of the file, or lacks a delegation that it names: it
 *   was whole when it was written.
 */
export async function readPending(path: string, container: string): Promise<Invocation> {
  const read = await openContainer(container).catch(() => undefined)
  const revocation = read?.invocations[0]
  const { revoke, path: chain = [revoke] } = revocation?.args ?? {}
  const present = new Set(read?.delegations.map(({ cid }) => String(cid)))
  const isWhole = Array.isArray(chain) && chain.every((cid) => present.has(String(cid)))
  if (revocation !== undefined && isWhole && basename(path) === `${revocation.cid}.ucan`) return revocation
  throw new StoreError(
    `the revocation ${quote(path, 256)} is damaged; revoke again with \`procura revoke --agent NAME\`, or \`procura revoke FILE --from KEY\`, and remove this file if it is still there`,
  )
}

const setAside = 'it is set aside, and has no effect; revoke again if the delegation has to end'

const staysByClock =
  'it stays for the next start, because the clock of this machine may be wrong; if the clock is right, revoke again and remove this file'

/** An older configuration can be taken after the key of the owner was rotated, and before the gateway takes that. */
const byOwner = 'subject_not_accepted'
const staysByOwner =
  'it stays, because gateway.json has other `subjects` than this gateway acts for; the next reload takes it'

/** Another program may have moved the file: the one that left a revocation removes it when it has the receipt. */
async function unlessGone(change: Promise<void>): Promise<void> {
  await change.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await namesInFolder(folder)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new StoreError(
      `the folder ${quote(folder, 256)} cannot be read (${code}), so its revocations are unknown; make it a folder of this user`,
      { cause },
    )
  }
}
