import { describe, expect, it } from 'vitest'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { gt } from '../../src/core/capability/policy/build.ts'
import {
  absentIssuer,
  archive,
  attenuate,
  attest,
  decode,
  delegate,
  invoke,
  type UcantoToken,
} from '../../src/entries/ucanto.ts'
import { actor, clock, now } from '../support/actors.ts'
import { service } from '../support/service.ts'
import { ownOptions } from './peers.ts'

const [alice, bob, carol] = [await actor('alice'), await actor('bob'), await actor('carol')]
const account = absentIssuer('did:mailto:example.com:alice')
const grant = await delegate({ issuer: alice, audience: bob.did, command: '/mail/send', clock })

/** With names for DIDs. */
function readable(message: string): string {
  const names = Object.entries({ ALICE: alice, BOB: bob, CAROL: carol, SERVICE: service })
  return names.reduce((text, [name, { did }]) => text.replaceAll(did, name), message)
}

/** The message of the denial of a call by bob. */
async function denialOf(
  proofs: readonly UcantoToken[],
  change: Partial<Parameters<typeof invoke>[0]> = {},
  included = true,
): Promise<string> {
  const asked = { issuer: bob, audience: service.did, command: '/mail/send', subject: alice.did, proofs, clock }
  const token = await invoke({ ...asked, ...change })
  const bytes = await archive(included ? token : { ...token, included: new Map() })
  const options = ownOptions({ audience: service.did, clock }, { attestationAuthorities: [service.did] })
  const decision = await createAuthorizer(options).authorize(bytes)
  return decision.allowed ? 'allowed' : readable(decision.denial.message)
}

async function errorOf(work: () => Promise<unknown>): Promise<string> {
  return work().then(
    () => 'no error',
    (error: Error) => readable(error.message),
  )
}

describe('a message about a token of 0.9.1 names the fault and the remedy', () => {
  it.each<[string, () => Promise<string>, string]>([
    [
      'an invocation without proofs',
      () => denialOf([]),
      'BOB has no proof for resources of ALICE; send the delegations that lead from the owner to the invoker',
    ],
    [
      'a proof that was left out',
      () => denialOf([grant], {}, false),
      'the archive does not contain 1 of the named proofs; include them',
    ],
    [
      'another command',
      () => denialOf([grant], { command: '/mail/read' }),
      'no capability of the delegation by ALICE covers `/mail/read`; ask for a delegation that does',
    ],
    [
      'another resource',
      () => denialOf([grant], { subject: carol.did }),
      'the delegation by ALICE does not cover the resource of the invocation; ask for a delegation that does',
    ],
    [
      'a call without a nonce',
      () => denialOf([grant], { nonce: new Uint8Array(0) }),
      'the invocation has no nonce, because clients of ucanto write one only on request; to accept such calls, mark the command as idempotent or set `minimumNonceBytes` to 0',
    ],
    [
      'a login without an attestation',
      async () => {
        const login = await delegate({ issuer: account, audience: bob.did, command: '/mail/send', clock })
        return denialOf([login], { subject: account.did })
      },
      'the delegation by did:mailto:example.com:alice is not signed, and no session attests it; include the attestation of an accepted authority',
    ],
    [
      'an attestation that expired',
      async () => {
        const login = await delegate({ issuer: account, audience: bob.did, command: '/mail/send', clock })
        const session = await attest(login, { issuer: service, expiration: now - 100 })
        return denialOf([login, session], { subject: account.did })
      },
      `delegation 1 of 1, by did:mailto:example.com:alice: the attestation expired at ${shown(now - 100)}; it is now ${shown(now)}; ask the authority for a new one`,
    ],
    [
      'a delegation that outlives its proof',
      () => errorOf(() => attenuate(grant, { issuer: bob, audience: carol.did, expiration: now + 90_000 })),
      `the delegation would outlive its proof, which expires at ${shown(now + 3_600)}; choose an earlier \`expiration\`, or a shorter \`expiresIn\``,
    ],
    [
      'a delegation on an expired proof',
      () => errorOf(() => attenuate(grant, { issuer: bob, audience: carol.did, clock: { now: () => now + 3_601 } })),
      `the proof expired at ${shown(now + 3_600)}; ask its issuer for a new delegation`,
    ],
    [
      'a delegation of a broader command',
      () => errorOf(() => attenuate(grant, { issuer: bob, audience: carol.did, command: '/mail' })),
      'the proof does not grant `mail/*` over its resource; choose a `command` and `subject` that it grants',
    ],
    [
      'a condition that other verifiers ignore',
      () => {
        const policy = [gt('.size', 1)]
        return errorOf(() => delegate({ issuer: alice, audience: bob.did, command: '/mail', policy }))
      },
      "`policy` cannot be written as plain `nb`, and verifiers without this library would ignore it; if none of them reads the token, set `readers: 'procura'`",
    ],
    [
      'text that is not an archive',
      () => errorOf(() => decode('hello')),
      'the text is not an archive in base64, base64url, or multibase `m` or `u`',
    ],
  ])('for %s', async (_, message, expected) => {
    expect(await message()).toBe(expected)
  })
})

function shown(time: number): string {
  return `${new Date(time * 1000).toISOString().replace('.000Z', 'Z')} (${time})`
}
