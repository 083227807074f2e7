// node only: listens, reads and writes files
import { join } from 'node:path'
import { type Delegation, type Did, delegate, encodeContainer, systemClock } from 'procura'
import { describeSignerFile } from 'procura/signer/file'
import type { FileKey } from 'procura/vault/file'
import { startDeadline } from '#support/deadline.ts'
import type { HeldLock } from '#support/file-lock/held-lock.ts'
import { replacePrivateFile } from '#support/private-file.ts'
import { quote } from '#support/quote.ts'
import { gatewayHome, isAgentName } from '../../gateway/configuration/home.ts'
import { invitedFile, invitedNames } from '../../gateway/configuration/principal-names.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { type GatewayFile, readGatewayFile } from '../home/gateway-file.ts'
import { exists } from '../home/home-files.ts'
import { recordIssued } from '../home/home-ledger.ts'
import { issuedTo, noteIssued, openIssued } from '../home/issued.ts'
import { placeGiven, vaultKey } from '../home/vault-key.ts'
import { checkSubject, inHome, openOwner } from '../home/wrap-home.ts'
import type { Host } from '../host.ts'
import { readDuration, showDate } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, operandOf, textOf, textsOf } from '../verb.ts'
import { describeGrant, type Grant, grantsFor } from '../wrap/grants.ts'
import { codeOf, hashOf, type Invitation, randomValue, writeInvitation } from './invitation.ts'
import { type Joining, listenForJoin } from './wait-for-join.ts'

/** Seconds for which an invitation is open. */
const openSeconds = 3_600

/** Wrong codes that end an invitation. */
const mostWrong = 3

/** What an invitation is about. */
interface Offer {
  readonly home: string
  readonly gateway: GatewayFile
  readonly name: string
  readonly grants: readonly Grant[]
  /** Seconds from the delivery on. */
  readonly expiresIn: number
  readonly key: FileKey
}

/**
 * `procura invite NAME`: delegates to the agent of another user, whose key is made by `procura join`. Nothing is signed
 * before the person has typed the code that the other one reads to them. CON-33
 *
 * @returns 1 when nothing was issued, or the agent has not confirmed it.
 */
export async function invite(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const name = operandOf(words, 'the name of the new agent')
  if (!isAgentName(name))
    throw new UsageError(
      `the name of an agent must begin with a letter or a digit and have at most 32 letters, digits, _ and - (got ${quote(name)})`,
    )
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const gateway = await readGatewayFile(home)
  if (gateway === undefined)
    throw new UsageError(`${quote(home, 256)} has no gateway.json; name its folder with --home`)
  const { address } = gateway.listen
  if (address === undefined)
    throw new UsageError(
      `the gateway listens on a socket, which no other user can reach; set \`listen\` in ${quote(gateway.path, 256)} to {"address": "127.0.0.1:7333"}, and run \`procura stop\` and \`procura start\``,
    )
  const grants = grantsOf(gateway, flags)
  const expiresIn = readDuration('expires-in', textOf(flags, 'expires-in') ?? '30d')
  const key = await vaultKey(placeGiven(gateway.vault, flags), host, false)
  const offer: Offer = { home, gateway, name, grants, expiresIn, key }
  const subject = await checkOffer(offer)
  if (!host.isTerminal)
    throw new UsageError('a person has to type the code of the other one, and standard input is not a terminal')
  const { keys } = await describeSignerFile({ path: gateway.serviceKey })
  return waitFor(offer, { address, audience: (keys[0] as { readonly did: Did }).did, subject, name }, flags, host)
}

function grantsOf({ servers }: GatewayFile, flags: Flags): readonly Grant[] {
  const all = [...servers.keys()]
  const given = textsOf(flags, 'server')
  const unknown = given.find((one) => !all.includes(one))
  const has = `the gateway has ${all.length === 0 ? 'no server' : all.map((one) => quote(one)).join(', ')}`
  if (unknown !== undefined) throw new UsageError(`there is no server ${quote(unknown)}; ${has}`)
  const chosen = given.length > 0 ? [...new Set(given)] : all
  if (chosen.length === 0 || (given.length === 0 && all.length > 1))
    throw new UsageError(`choose the servers with --server; ${has}`)
  return grantsFor(
    chosen.map((server) => ({ name: server, server })),
    textsOf(flags, 'policy'),
    textsOf(flags, 'tools'),
  )
}

/**
 * Opens everything that the delegation needs, so that a fault is found before the text is sent.
 *
 * @returns the DID of the owner.
 */
async function checkOffer({ home, gateway, name, key }: Offer): Promise<Did> {
  const owner = await openOwner(home, key)
  checkSubject(gateway, join(home, 'owner.key'), owner.signer.did)
  if (await exists(join(home, 'agents', name)))
    throw new UsageError(`this home folder has an agent ${quote(name)} of its own; choose another name`)
  if ((await issuedTo(await openIssued(gateway.vault.file, key), name)).length > 0)
    throw new UsageError(
      `an agent ${quote(name)} has delegations already; end them with \`procura revoke --agent ${name}\`, or choose another name`,
    )
  return owner.signer.did
}

async function waitFor(
  offer: Offer,
  facts: Omit<Invitation, 'port' | 'end' | 'secret' | 'hash'>,
  flags: Flags,
  host: Host,
): Promise<number> {
  const [secret, nonce] = [randomValue(), randomValue()]
  const listener = await listenForJoin(secret, nonce)
  const late = (): unknown => new UsageError('nobody has joined within an hour; nothing is issued, run it again')
  const deadline = startDeadline([host.signal], openSeconds * 1_000, late)
  try {
    const end = systemClock.now() + openSeconds
    const invitation = { ...facts, port: listener.port, end, secret, hash: await hashOf(nonce) }
    const text = writeInvitation(invitation)
    for (const words of offer.grants.flatMap((one) => describeGrant(one))) host.complain(`${offer.name} ${words}`)
    host.complain(
      `send this line, and keep this program open; the other one runs it within an hour (${showDate(end)}):`,
    )
    host.print(flags['json'] === true ? JSON.stringify({ invitation: text, end }) : `procura join ${shellQuoted(text)}`)
    const joining = await listener.joining(deadline.signal)
    const code = await codeOf(joining.did, invitation, nonce)
    if (!(await isConfirmed(code, offer.name, host, deadline.signal))) {
      joining.refuse()
      host.complain('three wrong codes: another one may have used the text; nothing is issued, run it again')
      return 1
    }
    return await issueTo(joining, offer, flags, host)
  } finally {
    deadline.end()
    listener.close()
  }
}

/** Asks for the code: a person who only says yes could say it to anybody. */
async function isConfirmed(code: string, name: string, host: Host, signal: AbortSignal): Promise<boolean> {
  host.complain(`somebody has joined as ${name}; ask the person whom you have invited for the code`)
  for (let wrong = 0; wrong < mostWrong; wrong++) {
    const typed = await host.askHidden('the 6 characters (not shown here): ', signal)
    if (typed === undefined) throw new UsageError('the input was interrupted; nothing is issued')
    if (Buffer.from(typed).toString('utf8').trim().toLowerCase() === code) return true
    host.complain('this is not the code of the one who has joined')
  }
  return false
}

/** Keeps the name of an invited agent for `status`, the log and approvals. */
async function noteName(home: string, did: Did, name: string, lock: HeldLock): Promise<void> {
  const text = JSON.stringify({ ...(await invitedNames(home)), [did]: name }, undefined, 2)
  await replacePrivateFile(invitedFile(home), new TextEncoder().encode(`${text}\n`), lock)
}

async function issueTo(joining: Joining, offer: Offer, flags: Flags, host: Host): Promise<number> {
  const { home, gateway, name, key, grants, expiresIn } = offer
  const made = await inHome(home, async (lock) => {
    await checkOffer(offer)
    if (!joining.isThere()) throw new UsageError('the other program has ended; nothing is issued, run it again')
    const { signer: issuer } = await openOwner(home, key)
    const signed: Delegation[] = []
    for (const { command, policy } of grants)
      signed.push(await delegate({ issuer, audience: joining.did, command, policy, expiresIn }))
    // On record before anybody gets them: `revoke --agent` ends them, also if they are lost on the way.
    const lengths = new Map(signed.map(({ cid }) => [cid.toString(), expiresIn]))
    await noteIssued(await openIssued(gateway.vault.file, key), name, signed, { lengths })
    await recordIssued(home, signed)
    await noteName(home, joining.did, name, lock)
    return signed
  })
  const isTaken = await joining.deliver(encodeContainer(made))
  const about = made.map(({ cid, command }) => ({ delegation: cid.toString(), command }))
  if (flags['json'] === true)
    host.print(JSON.stringify({ agent: name, did: joining.did, joined: isTaken, delegations: about }))
  else for (const { delegation, command } of about) host.print(`delegated ${command} to ${name}: ${delegation}`)
  host.complain(
    isTaken
      ? `${name} is ${joining.did}; \`procura revoke --agent ${name}\` ends its delegations`
      : `the other program has not confirmed its delegations, so end them with \`procura revoke --agent ${name}\`, and invite again`,
  )
  return isTaken ? 0 : 1
}
