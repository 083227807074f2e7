// node only: writes files
import { randomBytes } from 'node:crypto'
import { rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { encodeContainer } from '../container/container.ts'
import type { Delegation } from '../delegation/delegation.ts'
import type { Invocation } from '../invocation/invocation.ts'
import { createDurableFile, syncFolder } from '../support/durable-file.ts'
import { quote } from '../support/quote.ts'
import { askGateway, type GatewayPlace } from './ask-gateway.ts'
import { readGatewayFile } from './wrap/gateway-file.ts'
import { ensureFolder } from './wrap/home-files.ts'

/** What became of a revocation. */
export interface Sent {
  /** `taken` by a running gateway; `waiting` for its next start; `refused`; or not sent, because it cannot be. */
  readonly state: 'refused' | 'taken' | 'unreachable' | 'waiting'
  /** One line for people. */
  readonly message: string
}

/**
 * Sends a revocation to the gateway of a home folder. While it does not run, the revocation is left in the folder, and
 * it takes it at its next start.
 *
 * @param chain - the delegations of the revocation, root first.
 * @returns undefined when the folder has no gateway.
 */
export async function sendRevocation(
  home: string,
  revocation: Invocation,
  chain: readonly Delegation[],
): Promise<Sent | undefined> {
  const gateway = await readGatewayFile(home)
  if (gateway === undefined) return undefined
  const container = encodeContainer([revocation, ...chain])
  const first = await send(home, gateway.listen, container)
  if (first !== 'down') return first
  // The gateway looks here at its start.
  const folder = join(home, 'revocations')
  await ensureFolder(folder)
  const path = join(folder, `${revocation.cid}.ucan`)
  await writeWhole(path, `${container}\n`)
  // A gateway that has started in the meantime has perhaps not seen the file.
  const again = await send(home, gateway.listen, container)
  if (again === 'down') {
    const message = `the gateway of ${quote(home, 256)} does not run; it takes the revocation when it starts`
    return { state: 'waiting', message }
  }
  if (again.state === 'taken') await unlink(path).catch(() => undefined)
  return again
}

/** Writes a file in one step, which a run that was killed may have written before. */
async function writeWhole(path: string, text: string): Promise<void> {
  const draft = join(dirname(path), `.${randomBytes(8).toString('hex')}`)
  try {
    await createDurableFile(draft, text)
    await rename(draft, path)
  } catch (error) {
    await unlink(draft).catch(() => undefined)
    throw error
  }
  await syncFolder(dirname(path))
}

async function send(home: string, place: GatewayPlace, revoke: string): Promise<Sent | 'down'> {
  const asked = await askGateway(place, { procura: 1, revoke })
  const of = `the gateway of ${quote(home, 256)}`
  if ('fault' in asked)
    return asked.isDown ? 'down' : { state: 'unreachable', message: `${of} ${asked.fault}; the revocation is not sent` }
  const { error, revoked } = asked.answer
  if (typeof revoked === 'string')
    return { state: 'taken', message: `${of} has taken the revocation, and refuses the calls that need it from now on` }
  const { message } = Object(error) as { readonly message?: unknown }
  return { state: 'refused', message: `${of} refuses the revocation: ${String(message).slice(0, 500)}` }
}
