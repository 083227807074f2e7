import { readFileSync } from 'node:fs'
import { decode } from '@ipld/dag-cbor'
import { describe, expect, it } from 'vitest'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import type { Decision } from '../../src/core/authorization/decision.ts'
import { type AuthorizeOptions, uncheckedCommands } from '../../src/core/authorization/options.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { encodeContainer, splitContainer } from '../../src/core/container/container.ts'
import { decodeDelegation } from '../../src/core/delegation/decode-delegation.ts'
import { type Did, parseDid } from '../../src/core/did/did.ts'
import { decodeBase64, encodeBase64 } from '../../src/core/ipld/base.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { never } from '../../src/time.ts'
import { root } from '../setup/entries.ts'

const fixtures = `${root}test/fixtures/ucan`
const accept = ['1.0.0', '1.0.0-rc.1'] as const

interface Slash {
  readonly '/': { readonly bytes: string }
}

interface InvocationCase {
  readonly name: string
  readonly invocation: Slash
  readonly proofs: readonly Slash[]
  readonly time: number
  readonly error?: { readonly name: string }
}

/** Names of errors in the fixtures, and our codes. Their invalid signatures have three bytes, which is seen earlier. */
const codes: Readonly<Record<string, readonly string[]>> = {
  InvalidClaim: ['root_not_subject'],
  UnavailableProof: ['proof_missing'],
  Expired: ['expired'],
  TooEarly: ['not_yet_valid'],
  InvalidAudience: ['principal_misaligned'],
  InvalidSubject: ['subject_misaligned'],
  InvalidSignature: ['signature_invalid', 'malformed'],
  MatchError: ['policy_unsatisfied'],
}

for (const version of accept) {
  const { valid, invalid } = readJson(`ucan-wg_spec/${version}/invocation.json`) as {
    readonly valid: readonly InvocationCase[]
    readonly invalid: readonly InvocationCase[]
  }

  describe(`official invocations of ${version}`, () => {
    it('are as many as there were', () => {
      expect([valid.length, invalid.length]).toEqual([7, 13])
    })
    for (const one of valid) {
      it(`allow "${one.name}"`, async () => {
        expect(await decide(one, version)).toMatchObject({ allowed: true })
      })
    }
    for (const one of invalid) {
      it(`refuse "${one.name}" for ${one.error?.name}`, async () => {
        const decision = await decide(one, version)
        expect(codes[one.error?.name ?? '']).toContain(decision.allowed ? 'allowed' : decision.denial.code)
      })
    }
    it('ENV-06 are of a version that is read only when it is asked for', async () => {
      const [first] = valid as readonly [InvocationCase]
      const other = version === '1.0.0' ? '1.0.0-rc.1' : '1.0.0'
      expect(await decide(first, other)).toMatchObject({ denial: { code: 'unsupported', requirement: 'ENV-06' } })
    })
  })

  describe(`official delegations of ${version}`, () => {
    for (const origin of version === '1.0.0'
      ? ['ucan-wg_spec/1.0.0']
      : ['ucan-wg_spec/1.0.0-rc.1', 'ucan-wg_rs-ucan/ucan/tests/fixtures']) {
      it(`of ${origin} have the fields and the CID that they should have`, async () => {
        const file = readJson(`${origin}/delegation.json`) as { readonly valid: readonly DelegationCase[] }
        for (const { token, cid, envelope } of file.valid) {
          const delegation = await decodeDelegation(decodeBase64(token), { accept })
          const { payload } = envelope
          expect(delegation.cid.toString()).toBe(cid)
          expect(delegation).toMatchObject({
            issuer: payload.iss,
            audience: payload.aud,
            subject: payload.sub,
            command: payload.cmd,
            policy: payload.pol,
            expiration: payload.exp,
            algorithm: envelope.alg,
            version,
          })
          expect(encodeBase64(delegation.nonce)).toBe(payload.nonce)
        }
      })
    }
  })
}

describe('official containers', () => {
  const folder = `${fixtures}/ucan-wg_container/testvectors`
  const forms: Readonly<Record<string, boolean>> = {
    Bytes: false,
    BytesGzipped: false,
    Base64StdPadding: true,
    Base64StdPaddingGzipped: true,
    Base64URL: true,
    Base64URLGzipped: true,
  }

  function containerOf(name: string): string | Uint8Array {
    const bytes = new Uint8Array(readFileSync(`${folder}/${name}`))
    return forms[name] === true ? new TextDecoder().decode(bytes) : bytes
  }

  for (const name of Object.keys(forms)) {
    it(`are read in the form ${name}, and hold ten tokens`, async () => {
      const tokens = (await splitContainer(containerOf(name))).map(encodeBase64)
      expect(new Set(tokens).size).toBe(10)
    })

    it(`in the form ${name} hold delegations of varsig 0, which is not read`, async () => {
      const decision = await createAuthorizer(optionsAt(0, parseDid('did:web:example.com'))).authorize(
        containerOf(name),
      )
      expect(decision).toMatchObject({ denial: { code: 'unsupported', requirement: 'ENV-04', detail: { index: 0 } } })
    })
  }
})

it('a powerline delegation of another implementation is read as one', async () => {
  const text = readFileSync(`${fixtures}/ucan-wg_rs-ucan/powerline-delegation.b64`, 'utf8').trim()
  const delegation = await decodeDelegation(decodeBase64(text), { accept })
  expect(delegation).toMatchObject({ subject: anySubject, version: '1.0.0-rc.1', algorithm: 'Ed25519' })
})

interface DelegationCase {
  readonly token: string
  readonly cid: string
  readonly envelope: {
    readonly alg: string
    readonly payload: {
      readonly iss: string
      readonly aud: string
      readonly sub: string
      readonly cmd: string
      readonly pol: readonly unknown[]
      readonly exp: number
      readonly nonce: string
    }
  }
}

/** Decides like the fixtures: the audience decides, and invocations may have no expiration. */
function decide(one: InvocationCase, version: (typeof accept)[number]): Promise<Decision> {
  const tokens = [one.invocation, ...one.proofs].map((slash) => ({ bytes: bytesOf(slash) }))
  const [, body] = decode<[unknown, Record<string, { readonly aud?: string; readonly sub: string }>]>(
    bytesOf(one.invocation),
  )
  const payload = Object.entries(body).find(([tag]) => tag.startsWith('ucan/inv'))?.[1]
  const audience = parseDid(payload?.aud ?? payload?.sub ?? '')
  return createAuthorizer({ ...optionsAt(one.time, audience), accept: [version] }).authorize(encodeContainer(tokens))
}

function optionsAt(time: number, audience: Did): AuthorizeOptions {
  const clock = { now: () => time }
  return {
    audience,
    subjects: anySubject,
    commands: uncheckedCommands,
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    maxInvocationLifetime: never,
    accept,
    clock,
  }
}

/** Bytes in DAG-JSON are in base64 without padding. */
function bytesOf(slash: Slash): Uint8Array {
  const { bytes } = slash['/']
  return decodeBase64(bytes.padEnd(Math.ceil(bytes.length / 4) * 4, '='))
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(`${fixtures}/${path}`, 'utf8'))
}
