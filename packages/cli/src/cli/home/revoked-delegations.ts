// node only: reads files
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Delegation } from 'procura'
import { readPrivateFile } from '#support/private-file.ts'
import { quote } from '#support/quote.ts'
import { readPending } from '../../gateway/serve/pending-revocations.ts'
import { revokedAmong } from '../../gateway/serve/state/revoked-among.ts'
import { mostAsked } from '../../gateway/wire/control.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import { controlGateway } from '../gateway/control.ts'
import type { GatewayFile } from './gateway-file.ts'
import { exists } from './home-files.ts'

/** The delegations whose revocation waits for the gateway. One that was left out would be issued again. */
export async function waitingRevocations(home: string): Promise<ReadonlySet<string>> {
  const folder = join(home, 'revocations')
  const names = (await exists(folder)) ? await namesInFolder(folder) : []
  const found = new Set<string>()
  for (const name of names.filter((one) => one.endsWith('.ucan'))) {
    const path = join(folder, name)
    const file = await readPrivateFile(path, { timeoutMs: 10_000 })
    if (file === undefined || file === 'unchanged') continue
    const { args } = await readPending(path, new TextDecoder().decode(file.bytes).trim())
    found.add(String(args['revoke']))
  }
  return found
}

/** Delegations of one question: each has up to three ids. */
const atOnce = Math.floor(mostAsked / 3)

/**
 * Finds the delegations that are revoked: those that wait for the gateway, and those that it has taken.
 *
 * @returns their CIDs, and the DIDs of their issuers and audiences that are revoked.
 * @throws when the gateway runs and does not answer, or its state cannot be read: nobody knows then what is revoked.
 */
export async function revokedDelegations(
  home: string,
  { path, stateFile, logFolder }: Pick<GatewayFile, 'path' | 'stateFile' | 'logFolder'>,
  delegations: readonly Delegation[],
): Promise<ReadonlySet<string>> {
  const found = new Set(await waitingRevocations(home))
  for (let at = 0; at < delegations.length; at += atOnce) {
    const some = delegations.slice(at, at + atOnce)
    const ids = [...new Set(some.flatMap(({ cid, issuer, audience }) => [cid.toString(), issuer, audience]))]
    const answer = await controlGateway(path, 'revoked', { ids })
    if (answer.state === 'fault' || answer.state === 'refused')
      throw new Error(
        `nobody knows which delegations are revoked: ${answer.message}; a gateway that is older than this program has to be started again`,
      )
    for (const cid of answer.state === 'done' ? answer.data : await revokedInState(stateFile, logFolder, ids))
      found.add(cid)
  }
  return found
}

/**
 * Asks the state of a gateway that does not run. One that has never run has taken no revocation; its log has no record.
 */
async function revokedInState(file: string, logFolder: string, ids: readonly string[]): Promise<readonly string[]> {
  if (!(await exists(file))) {
    if (!(await hasRecords(logFolder))) return []
    throw new Error(
      `nobody knows which delegations are revoked: the gateway has run, and its state ${quote(file, 256)} is missing; put the file back, or, if it is lost, run \`procura start\`, which makes one without the revocations, and revoke again what must not be renewed`,
    )
  }
  // The database is not loaded where a gateway answers.
  const { openState } = await import('../../gateway/serve/state/open-state.ts')
  const state = await openState({ file, isFirst: false })
  try {
    return await revokedAmong(state.stores.revocations, ids)
  } finally {
    state.close()
  }
}

async function hasRecords(logFolder: string): Promise<boolean> {
  for (const name of (await namesInFolder(logFolder)).filter((one) => one.endsWith('.jsonl')))
    if ((await stat(join(logFolder, name))).size > 0) return true
  return false
}
