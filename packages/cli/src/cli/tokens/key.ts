// node only: makes files
import { basename } from 'node:path'
import type { Signer } from 'procura'
import { createSignerFile, describeSignerFile, rotateSignerFile, type SignerFileEntry } from 'procura/signer/file'
import { placeGiven, vaultKey } from '../home/vault-key.ts'
import type { Host } from '../host.ts'
import { didOf } from '../terminal/did-text.ts'
import { showDate } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, operandOf, textOf } from '../verb.ts'
import { fileKey } from './open-signer.ts'
import { checkNewFile } from './write-tokens.ts'

/** `procura key new FILE`: prints the DID. */
export async function newKey(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const path = operandOf(words, 'the file to create')
  const did = textOf(flags, 'did')
  const algorithm = textOf(flags, 'algorithm') as Signer['algorithm'] | undefined
  const isEncrypted = flags['encrypt'] === true || textOf(flags, 'key-file') !== undefined
  const named = did === undefined ? {} : { did: didOf('did', did) }
  if (isEncrypted) await checkNewFile(path)
  const made = await createSignerFile({
    path,
    ...(algorithm !== undefined && { algorithm }),
    ...named,
    ...(isEncrypted && { key: await fileKey(flags, host, true) }),
  })
  print([entryOf(made)], isEncrypted, flags, host)
  host.complain(
    `created ${path} with mode 0600${isEncrypted ? ', encrypted' : ''}; it is the only copy of the private key, so keep a backup in a safe place`,
  )
  return 0
}

/** `procura key show FILE`: prints the DID of the current key, and reports the others. */
export async function showKey(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const { keys, encrypted } = await describeSignerFile({ path: operandOf(words, 'the key file') })
  print(keys, encrypted, flags, host)
  return 0
}

/** `procura key rotate FILE`: makes a new key, and keeps the previous one beside it. */
export async function rotateKey(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const path = operandOf(words, 'the key file')
  const keep = textOf(flags, 'keep')
  if (keep !== undefined && !/^[0-9]{1,2}$/.test(keep)) throw new UsageError('--keep must be a number from 0 to 15')
  const { encrypted, keys } = await describeSignerFile({ path })
  const former = keys[0]?.did ?? ''
  const wrapped = basename(path) === 'owner.key' ? await import('../home/rotate-owner.ts') : undefined
  const gateway = await wrapped?.gatewayOfOwner(
    path,
    keys.map(({ did }) => did),
  )
  if (wrapped !== undefined && gateway !== undefined) {
    // One key opens the vault and the key of the owner.
    const key = await vaultKey(placeGiven(gateway.vault, flags), host, false)
    const { did, messages } = await wrapped.rotateOwner(
      gateway,
      keep === undefined ? 1 : Number(keep),
      key,
      flags,
      host,
    )
    if (flags['json'] === true) host.print(JSON.stringify({ ...(await describeSignerFile({ path })).keys[0], former }))
    else host.print(did)
    for (const message of messages) host.complain(message)
    return 0
  }
  const file = await rotateSignerFile({
    path,
    ...(keep !== undefined && { keep: Number(keep) }),
    ...(encrypted && { key: await fileKey(flags, host, false) }),
  })
  const [present = entryOf(file), ...previous] = (await describeSignerFile({ path })).keys
  if (flags['json'] === true) host.print(JSON.stringify({ ...present, encrypted, previous, former }))
  else host.print(file.did)
  host.complain(`${path} has a new key; ${adviceOf(file.did, former, previous.length > 0)}`)
  return 0
}

/** The next step after a rotation, which is different for a key that leaked. */
function adviceOf(did: string, former: string, isKept: boolean): string {
  if (did === former)
    return `put it into the DID document of ${did}; if the former key leaked, remove that one from the document`
  const place = isKept ? 'stays in the file, and `key rotate --keep 0` would remove it' : 'is not in the file any more'
  return `the key of ${former} ${place}; delegations to it stay valid: if it leaked, revoke them with \`procura revoke\`, or the DID with \`procura store revoke\``
}

function entryOf({ did, algorithm, created }: SignerFileEntry): SignerFileEntry {
  return { did, algorithm, created }
}

function print(keys: readonly SignerFileEntry[], encrypted: boolean, flags: Flags, host: Host): void {
  const [current, ...previous] = keys
  if (flags['json'] === true) {
    host.print(JSON.stringify({ ...current, encrypted, previous }))
    return
  }
  host.print(current?.did ?? '')
  // Scripts use the output as one DID: `--to "$(procura key show agent.key)"`.
  for (const { did, created } of previous) host.complain(`previous key: ${did}, made ${showDate(created)}`)
}
