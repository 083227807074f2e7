// node only: reads and writes files
import {
  attenuate as attenuateDelegation,
  type Delegation,
  delegate as makeDelegation,
  never,
  systemClock,
} from 'procura'
import { describeSignerFile, type SignerFileEntry } from 'procura/signer/file'
import type { Host } from '../host.ts'
import { record } from '../logs/ledger.ts'
import { type NamedPrincipal, principalOf } from '../terminal/did-text.ts'
import { showDate, showDistance } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, neededOf, textOf } from '../verb.ts'
import { commandOf, lifetimeOf, policyOf } from './authority-options.ts'
import { chainFor } from './choose-chain.ts'
import { openSigner } from './open-signer.ts'
import { readDelegations } from './read-tokens.ts'
import { checkNewFile, writeTokens } from './write-tokens.ts'

/** `procura delegate`: an owner passes its authority on. */
export async function delegate(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('delegate takes options alone; to pass on a delegation, use attenuate')
  const { path, to } = await partiesOf(
    'the key file of the principal that signs; make one with `procura key new FILE`',
    flags,
    host,
  )
  const command = commandOf(flags)
  if (command === undefined) throw new UsageError('--command is missing: the command that may be called')
  const policy = await policyOf(flags, host)
  const lifetime = lifetimeOf(flags)
  await checkNewFile(textOf(flags, 'out'))
  const { signer } = await openSigner(path, flags, host)
  const grant = await makeDelegation({ issuer: signer, audience: to.did, command, policy, ...lifetime })
  await writeDelegations([grant], to.words, flags, host)
  return 0
}

/** `procura attenuate [FILE]`: passes on a received delegation, narrowed. */
export async function attenuate(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const [file, ...more] = words
  if (more.length > 0) throw new UsageError('too many words; pass one file with the delegation and its chain')
  const { path, to } = await partiesOf('the key file of the principal that received the delegation', flags, host)
  const command = commandOf(flags)
  const policy = await policyOf(flags, host)
  const lifetime = lifetimeOf(flags)
  const delegations = await readDelegations(file, flags, host)
  await checkNewFile(textOf(flags, 'out'))
  const { keys } = await describeSignerFile({ path })
  // A delegation to the previous key of the file can be passed on with that key.
  const { did } = (keys.find((one) => delegations.some(({ audience: to }) => to === one.did)) ??
    keys[0]) as SignerFileEntry
  const chain = chainFor(did, delegations, flags)
  refuseExpired(chain)
  const { signer, previous } = await openSigner(path, flags, host)
  const held = [signer, ...previous].find((one) => one.did === did) ?? signer
  const narrow = await attenuateDelegation(chain, {
    issuer: held,
    audience: to.did,
    policy,
    ...(command !== undefined && { command }),
    ...lifetime,
  })
  await writeDelegations([...chain, narrow], to.words, flags, host)
  return 0
}

/** A delegation that is based on an expired one permits nothing, from its first second on. */
function refuseExpired(chain: readonly Delegation[]): void {
  const now = systemClock.now()
  for (const [at, { expiration }] of chain.entries()) {
    if (expiration === never || expiration >= now) continue
    const place = `delegation ${at + 1} of ${chain.length} of the input`
    const when = `${showDate(expiration)} (${showDistance(expiration, now)})`
    throw new UsageError(`${place} expired at ${when}; ask its issuer for a new delegation`)
  }
}

async function partiesOf(
  from: string,
  flags: Flags,
  host: Host,
): Promise<{ readonly path: string; readonly to: NamedPrincipal }> {
  const path = neededOf(flags, 'from', from)
  const to = neededOf(flags, 'to', 'the DID of the principal that receives the authority, or the name of an agent')
  return { path, to: await principalOf('to', to, flags, host) }
}

async function writeDelegations(chain: readonly Delegation[], to: string, flags: Flags, host: Host): Promise<void> {
  const { cid, issuer, audience, command, expiration } = chain.at(-1) as Delegation
  const about = {
    delegation: cid.toString(),
    issuer,
    audience,
    command,
    expiration: expiration === never ? null : expiration,
  }
  // A delegation that is not on record must not leave this program.
  await record(flags, host, (ledger) => ledger.issued(chain))
  await writeTokens(chain, about, flags, host)
  const now = systemClock.now()
  const until =
    expiration === never ? 'it never expires' : `it expires ${showDate(expiration)} (${showDistance(expiration, now)})`
  host.complain(`delegated ${command} to ${to}; ${until}`)
  // The shell has made the file, perhaps readable for others: stores of delegations refuse such a file.
  if (textOf(flags, 'out') === undefined && ((host.outputMode?.() ?? 0) & 0o077) !== 0)
    host.complain(
      'warning: standard output is a file to which other users have access, so no agent uses it as its store of delegations; run chmod 600 on it, or use --out FILE',
    )
}
