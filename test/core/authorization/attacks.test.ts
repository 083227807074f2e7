import { describe, expect, it } from 'vitest'
import { concat, encode, float, fromHex, head, type Value } from '../../../spec/vectors/generator/cbor.ts'
import { textOf } from '../../../spec/vectors/generator/container.ts'
import {
  courier,
  mailer,
  owner,
  type Principal,
  planner,
  principal,
  stranger,
} from '../../../spec/vectors/generator/principals.ts'
import {
  cidText,
  type DelegationDraft,
  delegation,
  envelope,
  type InvocationDraft,
  invocation,
  type Token,
  time,
} from '../../../spec/vectors/generator/token.ts'
import { twin } from '../../../spec/vectors/generator/twin.ts'
import { contextOf } from '../../../spec/vectors/generator/vector.ts'
import type { Authorizer } from '../../../src/core/authorization/authorize.ts'
import type { AuthorizeOptions } from '../../../src/core/authorization/options.ts'
import { memoryReplayStore } from '../../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { backend } from '../../../src/core/principal/backend/node.ts'
import { memoryRevocationStore } from '../../../src/core/revocation/memory-revocation-store.ts'
import { never } from '../../../src/time.ts'
import { serviceOf } from '../../vectors/decide.ts'

const clock = { now: () => time }
const runner = principal('runner')

/** A service that decides as in the vectors, with changes. */
function service(change: Partial<AuthorizeOptions> = {}, subject = owner): Promise<Authorizer> {
  return serviceOf(contextOf({ subjects: [subject.did] }), change)
}

/** The decision about tokens: `allowed`, or the code of the denial. */
async function decide(authorizer: Authorizer, tokens: readonly Token[]): Promise<string> {
  const decision = await authorizer.authorize(textOf(tokens))
  return decision.allowed ? 'allowed' : decision.denial.code
}

/** A call through a chain of these people, over the authority of the first. */
function chain(
  people: readonly Principal[],
  link: Partial<DelegationDraft> = {},
  call: Partial<InvocationDraft> = {},
): readonly Token[] {
  const [sub] = people as readonly [Principal]
  const grants = people
    .slice(0, -1)
    .map((from, at) => delegation({ from, to: people[at + 1] as Principal, sub, ...link }))
  return [invocation({ by: people.at(-1) as Principal, sub, prf: grants, ...call }), ...grants]
}

describe('a replay store', () => {
  it('is not filled by principals without authority [attack 17]', async () => {
    const authorizer = await service({ replay: memoryReplayStore({ maxEntries: 1, clock }) })
    const [call, ...proofs] = chain([owner, planner]) as readonly [Token, Token]
    const forgeries = Array.from({ length: 50 }, (_, n): Token => {
      const nonce = new Uint8Array(12).fill(n)
      if (n % 4 === 0) return invocation({ by: planner, prf: proofs, nonce, signer: stranger })
      if (n % 4 === 1) return invocation({ by: stranger, prf: proofs, nonce })
      if (n % 4 === 2) return invocation({ by: planner, prf: proofs, nonce, exp: time - 100 })
      return { ...call, bytes: call.bytes.map((byte, at) => (at === 10 + n ? byte ^ 1 : byte)) }
    })
    const codes = new Set<string>()
    for (let round = 0; round < 20; round++) {
      for (const forged of forgeries) codes.add(await decide(authorizer, [forged, ...proofs]))
    }
    expect([...codes].sort()).toEqual(['expired', 'principal_misaligned', 'signature_invalid'])
    expect(await decide(authorizer, [call, ...proofs])).toBe('allowed')
  })
})

describe('a revoked delegation', () => {
  const grant = delegation({ from: owner, to: planner, fields: { meta: { n: 1 } } })

  /** Everything that somebody without the key can do to a delegation to give it another name. */
  const disguises: Readonly<Record<string, Token>> = {
    'with a field more': changed((payload) => ({ ...payload, nbf: 0 })),
    'with a field more that nobody knows': changed((payload) => ({ ...payload, x: 1 })),
    'without its notes': changed(({ meta: _, ...payload }) => payload),
    'with empty notes': changed((payload) => ({ ...payload, meta: {} })),
    'with a command in upper case': changed((payload) => ({ ...payload, cmd: '/MAIL' })),
    'with an integer as a float': changed((payload) => ({ ...payload, meta: { n: float(1) } })),
    'with an expiry as a float': changed((payload) => ({ ...payload, exp: float(time + 3_600) })),
    'with a longer integer': replaced(encode({ n: 1 }), concat([fromHex('a1 616e'), head(0, 1, 1)])),
    'with a longer text': replaced(encode('iss'), fromHex('78 03 697373')),
    'with an indefinite list': replaced(concat([encode('pol'), encode([])]), concat([encode('pol'), fromHex('9f ff')])),
    'with bytes after it': { ...grant, bytes: concat([grant.bytes, fromHex('00')]) },
    'with bytes after its signature': {
      ...grant,
      bytes: envelope(concat([grant.signature, fromHex('00')]), grant.signed),
    },
    'with a longer head': { ...grant, bytes: concat([fromHex('98 02'), grant.bytes.slice(1)]) },
    'with a longer head of its signature': { ...grant, bytes: concat([fromHex('82 59 0040'), grant.bytes.slice(3)]) },
    'with S + L': { ...grant, bytes: envelope(plusOrder(grant.signature), grant.signed) },
    'with something beside it': { ...grant, bytes: concat([fromHex('83'), grant.bytes.slice(1), fromHex('f6')]) },
  }

  function changed(change: (payload: Readonly<Record<string, Value>>) => Readonly<Record<string, Value>>): Token {
    const { signature } = grant
    const body = (h: Value, payload: Value): Value => ({
      h,
      'ucan/dlg@1.0.0': change(payload as Readonly<Record<string, Value>>),
    })
    return delegation({ from: owner, to: planner, fields: { meta: { n: 1 } }, body, signature: () => signature })
  }

  function replaced(from: Uint8Array, to: Uint8Array): Token {
    const at = Buffer.from(grant.bytes).indexOf(from)
    if (at < 0) throw new Error('nothing to replace')
    return { ...grant, bytes: concat([grant.bytes.slice(0, at), to, grant.bytes.slice(at + from.length)]) }
  }

  async function revoked(subject: Principal, ...names: readonly string[]): Promise<Authorizer> {
    const revocations = memoryRevocationStore({ clock })
    await revocations.add({ ids: names, expiration: never })
    return service({ revocations }, subject)
  }

  it.each(Object.entries(disguises))('stays revoked %s [attack 20]', async (_, disguised) => {
    const call = invocation({ by: planner, prf: [disguised] })
    expect(cidText(disguised)).not.toBe(cidText(grant))
    expect(await decide(await service(), [call, disguised])).not.toBe('allowed')
    expect(await decide(await revoked(owner, cidText(grant)), [call, disguised])).not.toBe('allowed')
  })

  it('is valid before its revocation, and refused afterwards', async () => {
    const call = invocation({ by: planner, prf: [grant] })
    expect(await decide(await service(), [call, grant])).toBe('allowed')
    expect(await decide(await revoked(owner, cidText(grant)), [call, grant])).toBe('revoked')
  })

  it.each(['ES256', 'ES256K'] as const)(
    'stays revoked under the other signature of %s [attack 20, 58]',
    async (algorithm) => {
      const issuer = principal('attacked owner', algorithm)
      const low = delegation({ from: issuer, to: planner, sub: issuer })
      const high = twin(low, algorithm)
      for (const [used, named] of [
        [low, high],
        [high, low],
      ] as const) {
        const tokens = [invocation({ by: planner, sub: issuer, prf: [used] }), used]
        expect(await decide(await service({}, issuer), tokens)).toBe('allowed')
        expect(await decide(await revoked(issuer, cidText(named)), tokens)).toBe('revoked')
      }
    },
  )
})

describe('a chain', () => {
  const people = [owner, planner, mailer, courier, runner]

  it('of four is refused in 23 of the 24 orders of its proofs [attack 23]', async () => {
    const grants = chain(people).slice(1)
    const verdicts = new Map<string, number>()
    for (const order of permutations([0, 1, 2, 3])) {
      const prf = order.map((at) => grants[at] as Token)
      const verdict = await decide(await service(), [invocation({ by: runner, prf }), ...grants])
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
    }
    // Six orders begin at the root; of the others each begins with somebody who is not the subject.
    expect(Object.fromEntries(verdicts)).toEqual({ allowed: 1, principal_misaligned: 5, root_not_subject: 18 })
  })

  it('is checked in the order of its proofs, however many other paths exist [attack 25]', async () => {
    let signatures = 0
    const counting: AuthorizeOptions['backend'] = {
      name: backend.name,
      sha256: backend.sha256,
      prepareKey: backend.prepareKey,
      verify: (...question) => {
        signatures += 1
        return backend.verify(...question)
      },
    }
    // Two ways from each of twenty principals to the next: a million chains from the first to the last.
    const layers = Array.from({ length: 20 }, (_, n) => principal(`layer ${n}`))
    const diamond = layers
      .slice(0, -1)
      .flatMap((from, at) =>
        [0, 1].map((way) => delegation({ from, to: layers[at + 1] as Principal, sub: null, exp: time + 1_000 + way })),
      )
    const tokens = chain([owner, layers[0] as Principal])
    expect(await decide(await service({ backend: counting }), [...tokens, ...diamond])).toBe('allowed')
    expect(signatures).toBe(2)
    signatures = 0
    const named = [delegation({ from: owner, to: layers[0] as Principal }), ...diamond.filter((_, at) => at % 2 === 0)]
    const long = invocation({ by: layers.at(-1) as Principal, prf: named })
    expect(await decide(await service({ backend: counting }), [long, ...named, ...diamond])).toBe('chain_too_long')
    expect(signatures).toBe(0)
  })

  it('has its signatures verified once, and everything else each time [attack 10, 14, 22]', async () => {
    let now = time
    const revocations = memoryRevocationStore({ clock })
    const authorizer = await service({ clock: { now: () => now }, revocations })
    const [, ...grants] = chain(people)
    const fresh = (n: number, change: Partial<InvocationDraft> = {}): readonly Token[] => {
      const nonce = new Uint8Array(12).fill(n)
      return [invocation({ by: runner, prf: grants, exp: now + 60, nonce, ...change }), ...grants]
    }
    expect(await decide(authorizer, fresh(1))).toBe('allowed')
    expect(await decide(authorizer, fresh(2, { aud: stranger }))).toBe('audience_mismatch')
    expect(await decide(authorizer, fresh(3, { by: courier }))).toBe('principal_misaligned')
    expect(await decide(authorizer, fresh(4, { cmd: '/other' }))).toBe('command_not_covered')
    now = time + 3_661
    expect(await decide(authorizer, fresh(5))).toBe('expired')
    now = time
    await revocations.add({ ids: [cidText(grants[2] as Token)], expiration: never })
    expect(await decide(authorizer, fresh(6))).toBe('revoked')
  })
})

describe('the commands of a service', () => {
  it('do not include properties that objects inherit [attack 43]', async () => {
    const authorizer = await service({ commands: [defineCommand({ command: '/mail/send', args: {} })] })
    const names = ['constructor', 'constructor/keys', 'constructor/assign', '__proto__', 'prototype', 'to_string']
    const more = ['hasownproperty', 'valueof', '__definegetter__', '__lookupgetter__', 'keys', 'size', 'get', 'has']
    for (const name of [...names, ...more]) {
      const tokens = chain([owner, planner], { cmd: '/' }, { cmd: `/${name}`, args: {} })
      expect(await decide(authorizer, tokens), name).toBe('command_unknown')
    }
  })
})

/** Adds the order of the group to S, which fits when S is small. */
function plusOrder(signature: Uint8Array): Uint8Array {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const s = signature.slice(32).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n) + order
  return concat([signature.slice(0, 32), fromHex(s.toString(16).padStart(64, '0')).reverse()])
}

function permutations(items: readonly number[]): readonly (readonly number[])[] {
  if (items.length === 0) return [[]]
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]))
}
