import { createHash } from 'node:crypto'
import { Point } from '@noble/ed25519'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bigEndian, toBigEndian } from '../../../src/core/did/curves/big-endian.ts'
import type { PublicKey } from '../../../src/core/did/public-key.ts'
import type { CryptoBackend, PreparedKey } from '../../../src/core/principal/backend/backend.ts'
import { backend as node } from '../../../src/core/principal/backend/node.ts'
import type { BackendChoice } from '../../../src/core/principal/pool/choose-backend.ts'
import { createDispatcher, type Dispatcher } from '../../../src/core/principal/pool/dispatcher.ts'
import { createVerificationPool, type VerificationPool } from '../../../src/core/principal/pool/verification-pool.ts'
import { startThread } from '../../../src/core/principal/pool/verification-thread.ts'
import { twinSignature } from '../../../src/core/principal/signature.ts'
import * as root from '../../../src/entries/index.ts'
import * as stores from '../../../src/entries/store/memory.ts'
import { inCi, shortCases, shortRuns } from '../../property/runs.ts'
import { type SmokeReport, smoke } from '../../setup/smoke.ts'
import { accepted, readSuites } from '../../setup/vectors.ts'
import { type SignatureVector, shortWycheproof, speccheck, verdict, wycheproof } from './crypto-vectors.ts'
import { bundlePoolScript, type PoolScript, sodium } from './pool-script.ts'

const choices: readonly { readonly name: string; readonly choice: BackendChoice }[] = [
  { name: 'node', choice: 'node' },
  { name: 'noble', choice: 'noble' },
  { name: 'sodium', choice: { sodium } },
]

let script: PoolScript

beforeAll(async () => {
  script = await bundlePoolScript()
})

afterAll(() => script.remove())

describe.each(choices)('threads with the back end $name', ({ choice }) => {
  let dispatcher: Dispatcher
  let backend: CryptoBackend

  beforeAll(async () => {
    dispatcher = createDispatcher({
      threads: 2,
      maxPending: 1000,
      maxRestarts: 0,
      startThread: () => startThread({ script: script.url, backend: choice, answerTimeoutMs: 10_000 }),
      onError: (error) => {
        throw error
      },
    })
    await dispatcher.start()
    backend = threadsAlone(dispatcher)
  })

  afterAll(() => dispatcher.close())

  it('SIG-02 accept the 88 valid of the 151 Ed25519 vectors of Wycheproof [attack 55]', async () => {
    const names = await acceptedOf(backend, wycheproof('Ed25519'))
    expect(names).toHaveLength(88)
    expect(names).toEqual(namesOfValid(wycheproof('Ed25519')))
  })

  it('SIG-04 accept case 3 alone of the twelve cases on which libraries disagree [attack 57]', async () => {
    expect(await acceptedOf(backend, speccheck())).toEqual(['speccheck 3'])
  })

  it('SIG-04 judge keys and R with a part of order 8 as the calling thread does [attack 57]', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.bigInt(1n, Point.CURVE().n - 1n),
        fc.bigInt(1n, Point.CURVE().n - 1n),
        fc.nat(7),
        fc.nat(7),
        async (secret, nonce, keyPart, rPart) => {
          const vector = signedWithTorsion(secret, nonce, keyPart, rPart)
          expect(await verdict(backend, vector)).toBe(await verdict(node, vector))
        },
      ),
      { ...shortRuns(30), examples: [[5n, 7n, 1, 0]] },
    )
  })

  it.each(['ES256', 'ES256K'] as const)(
    'SIG-05 accept exactly the valid %s vectors of Wycheproof',
    async (algorithm) => {
      const vectors = shortWycheproof(algorithm)
      expect(await acceptedOf(backend, vectors)).toEqual(namesOfValid(vectors))
    },
  )

  it.each(['ES256', 'ES256K'] as const)('SIG-06 accept %s with either s [attack 58]', async (algorithm) => {
    const valid = shortWycheproof(algorithm).filter((vector) => vector.valid)
    const twins = valid.map((vector) => ({ ...vector, signature: twinSignature(algorithm, vector.signature)! }))
    expect(await acceptedOf(backend, twins)).toEqual(namesOfValid(valid))
  })
})

describe('a pool', () => {
  // Vectors of one kind follow each other in a file.
  const suites = Object.fromEntries(
    Object.entries(readSuites()).map(([name, vectors]) => [name, shortCases(vectors, () => name)]),
  )
  let expected: SmokeReport['verdicts']

  beforeAll(async () => {
    expected = (await smoke({ ...root, ...stores }, node, suites)).verdicts
  })

  it.each(choices)('agrees with the platform on the vectors of every suite, on $name', async ({ choice }) => {
    await using pool = await createVerificationPool({ threads: 2, backend: choice, script: script.url })
    const { verdicts } = await smoke({ ...root, ...stores }, onThreads(pool), suites)
    expect(verdicts).toEqual(expected)
    if (inCi) expect(countsOf(verdicts)).toEqual(accepted)
  })
})

/** The verdicts of the threads alone: fails where they leave a signature to the calling thread. */
function threadsAlone({ ask }: Dispatcher): CryptoBackend {
  return {
    name: 'threads alone',
    sha256: node.sha256,
    prepareKey: ({ did }: PublicKey) => new TextEncoder().encode(did) as unknown as PreparedKey,
    verify: (key, signature, message) =>
      ask({ key: key as unknown as Uint8Array, signature, message }, () => {
        throw new Error('no thread answered')
      }),
  }
}

/** How many vectors of each suite were accepted. */
function countsOf(verdicts: SmokeReport['verdicts']): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(verdicts).map(([name, letters]) => [name, letters.split('A').length - 1] as const),
  )
}

/** A pool that is never asked to verify at once. */
function onThreads(pool: VerificationPool): CryptoBackend {
  return { ...pool, verify: (...question) => pool.verifyAsync?.(...question) ?? false }
}

/** Asks all at once, so that they go in batches. */
async function acceptedOf(backend: CryptoBackend, vectors: readonly SignatureVector[]): Promise<string[]> {
  const answers = await Promise.all(vectors.map((vector) => verdict(backend, vector)))
  return vectors.filter((_, at) => answers[at]).map(({ name }) => name)
}

function namesOfValid(vectors: readonly SignatureVector[]): string[] {
  return vectors.filter(({ valid }) => valid).map(({ name }) => name)
}

/** A signature that would hold with the cofactor, of a key and with an R that may have a part of small order. */
function signedWithTorsion(secret: bigint, nonce: bigint, keyPart: number, rPart: number): SignatureVector {
  const torsion = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
  const message = Uint8Array.of(1, 2, 3)
  const key = Point.BASE.multiply(secret)
    .add(torsion.multiply(BigInt(keyPart), false))
    .toBytes()
  const r = Point.BASE.multiply(nonce)
    .add(torsion.multiply(BigInt(rPart), false))
    .toBytes()
  const k = littleEndian(createHash('sha512').update(r).update(key).update(message).digest()) % Point.CURVE().n
  const s = toBigEndian((nonce + k * secret) % Point.CURVE().n).reverse()
  const signature = Uint8Array.of(...r, ...s)
  return { name: '', algorithm: 'Ed25519', key, message, signature, valid: false }
}

function littleEndian(bytes: Uint8Array): bigint {
  return bigEndian(Uint8Array.from(bytes).reverse(), 0, bytes.length)
}
