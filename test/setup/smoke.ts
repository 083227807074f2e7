/**
 * Runs on every platform to compare them: public vectors of signatures, our own of tokens, and one flow from delegation
 * to decision. Needs neither Node nor a test runner.
 *
 * @module
 */

import type * as Root from 'procura'
import type * as MemoryStores from 'procura/store/memory'
import type { Vector as TokenVector } from '../../spec/vectors/generator/vector.ts'
import { publicKey } from '../../src/core/did/did-key.ts'
import type { PublicKey, SignatureAlgorithm } from '../../src/core/did/public-key.ts'
import type { CryptoBackend } from '../../src/core/principal/backend/backend.ts'
import { verifySignature, verifySignatureAsync } from '../../src/core/principal/signature.ts'
import { decideVectors } from './decisions.ts'

/** A signature that somebody else published, with the key and the message. */
export interface Vector {
  readonly algorithm: SignatureAlgorithm
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** Named sets of vectors. */
export type Suites = Readonly<Record<string, readonly Vector[]>>

/** The root entry and the memory stores, as the platform loads them. */
export type SmokeApi = typeof Root & typeof MemoryStores

/** The results of a platform; two platforms agree when they are equal, except the name of the back end. */
export interface SmokeReport {
  readonly backend: string
  /**
   * For each suite one letter a vector: A for accepted, x for refused, ! for a back end that failed, or whose threads
   * disagree.
   */
  readonly verdicts: Readonly<Record<string, string>>
  /** The decision about each vector of tokens; see {@link decideVectors}. */
  readonly decisions: readonly string[]
  /** The decision for each step of the flow. */
  readonly flow: readonly string[]
}

/** Runs all of it. */
export async function smoke(
  api: SmokeApi,
  backend: CryptoBackend,
  suites: Suites,
  tokens: readonly TokenVector[] = [],
): Promise<SmokeReport> {
  const verdicts: Record<string, string> = {}
  for (const [name, vectors] of Object.entries(suites)) {
    verdicts[name] = ''
    for (const vector of vectors) verdicts[name] += await judge(backend, vector)
  }
  const decisions = await decideVectors(api, backend, tokens)
  return { backend: backend.name, verdicts, decisions, flow: await flows(api) }
}

/** A key that is refused when it is parsed refuses its signatures. */
async function judge(backend: CryptoBackend, vector: Vector): Promise<'A' | 'x' | '!'> {
  let key: PublicKey
  try {
    key = publicKey(vector.algorithm, vector.key)
  } catch {
    return 'x'
  }
  try {
    const prepared = await backend.prepareKey(key)
    const { signature, message } = vector
    const here = await verifySignature(backend, key, prepared, signature, message)
    const elsewhere = await verifySignatureAsync(backend, key, prepared, signature, message)
    if (here !== elsewhere) return '!'
    return here ? 'A' : 'x'
  } catch {
    return '!'
  }
}

async function flows(api: SmokeApi): Promise<string[]> {
  const lines: string[] = []
  for (const algorithm of ['Ed25519', 'ES256', 'ES256K'] as const) lines.push(...(await flow(api, algorithm)))
  return lines
}

async function flow(api: SmokeApi, algorithm: SignatureAlgorithm): Promise<string[]> {
  const [mailbox, planner, mailer, service] = await Promise.all(
    Array.from({ length: 4 }, () => api.generateSigner({ algorithm })),
  )
  if (!mailbox || !planner || !mailer || !service) throw new Error('no signers')
  const grant = await api.delegate({ issuer: mailbox, audience: planner.did, command: '/mail' })
  const narrow = await api.attenuate(grant, {
    issuer: planner,
    audience: mailer.did,
    command: '/mail/send',
    policy: [['like', '.to', '*@example.com']],
  })
  const seen = new Set<string>()
  const authorizer = api.createAuthorizer({
    audience: service.did,
    subjects: [mailbox.did],
    commands: api.uncheckedCommands,
    revocations: { findRevocations: () => [] },
    replay: { claim: (key) => !seen.has(key) && seen.add(key).has(key) },
  })
  const call = async (to: string, proofs = [grant, narrow], command = '/mail/send'): Promise<string> =>
    api.encodeContainer([
      await api.invoke({ issuer: mailer, audience: service.did, command, args: { to }, proofs }),
      ...proofs,
    ])
  const good = await call('bob@example.com')
  const lines: string[] = []
  const containers: Readonly<Record<string, string>> = {
    good,
    again: good,
    'other address': await call('eve@evil.test'),
    'other command': await call('bob@example.com', [grant, narrow], '/mail/read'),
    'other chain': await call('bob@example.com', [grant]),
    'no container': good.slice(0, -4),
  }
  for (const [name, container] of Object.entries(containers)) {
    const decision = await authorizer.authorize(container)
    lines.push(`${algorithm} ${name}: ${decision.allowed ? 'allowed' : decision.denial.code}`)
  }
  return lines
}
