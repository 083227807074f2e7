import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { archive, encodeMessage } from '../../src/ucanto/archive.ts'
import { attenuate } from '../../src/ucanto/attenuate.ts'
import { decode, decodeMessage } from '../../src/ucanto/decode.ts'
import { delegate } from '../../src/ucanto/delegate.ts'
import { invoke } from '../../src/ucanto/invoke.ts'
import type { UcantoToken } from '../../src/ucanto/token.ts'
import { verifyRevocation } from '../../src/ucanto/verify-revocation.ts'
import { shortRuns } from '../property/runs.ts'
import { actor } from '../support/actors.ts'
import { ownVerdict } from './peers.ts'
import { type RawBlock, rawArchive } from './raw.ts'
import { writeToken } from './writer.ts'

const names = ['alice', 'bob', 'carol', 'stranger', 'service']
const [alice, bob, carol, stranger, service] = (await Promise.all(names.map((name) => actor(name)))) as [
  ...[Actor, Actor, Actor, Actor, Actor],
]
type Actor = Awaited<ReturnType<typeof actor>>

// Alice -> bob -> carol, and a sibling: a delegation to carol by another principal.
const root = await delegate({ issuer: alice, audience: bob.did, command: '/mail' })
const leaf = await attenuate(root, { issuer: bob, audience: carol.did })
const sibling = await delegate({ issuer: stranger, audience: carol.did, command: '/mail' })
const call = await invoke({
  issuer: carol,
  audience: service.did,
  command: '/mail/send',
  subject: alice.did,
  proofs: [sibling, leaf],
})

const namesIn = (tokens: ReadonlyMap<string, UcantoToken> | undefined): readonly string[] =>
  [...(tokens ?? [])].map(([name]) => name).sort()
const nameOf = ({ cid }: UcantoToken): string => cid.toString()

describe('UCT-63 the included proofs of a token', () => {
  it('are those of its own proof chain, whatever archive it comes from', async () => {
    const [read] = await decode(await archive(call))
    const message = await decodeMessage(await encodeMessage([call, leaf]))
    for (const token of [read, message.invocations[0]]) {
      expect(namesIn(token?.included)).toEqual([root, leaf, sibling].map(nameOf).sort())
      expect(namesIn(token?.included.get(nameOf(leaf))?.included)).toEqual([nameOf(root)])
      expect(namesIn(token?.included.get(nameOf(root))?.included)).toEqual([])
      expect(namesIn(token?.included.get(nameOf(sibling))?.included)).toEqual([])
    }
    expect(namesIn(message.invocations[1]?.included)).toEqual([nameOf(root)])
  })

  it('are enough to send the token and to delegate it', async () => {
    const [read] = await decode(await archive(call))
    const taken = read?.included.get(nameOf(leaf)) as UcantoToken
    await expect(decode(await archive(taken))).resolves.toMatchObject([{ cid: taken.cid }])
    // `subject` is not needed: the included proofs name one resource, without the resource of the sibling.
    const again = await invoke({ issuer: carol, audience: service.did, command: '/mail/send', proofs: [taken] })
    expect(namesIn(again.included)).toEqual([root, leaf].map(nameOf).sort())
    await expect(ownVerdict(again)).resolves.toBe('allowed')
  })

  it('do not let issuers outside its proof chain revoke it', async () => {
    const [read] = await decode(await archive(call))
    const verdictOn = async (target: UcantoToken, revoker: Actor): Promise<string> => {
      const revocation = await invoke({
        issuer: revoker,
        audience: service.did,
        command: '/ucan/revoke',
        args: { ucan: target.cid },
      })
      const verdict = await verifyRevocation(await archive(revocation), {
        audience: service.did,
        revocations: memoryRevocationStore(),
        find: (cid) => read?.included.get(cid.toString()),
      })
      return verdict.accepted ? 'accepted' : `${verdict.denial.code} ${verdict.denial.requirement}`
    }
    await expect(verdictOn(leaf, alice)).resolves.toBe('accepted')
    await expect(verdictOn(leaf, bob)).resolves.toBe('accepted')
    await expect(verdictOn(root, alice)).resolves.toBe('accepted')
    for (const [target, revoker] of [
      [leaf, stranger],
      [leaf, carol],
      [root, bob],
      [root, stranger],
      [sibling, alice],
      [sibling, carol],
    ] as const)
      await expect.soft(verdictOn(target, revoker)).resolves.toBe('root_not_subject UCT-47')
  })

  const { title, ...runs } = shortRuns(60)
  it(`are the same in random graphs of proofs: ${title}`, async () => {
    const graph = fc.array(fc.uniqueArray(fc.nat(30), { maxLength: 4 }), { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(graph, async (shape) => {
        const blocks: RawBlock[] = []
        const proofs: (readonly number[])[] = []
        for (const [at, wanted] of shape.entries()) {
          // The last token names all others, so that no block lacks a reference.
          const chosen = at === shape.length - 1 ? [...blocks.keys()] : wanted.filter((to) => to < at)
          proofs.push(chosen)
          const prf = chosen.map((to) => (blocks[to] as RawBlock).cid)
          blocks.push(await writeToken({ issuer: alice, audience: bob, att: [], prf, nnc: String(at), junk: true }))
        }
        const reach = (at: number): readonly number[] => (proofs[at] ?? []).flatMap((to) => [to, ...reach(to)])
        const closure = (at: number): readonly string[] =>
          [...new Set(reach(at))].map((to) => String(blocks[to]?.cid)).sort()
        const [read] = await decode(rawArchive(blocks))
        expect(namesIn(read?.included)).toEqual(closure(blocks.length - 1))
        for (const at of blocks.keys()) {
          if (at === blocks.length - 1) continue
          expect(namesIn(read?.included.get(String(blocks[at]?.cid))?.included)).toEqual(closure(at))
        }
      }),
      runs,
    )
  })
})

describe('`find` of verifyRevocation', () => {
  it('must return a token or undefined', async () => {
    const revocation = await invoke({
      issuer: alice,
      audience: service.did,
      command: '/ucan/revoke',
      args: { ucan: root.cid },
    })
    const ask = verifyRevocation(await archive(revocation), {
      audience: service.did,
      revocations: memoryRevocationStore(),
      find: () => ({}) as UcantoToken,
    })
    await expect(ask).rejects.toThrow('`find` must be a token of UCAN 0.9.1')
  })
})
