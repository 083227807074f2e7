// node only: writes files
import { randomBytes } from 'node:crypto'
import { rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Delegation, encodeContainer, type Invocation } from 'procura'
import { verifyReceipt } from 'procura/receipt'
import { describeSignerFile } from 'procura/signer/file'
import { createDurableFile, syncFolder } from '#support/durable-file.ts'
import { quote } from '#support/quote.ts'
import { askGateway } from '../gateway/ask-gateway.ts'
import { runningProcess } from '../gateway/lock-gateway.ts'
import { type GatewayFile, readGatewayFile } from '../home/gateway-file.ts'
import { ensureFolder } from '../home/home-files.ts'

/** The outcome of a revocation. */
export interface Sent {
  /**
   * `taken` by a running gateway, which has signed that; `waiting` for the start of one that does not run; `refused`;
   * `unconfirmed` where an answer is not signed by the gateway; `unreachable` where there is no answer.
   */
  readonly state: 'refused' | 'taken' | 'unconfirmed' | 'unreachable' | 'waiting'
  /** Whether the gateway that has taken it refuses no call. */
  readonly dryRun?: true
  /** One line for people. */
  readonly message: string
}

/**
 * Sends a revocation to the gateway of a home folder. It is left in the folder first, where the gateway takes it at its
 * start, and removed when the gateway has signed that it has taken it. CLI-25
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
  const folder = join(home, 'revocations')
  await ensureFolder(folder)
  const path = join(folder, `${revocation.cid}.ucan`)
  await writeWhole(path, `${container}\n`)
  const of = `the gateway of ${quote(home, 256)}`
  const asked = await askGateway(gateway.listen, { procura: 1, revoke: container })
  if ('fault' in asked) {
    const running = asked.isDown ? await runningProcess(gateway.stateFile) : undefined
    if (asked.isDown && running === undefined)
      return { state: 'waiting', message: `${of} does not run; it takes the revocation when it starts` }
    const who = running === undefined ? of : `${of} runs (process ${running}), and`
    return { state: 'unreachable', message: `${who} ${asked.fault}; ${restart}` }
  }
  const { dryRun, error, receipt } = asked.answer
  if (await isReceipt(receipt, gateway, revocation)) {
    await unlink(path).catch(() => undefined)
    if (dryRun === true) return { state: 'taken', dryRun, message: `${of} ${inDryRun}` }
    return {
      state: 'taken',
      message: `${of} has accepted the revocation; it refuses every call that uses the delegation`,
    }
  }
  const { message: said } = Object(error) as { readonly message?: unknown }
  if (typeof said !== 'string') {
    const place = quote(gateway.listen.socket ?? gateway.listen.address ?? '', 256)
    const message = `an answer came from ${place} without the signature of the gateway, so another program may listen there; ${restart}`
    return { state: 'unconfirmed', message }
  }
  const message = said.slice(0, 500)
  const isBehind = message.endsWith('(subject_not_accepted)') && gateway.subjects.includes(chain[0]?.issuer ?? '')
  return {
    state: 'refused',
    message: isBehind ? `${of} ${notReloaded}` : `${of} refuses the revocation: ${message}`,
  }
}

const restart =
  'the revocation is not confirmed; end every process that listens there, and run `procura start`: the gateway takes it at its start'

const inDryRun =
  'has accepted the revocation, and runs with --dry-run: every call runs, also one that uses the delegation; start it without --dry-run to refuse them'

/** After a rotation of the key of the owner. */
const notReloaded =
  'does not act for the owner in gateway.json yet, so the revocation waits; it takes both at `procura reload`'

/** Whether a key of the gateway has signed that it has taken this revocation. */
async function isReceipt(receipt: unknown, { serviceKey }: GatewayFile, { args, task }: Invocation): Promise<boolean> {
  if (typeof receipt !== 'string') return false
  const bytes = Uint8Array.from(Buffer.from(receipt, 'base64'))
  const { keys } = await describeSignerFile({ path: serviceKey })
  // A gateway that runs since before a rotation of its key signs with the previous one.
  for (const { did: executor } of keys) {
    const verdict = await verifyReceipt(bytes, { executor, task })
    if (!verdict.verified) continue
    const { outcome } = verdict.receipt
    return 'ok' in outcome && Object(outcome.ok).revoked === String(args['revoke'])
  }
  return false
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
