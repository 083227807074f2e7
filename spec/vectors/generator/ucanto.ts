// node only: uses node:crypto
/**
 * Calls in UCAN 0.9.1, made with the libraries of that ecosystem and then changed by hand.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import { type API, Delegation, delegate, UCAN } from '@ucanto/core'
import { Absentee, ed25519 } from '@ucanto/principal'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'

/** A call, and what a service says that reads this format. */
export interface UcantoCase {
  readonly name: string
  /** The requirement that refuses it; absent when it is in order. */
  readonly requirement?: string
  /** The archive as text: `m…`, base64 without padding. */
  readonly container: string
  /** The moment of the decision, in seconds, with a clock tolerance of 0. */
  readonly time: number
  /** The service, which acts for every subject and does not know its commands. */
  readonly audience: string
  /** Whose `ucan/attest` counts there; absent for nobody's. */
  readonly attestationAuthorities?: readonly string[]
  /** Names of delegations that its operator has revoked; absent for none. */
  readonly revoked?: readonly string[]
  readonly expected: { readonly allowed: true } | { readonly allowed: false; readonly code: string }
}

type Fields = Record<string, unknown>
interface Block {
  readonly cid: CID
  readonly bytes: Uint8Array
}

const time = 1_800_000_000
const expiration = time + 100

/** The cases, the same every time. */
export async function ucantoCases(): Promise<readonly UcantoCase[]> {
  const [alice, bob, carol, service] = await Promise.all(['alice', 'bob', 'carol', 'service'].map(principal))
  if (!alice || !bob || !carol || !service) throw new Error('four principals')
  const mail = { can: 'mail/send', with: alice.did() } as API.Capability

  const give = (
    capability: API.Capability,
    change: Partial<Parameters<typeof delegate>[0]> = {},
  ): Promise<API.Delegation> =>
    delegate({ issuer: alice, audience: bob, capabilities: [capability], expiration, ...change })
  const ask = async (
    issuer: API.Signer,
    forms: readonly Block[],
    capability = mail,
    earlier: readonly Block[] = [],
    nonce = 'nonce of the call',
  ): Promise<string> => {
    const proofs = forms.map((form) => Delegation.create({ root: form as unknown as API.UCANBlock, blocks: new Map() }))
    const options = {
      issuer,
      audience: service,
      capabilities: [capability],
      proofs,
      expiration,
      ...(nonce === '' ? {} : { nonce }),
    }
    const call = (await delegate(options as unknown as Parameters<typeof delegate>[0])).root as unknown as Block
    return archive([...earlier, ...forms, call])
  }
  const fine = (name: string, container: string): UcantoCase => ({
    name,
    container,
    time,
    audience: service.did(),
    expected: { allowed: true },
  })
  const wrong = (name: string, requirement: string, code: string, container: string): UcantoCase => ({
    name,
    requirement,
    container,
    time,
    audience: service.did(),
    expected: { allowed: false, code },
  })

  const trusting = (one: UcantoCase): UcantoCase => ({ ...one, attestationAuthorities: [service.did()] })

  const proof = await give(mail)
  const root = rootOf(proof)
  const bytesProof = await give({ ...mail, nb: { note: Uint8Array.of(0, 0, 0) } } as API.Capability)
  const all = await give({ can: '*', with: 'ucan:*' }, { issuer: bob, audience: carol })
  const fields = dagCbor.decode<Fields>(root.bytes)
  const changed = (change: Fields): Block => block(dagCbor.encode({ ...fields, ...change }))
  const entry = (fields.att as Fields[])[0] as Fields
  const jwt = new TextEncoder().encode(UCAN.format(proof.data))
  const onlyBob = rootOf(await give({ ...mail, nb: { to: 'bob' } } as API.Capability))
  const asking = (nb: object): API.Capability => ({ ...mail, nb }) as API.Capability
  const again = await give(mail, { nonce: 'again' })
  const forged = changed({ s: Buffer.concat([(fields.s as Uint8Array).subarray(0, 4), new Uint8Array(64).fill(1)]) })
  const content = block(dagCbor.encode(['a', 'list', 'of', 'pieces']))

  const account = Absentee.from({ id: 'did:mailto:example.com:alice' })
  const theirs = { can: 'mail/send', with: account.did() } as API.Capability
  const login = rootOf(await give(theirs, { issuer: account }))
  const other = rootOf(await give(theirs, { issuer: account, nonce: 'another' }))
  const attest = async (
    { cid }: Block,
    change: Partial<Parameters<typeof delegate>[0]> = {},
    authority: API.DID = service.did(),
    nb: object = {},
  ): Promise<Block> => {
    const attestation = { can: 'ucan/attest', with: authority, nb: { proof: cid, ...nb } } as API.Capability
    return rootOf(await give(attestation, { issuer: service, ...change }))
  }
  const oracle = await give({ can: 'ucan/attest', with: service.did() }, { issuer: service, audience: carol })
  const session = await attest(login)
  const deputy = Absentee.from({ id: 'did:mailto:example.com:deputy' })
  const given = rootOf(await give({ can: 'ucan/attest', with: service.did() }, { issuer: service, audience: deputy }))
  const unsigned = await attest(login, { issuer: deputy, proofs: [given.cid] as never })
  const loggedIn = (proofs: readonly Block[], earlier: readonly Block[] = []): Promise<string> =>
    ask(bob, proofs, theirs, earlier)

  return [
    fine('by the owner', await ask(alice, [])),
    fine('over one delegation', await ask(bob, [root])),
    fine('over `mail/*`', await ask(bob, [rootOf(await give({ ...mail, can: 'mail/*' }))])),
    fine(
      'over everything that somebody has',
      await ask(
        carol,
        [rootOf(await give({ can: '*', with: 'ucan:*' }, { issuer: bob, audience: carol, proofs: [proof.cid] }))],
        mail,
        [root],
      ),
    ),
    fine('with a condition that holds', await ask(bob, [onlyBob], asking({ to: 'bob' }))),
    wrong('with another field', 'UCT-10', 'malformed', await ask(bob, [changed({ more: 1 })])),
    wrong('of another version', 'UCT-11', 'unsupported', await ask(bob, [changed({ v: '0.9.2' })])),
    wrong(
      'with a map that is signed as bytes are',
      'UCT-13',
      'malformed',
      await ask(bob, [
        block(
          dagCbor.encode({
            ...dagCbor.decode<Fields>(rootOf(bytesProof).bytes),
            att: [{ ...entry, nb: { note: { '/': { bytes: 'AAAA' } } } }],
          }),
        ),
      ]),
    ),
    wrong('with the JWT for the token', 'UCT-14', 'unsupported', await ask(bob, [block(jwt)])),
    wrong('with a key in text', 'UCT-16', 'malformed', await ask(bob, [changed({ iss: text(alice.did()) })])),
    wrong(
      'with bytes behind the signature',
      'UCT-18',
      'malformed',
      await ask(bob, [changed({ s: Buffer.concat([fields.s as Uint8Array, Uint8Array.of(0)]) })]),
    ),
    wrong(
      'with capitals in `can`',
      'UCT-21',
      'malformed',
      await ask(bob, [changed({ att: [{ ...entry, can: 'MAIL/send' }] })]),
    ),
    wrong('with `nbf: 0`', 'UCT-26', 'malformed', await ask(bob, [changed({ nbf: 0 })])),
    wrong('with `nnc: ""`', 'UCT-27', 'malformed', await ask(bob, [changed({ nnc: '' })])),
    wrong('with `fct: []`', 'UCT-28', 'malformed', await ask(bob, [changed({ fct: [] })])),
    wrong(
      'with the JWT under its name',
      'UCT-03',
      'unsupported',
      await ask(bob, [{ cid: nameOf(jwt, 0x55), bytes: jwt }]),
    ),
    wrong(
      'with the name of other bytes',
      'UCT-04',
      'malformed',
      await ask(bob, [{ cid: nameOf(jwt), bytes: root.bytes }]),
    ),
    wrong(
      'that cites itself',
      'UCT-61',
      'malformed',
      await ask(bob, [{ cid: nameOf(jwt), bytes: changed({ prf: [nameOf(jwt)] }).bytes }]),
    ),
    wrong('with an identity CID', 'UCT-20', 'unsupported', await ask(bob, [identityOf(root.bytes)])),
    wrong('with a block too many', 'UCT-05', 'malformed', await ask(bob, [root], mail, [rootOf(all)])),
    wrong(
      'below what was given',
      'UCT-31',
      'command_not_covered',
      await ask(bob, [root], { ...mail, can: 'mail/send/now' }),
    ),
    wrong(
      'over another resource',
      'UCT-32',
      'subject_misaligned',
      await ask(bob, [root], { ...mail, with: carol.did() }),
    ),
    wrong('by nobody with a proof', 'UCT-33', 'root_not_subject', await ask(bob, [])),
    wrong(
      'with an argument of another type',
      'PRF-11',
      'policy_unsatisfied',
      await ask(bob, [onlyBob], asking({ to: ['bob'] })),
    ),
    wrong('without the argument that is asked for', 'PRF-11', 'policy_unsatisfied', await ask(bob, [onlyBob])),
    wrong('for somebody else', 'UCT-39', 'principal_misaligned', await ask(carol, [root])),
    fine('with a proof that nobody signed, and one that is signed', await ask(bob, [forged, root])),
    {
      ...fine('with a proof that is revoked, and one that is not', await ask(bob, [root, rootOf(again)])),
      revoked: [root.cid.toString()],
    },
    {
      ...wrong('with proofs that are revoked', 'RVK-05', 'revoked', await ask(bob, [root, rootOf(again)])),
      revoked: [root.cid.toString(), again.cid.toString()],
    },
    fine('with a block that an argument links to', await ask(alice, [], asking({ list: content.cid }), [content])),
    wrong(
      'with a block that no argument links to',
      'UCT-05',
      'malformed',
      await ask(alice, [], asking({ list: root.cid }), [content]),
    ),
    wrong('without a nonce', 'UCT-29', 'nonce_too_short', await ask(alice, [], mail, [], '')),
    trusting(fine('by an agent of somebody without a key', await loggedIn([login, session]))),
    trusting(
      fine(
        'with an attestation by somebody whom the authority gave that',
        await loggedIn([login, await attest(login, { issuer: carol, proofs: [oracle.cid] })], [rootOf(oracle)]),
      ),
    ),
    trusting(wrong('without an attestation', 'UCT-49', 'signature_invalid', await loggedIn([login]))),
    wrong('with an attestation where none counts', 'UCT-51', 'signature_invalid', await loggedIn([login, session])),
    trusting(
      wrong(
        'with an attestation in the name of somebody else',
        'UCT-51',
        'signature_invalid',
        await loggedIn([login, await attest(login, { issuer: alice }, alice.did())]),
      ),
    ),
    trusting(
      wrong(
        'with an attestation of another delegation',
        'UCT-52',
        'signature_invalid',
        await loggedIn([login, await attest(other)]),
      ),
    ),
    trusting(
      wrong(
        'with an attestation for somebody else',
        'UCT-53',
        'principal_misaligned',
        await loggedIn([login, await attest(login, { audience: carol })]),
      ),
    ),
    trusting(
      wrong(
        'with an attestation of their own',
        'UCT-54',
        'root_not_subject',
        await loggedIn([login, await attest(login, { issuer: bob })]),
      ),
    ),
    trusting(
      wrong(
        'with an attestation that is attested itself',
        'UCT-55',
        'signature_invalid',
        await loggedIn([login, unsigned, await attest(unsigned)], [given]),
      ),
    ),
    trusting(
      wrong(
        'with an attestation that has expired',
        'UCT-56',
        'expired',
        await loggedIn([login, await attest(login, { expiration: time - 1 })]),
      ),
    ),
    {
      ...trusting(wrong('with an attestation that is revoked', 'UCT-57', 'revoked', await loggedIn([login, session]))),
      revoked: [session.cid.toString()],
    },
    trusting(
      wrong(
        'with an attestation that says more',
        'UCT-59',
        'signature_invalid',
        await loggedIn([login, await attest(login, {}, service.did(), { also: true })]),
      ),
    ),
    trusting(
      wrong(
        'by somebody without a key, who cannot call',
        'UCT-50',
        'malformed',
        await ask(account as unknown as API.Signer, [], theirs),
      ),
    ),
  ]
}

function principal(name: string): Promise<ed25519.EdSigner> {
  return ed25519.derive(new Uint8Array(createHash('sha256').update(`procura ucanto vector ${name}`).digest()))
}

function rootOf(delegation: API.Delegation): Block {
  return delegation.root as unknown as Block
}

function nameOf(bytes: Uint8Array, codec = 0x71): CID {
  return CID.createV1(codec, createDigest(0x12, createHash('sha256').update(bytes).digest()))
}

function block(bytes: Uint8Array): Block {
  return { cid: nameOf(bytes), bytes }
}

/** A block whose name is what it holds. */
function identityOf(bytes: Uint8Array): Block {
  return { cid: CID.createV1(0x71, createDigest(0x00, bytes)), bytes }
}

function text(did: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(0x9d, 0x1a), Buffer.from(did.slice(4))])
}

/** The archive of tokens, about the last of them, as text. */
function archive(tokens: readonly Block[]): string {
  const head = block(dagCbor.encode({ 'ucan@0.9.1': tokens.at(-1)?.cid }))
  const header = dagCbor.encode({ version: 1, roots: [head.cid] })
  const sections = [head, ...tokens].map(({ cid, bytes }) => Buffer.concat([cid.bytes, bytes]))
  const car = Buffer.concat([header, ...sections].flatMap((bytes) => [varint(bytes.length), bytes]))
  return `m${car.toString('base64').replaceAll('=', '')}`
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Uint8Array.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}
