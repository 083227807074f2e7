/**
 * Tokens are made of values that lie: getters and proxies that change between two reads, bytes over shared memory, and
 * objects with other prototypes. A maker refuses them before it signs, or signs a token that every strict reader reads
 * as the returned object.
 *
 * @module
 */
import { createHash, createPublicKey, verify } from 'node:crypto'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { expect, it } from 'vitest'
import { attenuate } from '../../src/core/delegation/attenuate.ts'
import { decodeDelegation } from '../../src/core/delegation/decode-delegation.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { decodeInvocation } from '../../src/core/invocation/decode-invocation.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { issueReceipt } from '../../src/core/receipt/issue-receipt.ts'
import { verifyReceipt } from '../../src/core/receipt/verify-receipt.ts'
import { revoke } from '../../src/core/revocation/revoke.ts'
import { ProcuraError } from '../../src/errors.ts'
import { never } from '../../src/time.ts'
import { decodeStrict } from '../reference/cbor.ts'
import { actor, clock, now } from '../support/actors.ts'
import type { Runs } from './runs.ts'

type Options = Record<string, unknown>

/** A way to make a token, with options that it accepts. */
interface Maker {
  readonly name: string
  readonly options: () => Options
  readonly make: (options: Options) => Promise<{ readonly bytes: Uint8Array; readonly cid: CID }>
}

/** An error of a hostile value. */
class Spite extends Error {}

const [alice, bob] = [await actor('alice'), await actor('bob')]
const grant = await delegate({ issuer: alice, audience: alice.did, command: '/mail', expiration: never, clock })

/** Counts signatures. It is frozen and its own, like every signer of the library, so its token is read back. */
function counted(signer: Signer, signatures: Uint8Array[]): Signer {
  const { did, algorithm, publicKey } = signer
  const sign = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const signature = await signer.sign(bytes)
    signatures.push(signature)
    // ENV-08: the signer has a copy.
    bytes.fill(0)
    return signature
  }
  return { did, algorithm, publicKey, sign }
}

const meta = (): Options => ({ note: 'a', list: [1, { bytes: Uint8Array.of(1, 2) }], link: grant.cid })
const common = (): Options => ({ clock, meta: meta(), nonce: new Uint8Array(12).fill(7) })

const makers: readonly Maker[] = [
  {
    name: 'delegate',
    options: () => ({
      ...common(),
      audience: bob.did,
      command: '/mail/send',
      policy: [
        ['like', '.to', '*@example.com'],
        ['==', '.x', { a: [Uint8Array.of(1), grant.cid] }],
        ['not', ['<', '.n', 5]],
      ],
      expiresIn: 60,
      notBefore: now,
    }),
    make: (options) => delegate(options as never),
  },
  {
    name: 'attenuate',
    options: () => ({ ...common(), audience: bob.did, command: '/mail/send', policy: [['==', '.x', [null, 'y']]] }),
    make: (options) => attenuate(grant, options as never),
  },
  {
    name: 'invoke',
    options: () => ({
      ...common(),
      audience: bob.did,
      subject: alice.did,
      command: '/mail/send',
      args: { to: 'ann', n: -1.5, deep: [{ a: [Uint8Array.of(3)] }], link: grant.cid },
      proofs: [grant],
      cause: grant.cid,
      expiration: now + 60,
    }),
    make: (options) => invoke(options as never),
  },
  {
    name: 'issueReceipt',
    options: () => ({ clock, meta: meta(), task: grant.cid, outcome: { ok: { a: [1, Uint8Array.of(1)] } } }),
    make: (options) => {
      Object.defineProperty(options, 'executor', { enumerable: true, value: options['issuer'] })
      delete options['issuer']
      return issueReceipt(options as never)
    },
  },
  {
    name: 'revoke',
    options: () => ({ delegation: grant, path: [{ cid: grant.cid }], subject: bob.did, proofs: [grant] }),
    make: (options) => revoke(options as never),
  },
]

class Impostor extends Uint8Array {
  override get length(): number {
    return 3
  }
}

class Instance {
  readonly a = 1
}

const cycle: unknown[] = []
cycle.push(cycle)

/** Values in the place of another. */
const others: readonly ((old: unknown) => unknown)[] = [
  () => undefined,
  () => null,
  () => '',
  () => '\ud800',
  () => 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  () => `did:web:${'a'.repeat(200)}`,
  () => '/Mail',
  () => '/',
  () => Number.NaN,
  () => -0,
  () => 2 ** 53,
  () => 1.5,
  () => now + 10,
  () => 5n,
  () => Symbol('x'),
  () => () => 1,
  () => new Date(0),
  () => new Map([['a', 1]]),
  () => new Instance(),
  () => new String('a'),
  () => JSON.parse('{"__proto__":{"a":1}}'),
  () => Object.create({ a: 1 }),
  () => Object.assign(Object.create(null), { a: 1 }),
  () => ({ '/': 'bafy', bytes: 'x' }),
  () => ({
    get asCID() {
      return this
    },
  }),
  () => cycle,
  () => Array.from({ length: 3 }),
  () => Object.assign(new Array(3), { 0: 1, 2: 2 }),
  () => Array.from({ length: 40 }).reduce<unknown>((inner) => [inner], 1),
  () => 'x'.repeat(70_000),
  () => new Impostor(20).fill(5),
  () => Buffer.from('0123456789abcdef'),
  () => new Uint8Array(new SharedArrayBuffer(16)),
  () => new Uint8ClampedArray(16),
  () => CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'),
  (old) => Promise.resolve(old),
  (old) => [old],
  (old) => ({ a: old, b: old }),
  () => Object.assign(['==', '.x', 1], { extra: 1 }),
  () => Object.assign(() => 1, { a: 1 }),
]

/** Makes a property answer differently at each read. */
function flipping(values: readonly unknown[]): PropertyDescriptor {
  let reads = 0
  return { enumerable: true, configurable: true, get: () => values[Math.min(reads++, values.length - 1)] }
}

/** A proxy whose answers change with their number. */
function lying(target: object, other: object, after: number): object {
  let asked = 0
  const now = (): object => (asked++ < after ? target : other)
  return new Proxy(Array.isArray(target) ? [] : {}, {
    get: (_, name) => Reflect.get(now(), name),
    ownKeys: (shadow) => [...new Set([...Reflect.ownKeys(now()), ...(Array.isArray(shadow) ? ['length'] : [])])],
    getOwnPropertyDescriptor: (_, name) => {
      const found = Reflect.getOwnPropertyDescriptor(now(), name)
      return found && { ...found, configurable: name !== 'length' }
    },
  })
}

/** One place of the options, and the false value there. */
interface Lie {
  readonly place: number
  readonly kind: 'value' | 'getter' | 'late getter' | 'proxy' | 'shared' | 'throws' | 'prototype'
  readonly other: number
  readonly after: number
}

const lies: fc.Arbitrary<Lie> = fc.record({
  place: fc.nat(40),
  kind: fc.constantFrom('value', 'getter', 'late getter', 'proxy', 'shared', 'throws', 'prototype'),
  other: fc.nat(others.length - 1),
  after: fc.nat(12),
})

/** Copies the plain parts of options, so that a lie changes nothing of another run. */
function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied)
  if (typeof value !== 'object' || value === null || value === clock || value === grant) return value
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copied(inner)]))
}

/** Every property of plain objects and arrays, outermost first. */
function placesOf(value: unknown): (readonly [holder: object, name: string])[] {
  const plain =
    Array.isArray(value) ||
    (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
  if (!plain || value === clock || value === grant) return []
  const own = Object.keys(value as object).map((name) => [value as object, name] as const)
  return [...own, ...own.flatMap(([holder, name]) => placesOf(Reflect.get(holder, name)))]
}

function tell(places: ReturnType<typeof placesOf>, { place, kind, other, after }: Lie): void {
  const [holder, name] = places[place % places.length] as (typeof places)[number]
  const lie = Object.getOwnPropertyDescriptor(holder, name)
  if (lie === undefined || !('value' in lie)) return
  const old: unknown = lie.value
  const wrong = (others[other] as (typeof others)[number])(old)
  const define = (descriptor: PropertyDescriptor): void => void Object.defineProperty(holder, name, descriptor)
  if (kind === 'value') define({ enumerable: true, configurable: true, value: wrong })
  else if (kind === 'getter') define(flipping([old, wrong]))
  else if (kind === 'late getter') define(flipping([...Array<unknown>(after).fill(old), wrong]))
  else if (kind === 'throws') {
    define({
      enumerable: true,
      configurable: true,
      get: () => {
        throw new Spite()
      },
    })
  } else if (kind === 'shared' && ArrayBuffer.isView(old)) {
    const shared = new Uint8Array(new SharedArrayBuffer(12))
    define({ enumerable: true, configurable: true, get: () => shared.fill(shared[0] === 9 ? 8 : 9) })
  } else if (kind === 'proxy' && typeof old === 'object' && old !== null) {
    const answers = typeof wrong === 'object' && wrong !== null ? wrong : {}
    define({ enumerable: true, configurable: true, value: lying(old, answers, after) })
  } else if (kind === 'prototype' && typeof old === 'object' && old !== null) {
    define({ enumerable: true, configurable: true, value: Object.create(old) })
  }
}

/** The token as two readers see it: the decoder of the library, and one that shares no code with it. */
async function expectReadable(
  maker: Maker,
  made: object & { readonly bytes: Uint8Array; readonly cid: CID },
): Promise<void> {
  const { bytes, cid } = made
  expect(cid.toString()).toBe(CID.createV1(0x71, digestOf(bytes)).toString())
  const strict = decodeStrict(bytes)
  expect(strict).toBeDefined()
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(alice.publicKey).toString('base64url') },
    format: 'jwk',
  })
  expect(verify(null, bytes.subarray(67), key, bytes.subarray(3, 67))).toBe(true)
  if (maker.name === 'issueReceipt') {
    const { task } = made as unknown as { readonly task: CID }
    const read = await verifyReceipt(bytes, { executor: alice.did, task })
    if (!read.verified) throw new Error(read.message)
    expect(read.receipt).toEqual(made)
  } else {
    const decode = maker.name === 'delegate' || maker.name === 'attenuate' ? decodeDelegation : decodeInvocation
    expect(await decode(bytes)).toEqual(made)
  }
}

function digestOf(bytes: Uint8Array) {
  const hash = createHash('sha256').update(bytes).digest()
  return { code: 0x12, size: 32, digest: hash, bytes: Uint8Array.from([0x12, 0x20, ...hash]) } as const
}

/** Whatever the options are, the token is refused before it is signed, or readers read what was returned. */
export function hostileIssuing({ numRuns, seed, title }: Runs): void {
  it.each(makers)(`ENV-08 $name signs what readers accept, or nothing (${title})`, async (maker) => {
    const seen = { made: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(lies, { maxLength: 3 }), async (list) => {
        const signatures: Uint8Array[] = []
        const options = copied(maker.options()) as Options
        const places = placesOf(options)
        for (const lie of list) tell(places, lie)
        // A spread would read the other options.
        Object.defineProperty(options, 'issuer', {
          enumerable: true,
          configurable: true,
          value: counted(alice, signatures),
        })
        let made: Awaited<ReturnType<Maker['make']>>
        try {
          made = await maker.make(options)
        } catch (error) {
          expect(error instanceof ProcuraError || error instanceof Spite || error instanceof TypeError).toBe(true)
          expect(signatures).toEqual([])
          seen.refused += 1
          return
        }
        expect(signatures).toHaveLength(1)
        await expectReadable(maker, made)
        seen.made += 1
      }),
      { numRuns, seed },
    )
    for (const [name, count] of Object.entries(seen)) expect(count, name).toBeGreaterThan(numRuns / 10)
  })

  it.each(makers)('ENV-08 $name signs the options of a caller who does not lie', async (maker) => {
    const made = await maker.make({ ...maker.options(), issuer: alice })
    await expectReadable(maker, made)
    const { args, meta: notes, policy, outcome } = made as unknown as Options
    const asked = maker.options()
    for (const [read, wanted] of [
      [args, maker.name === 'revoke' ? { revoke: grant.cid, path: [grant.cid] } : asked['args']],
      [notes, asked['meta']],
      [policy, asked['policy']],
      [outcome, asked['outcome']],
    ]) {
      if (wanted !== undefined) expect(read).toEqual(wanted)
    }
  })
}
