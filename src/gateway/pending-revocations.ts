// node only: reads and removes files
import { rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StoreError } from '../errors.ts'
import type { Service } from '../service/service.ts'
import { namesInFolder } from '../support/names-in-folder.ts'
import { readPrivateFile } from '../support/private-file.ts'
import { quote } from '../support/quote.ts'
import type { OnGatewayEvent } from './events.ts'

/** Denials of a store or a resolver that failed: the gateway cannot know whether the revocation applies. */
const temporary: ReadonlySet<string> = new Set([
  ...['revocation_unknown', 'key_unresolved', 'closed', 'deadline_exceeded', 'internal_error'],
])

/**
 * Denials that a clock which is wrong gives, too. The revocation stays: a gateway that removed it would accept calls
 * that were revoked, when its clock is right again.
 */
const byClock: ReadonlySet<string> = new Set(['expired', 'not_yet_valid'])

/**
 * Takes the revocations that no gateway has taken. One that is refused for good is set aside. GTW-65
 *
 * @throws StoreError when one cannot be stored, or the folder cannot be read: a gateway that starts would accept calls
 *   that were revoked.
 */
export async function takePendingRevocations(
  configuration: string,
  revoke: Service['revoke'],
  onEvent: OnGatewayEvent,
): Promise<void> {
  const folder = join(dirname(configuration), 'revocations')
  const names = (await namesIn(folder)).filter((name) => name.endsWith('.ucan')).sort()
  for (const name of names) {
    const path = join(folder, name)
    const file = await readPrivateFile(path, { timeoutMs: 10_000 })
    if (file === undefined || file === 'unchanged') continue
    const result = await revoke(Buffer.from(file.bytes).toString('latin1').trim())
    if (result.accepted) {
      await remove(path)
      onEvent({ level: 'info', event: 'revoked', message: `the delegation ${result.revoked} is revoked` })
      continue
    }
    const { code, message, requirement } = result.denial
    // The service takes no more copies of a revocation that applies already. The gateway refuses those beyond a share.
    if (code === 'overloaded' && requirement?.startsWith('SVC-')) {
      await remove(path)
      onEvent({ level: 'info', event: 'revoked', message: `the revocation ${quote(path, 256)} applies already` })
      continue
    }
    if (temporary.has(code))
      throw new StoreError(`the revocation ${quote(path, 256)} could not be stored (${code}); start the gateway again`)
    const isByClock = byClock.has(code)
    if (!isByClock) await rename(path, `${path}.refused`)
    const next = isByClock ? stays : 'it is set aside'
    onEvent({
      ...{ level: 'warning', event: 'failure' },
      message: `refused the revocation ${quote(path, 256)}: ${message}; ${next}`,
    })
  }
}

const stays =
  'it stays for the next start, because the clock of this machine may be wrong; if the clock is right, revoke again and remove this file'

/** The program that has left a revocation removes it as well, when it has the receipt for it. */
async function remove(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
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
