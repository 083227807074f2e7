// node only: reads and writes files
import { encodeContainer } from 'procura'
import { revoke as makeRevocation } from 'procura/revocation'
import { describeSignerFile } from 'procura/signer/file'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import type { Host } from '../host.ts'
import { record } from '../logs/ledger.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, neededOf, textOf, textsOf } from '../verb.ts'
import { chainTo } from './choose-chain.ts'
import { openSigner } from './open-signer.ts'
import { type Posted, postRevocation, serviceUrls } from './post-revocation.ts'
import { readDelegations } from './read-tokens.ts'
import { type Sent, sendRevocation } from './send-revocation.ts'
import { checkNewFile, writeTokens } from './write-tokens.ts'

const issuerKey =
  'the key file of the principal that issued the delegation, or an earlier one; for all delegations of the owner to an agent, pass --agent'

/**
 * `procura revoke [FILE]`: signs the revocation of a delegation, and sends it to the gateway of a home folder, and
 * to the services of `--to`. CLI-14
 */
export async function revoke(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (textOf(flags, 'agent') !== undefined && textsOf(flags, 'to').length > 0)
    throw new UsageError('--to is for a delegation in FILE; the delegations of --agent are for the gateway alone')
  if (textOf(flags, 'agent') !== undefined)
    return (await import('../home/revoke-agent.ts')).revokeAgent(words, flags, host)
  const urls = serviceUrls(textsOf(flags, 'to'))
  if (textOf(flags, 'server') !== undefined) throw new UsageError('--server is for --agent')
  const [file, ...more] = words
  if (more.length > 0) throw new UsageError('too many words; pass one file with the delegation and its chain')
  const path = neededOf(flags, 'from', issuerKey)
  const delegations = await readDelegations(file, flags, host)
  const cid = textOf(flags, 'delegation')
  const leaves = delegations.filter(
    (one) => !delegations.some((other) => other !== one && other.issuer === one.audience),
  )
  const targets = cid === undefined ? leaves : delegations.filter((one) => one.cid.toString() === cid)
  const [target, ...others] = targets
  if (target === undefined)
    throw new UsageError(
      cid === undefined
        ? 'each delegation of the input is the proof of another one; choose one with --delegation'
        : 'the input has no delegation of this CID; `procura inspect` shows those that it has',
    )
  if (others.length > 0) {
    const cids = targets.map((one) => one.cid.toString()).join(', ')
    throw new UsageError(`the input has ${targets.length} chains; choose a delegation with --delegation: ${cids}`)
  }
  const chain = chainTo(target, delegations)
  await checkNewFile(textOf(flags, 'out'))
  const issuers = new Set<string>(chain.map(({ issuer }) => issuer))
  const { keys } = await describeSignerFile({ path })
  const key = keys.find(({ did }) => issuers.has(did))
  if (key === undefined)
    throw new UsageError(
      `${keys[0]?.did} issued no delegation of this chain, so it cannot revoke it; ${[...issuers].join(', ')} can`,
    )
  const { signer, previous } = await openSigner(path, flags, host)
  const revoker = [signer, ...previous].find(({ did }) => did === key.did) ?? signer
  const revocation = await makeRevocation({
    issuer: revoker,
    delegation: target,
    // A service takes the revocation of a delegation that it can trace to an owner for whom it acts.
    ...(chain.length > 1 && { path: chain }),
  })
  const about = { revocation: revocation.cid.toString(), revoked: target.cid.toString(), revoker: revoker.did }
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  let sent: Sent | undefined
  let posted: readonly Posted[] = []
  await writeTokens(
    [revocation, ...chain],
    async () => {
      sent = await sendRevocation(home, revocation, chain)
      const container = encodeContainer([revocation, ...chain])
      posted = await Promise.all(urls.map((url) => postRevocation(url, container, about.revoked)))
      const mode = sent?.dryRun && { dryRun: true }
      return { ...about, gateway: sent?.state ?? 'none', ...mode, ...(urls.length > 0 && { services: posted }) }
    },
    flags,
    host,
  )
  const rest = `send it ${urls.length === 0 ? 'to the services' : 'also to other services'} that accept the delegation`
  host.complain(
    `revoked ${target.cid.toString()} and all that is built on it; it takes effect where the revocation arrives: ${rest}`,
  )
  for (const { message } of posted) host.complain(message)
  const isHere = textOf(flags, 'home') !== undefined
  if (sent !== undefined || isHere || urls.length === 0)
    host.complain(sent?.message ?? `it is sent to no gateway: ${quote(home, 256)} has none`)
  await record(
    flags,
    host,
    (ledger) => ledger.revoked({ ids: [target.cid.toString()], revoker: revoker.did, expiration: target.expiration }),
    'the revocation is made',
  )
  if (posted.some(({ state }) => state !== 'taken')) return 1
  // Without --home, the revocation may be for other services.
  return !isHere || sent?.state === 'taken' || sent?.state === 'waiting' ? 0 : 1
}
