import { describe, expect, it } from 'vitest'
import { anySubject } from '../../src/core/capability/subject.ts'
import * as ucanto from '../../src/entries/ucanto.ts'
import { ArgumentError, AttenuationError, MalformedError, ResolutionError, SigningError } from '../../src/errors.ts'
import { inCi } from '../property/runs.ts'
import { actor } from '../support/actors.ts'

const alice = await actor('alice')
const proof = await ucanto.delegate({ issuer: alice, audience: alice.did, command: '/mail' })
const about = { issuer: alice, audience: alice.did }
const revocations = { findRevocations: () => [] }

/** A function with valid arguments. */
type Call = readonly [call: (...args: never[]) => unknown, ...args: readonly unknown[]]

const calls: Readonly<Record<string, Call>> = {
  absentIssuer: [ucanto.absentIssuer, 'did:web:example.com'],
  archive: [ucanto.archive, proof],
  archiveToText: [ucanto.archiveToText, proof],
  attenuate: [ucanto.attenuate, proof, { ...about, command: '/mail/send', attestations: [] }],
  attest: [ucanto.attest, proof, { issuer: alice, authority: alice.did, proofs: [] }],
  decode: [ucanto.decode, await ucanto.archive(proof), { bounds: {} }],
  decodeMessage: [ucanto.decodeMessage, await ucanto.encodeMessage([proof]), { bounds: {} }],
  delegate: [
    ucanto.delegate,
    { ...about, command: '/mail', subject: anySubject, proofs: [], policy: [], attached: [] },
  ],
  encodeMessage: [ucanto.encodeMessage, [proof]],
  execute: [ucanto.execute, proof, { url: 'http://127.0.0.1:1', bounds: {} }],
  invoke: [ucanto.invoke, { ...about, command: '/mail/send', subject: alice.did, args: {}, proofs: [proof], meta: {} }],
  ucantoFormat: [ucanto.ucantoFormat, { resourceArgument: 'resource', attestationAuthorities: [] }],
  ucantoService: [ucanto.ucantoService, { use: () => undefined }, { '/mail/send': () => ({}) }],
  verifyRevocation: [
    ucanto.verifyRevocation,
    await ucanto.archive(proof),
    { audience: alice.did, revocations, find: () => undefined },
  ],
}

const values: readonly unknown[] = [
  ...[undefined, null, true, 1, Number.NaN, 'x', '', 1n, Symbol('x')],
  ...[[], {}, [null], [undefined], ['x'], { a: 1 }, { command: 1 }, () => 1, new Uint8Array(3), new Map(), new Date(0)],
]
const names = [
  ...['issuer', 'audience', 'command', 'subject', 'policy', 'readers', 'proofs', 'notBefore', 'nonce', 'meta', 'args'],
  ...['attached', 'attestations', 'expiresIn', 'expiration', 'clock', 'signal', 'authority', 'url', 'service', 'fetch'],
  ...['resolver', 'limits', 'ownerOf', 'resourceArgument', 'attestationAuthorities', 'revocations', 'find', 'backend'],
  ...['onError', 'clockTolerance', 'maxInvocationLifetime'],
]
const ours = [ArgumentError, AttenuationError, MalformedError, ResolutionError, SigningError]

describe('an invalid argument', () => {
  it('is reported by an error of this library, in every function of procura/ucanto', async () => {
    const functions = Object.entries(ucanto).filter(([, value]) => typeof value === 'function')
    expect(functions.map(([name]) => name).sort()).toEqual(Object.keys(calls).sort())
    const faults: string[] = []
    for (const [name, [call, ...args]] of Object.entries(calls)) {
      for (const [what, wrong] of variants(args)) {
        const error = await thrownBy(() => call(...(wrong as never[])))
        if (error !== undefined && !ours.some((kind) => error instanceof kind)) faults.push(`${name} ${what}: ${error}`)
      }
    }
    expect(faults).toEqual([])
  })
})

async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call()
    return undefined
  } catch (error) {
    return error
  }
}

/** The arguments, with one of them or one of their options replaced. */
function* variants(args: readonly unknown[]): Generator<readonly [string, readonly unknown[]]> {
  for (const [place, argument] of args.entries()) {
    for (const [at, value] of values.entries()) {
      const shown = typeof value === 'object' ? JSON.stringify(value) : String(value)
      yield [`argument ${place} ${shown}`, args.with(place, value)]
      if (Object.getPrototypeOf(argument) !== Object.prototype) continue
      // Each option gets every value in CI, and a fourth of them elsewhere.
      for (const name of names.filter((_, index) => inCi || (index + at) % 4 === 0)) {
        yield [`${name} ${shown}`, args.with(place, { ...(argument as object), [name]: value })]
      }
    }
  }
}
