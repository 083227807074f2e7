import { describe, expect, it } from 'vitest'
import { standardFormat } from '../../../src/core/authorization/formats/standard-format.ts'
import type { TokenFormat } from '../../../src/core/authorization/formats/token-format.ts'
import { openContainer } from '../../../src/core/authorization/open-container.ts'
import { verifyDelegation } from '../../../src/core/authorization/verify-delegation.ts'
import { encodeContainerBytes, type TokenLike } from '../../../src/core/container/container.ts'
import { decodeDelegation } from '../../../src/core/delegation/decode-delegation.ts'
import { decodeInvocation } from '../../../src/core/invocation/decode-invocation.ts'
import { createAuthorizer, delegate, encodeContainer, invoke } from '../../../src/entries/index.ts'
import { archive, invoke as invokeUcanto, ucantoFormat } from '../../../src/entries/ucanto.ts'
import { ArgumentError, MalformedError } from '../../../src/errors.ts'
import { createGuard } from '../../../src/guard/guard.ts'
import { guardOptions } from '../../guard/wrong-options.ts'
import { actor, clock } from '../../support/actors.ts'
import { service, serviceOptions } from '../../support/service.ts'
import { readVectors } from '../../vectors/read.ts'
import { openingFaults } from './opening.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const grant = await delegate({ issuer: alice, audience: bob.did, command: '/mail', clock })
const call = await invoke({ issuer: bob, audience: service.did, command: '/mail', proofs: [grant], clock })
const container = encodeContainer([call, grant])

describe('opening a container', () => {
  it('CTN-10 reads whatever authorize reads, and refuses what it refuses to read, for the same reason', async () => {
    const valid = readVectors('valid.json').filter((_, at) => at % 4 === 0)
    const seen = new Set<unknown>()
    // One of each fault; the long tests ask about all.
    const hostile = readVectors('hostile.json').filter(({ fault }) => !seen.has(fault) && seen.add(fault))
    expect(hostile.length).toBeGreaterThan(100)
    expect(await openingFaults([...valid, ...hostile])).toEqual([])
  })

  it('CTN-10 reads by the options of the authorizer or guard', async () => {
    const opened = await createAuthorizer(serviceOptions()).open(container)
    expect(opened).toEqual(await openContainer(container))
    expect(opened).toMatchObject({ delegations: [{ cid: grant.cid }], invocations: [{ cid: call.cid }], others: [] })
    for (const bounds of [{ tokens: 1 }, { tokenBytes: 100 }, { depth: 2 }, { containerBytes: 100 }]) {
      await expect(createAuthorizer(serviceOptions({ bounds })).open(container)).rejects.toThrow(MalformedError)
      await expect(createGuard({ ...guardOptions(), bounds }).open(container)).rejects.toThrow(MalformedError)
      await expect(openContainer(container, { bounds })).rejects.toThrow(MalformedError)
    }
    expect(await createGuard(guardOptions()).open(container)).toEqual(opened)
  })

  it('CTN-10 shows every vector of 0.9.1 whose tokens can be read, also those that make no call', async () => {
    // Rules about the call, which `authorize` refuses as malformed as well.
    const ofCalls = ['UCT-09', 'UCT-30', 'UCT-35', 'UCT-49', 'UCT-50', 'UCT-64']
    const faults = (await openingFaults(readVectors('ucanto.json'))).filter(
      (fault) => !ofCalls.some((id) => fault.endsWith(`authorize ${id}, open reads it`)),
    )
    expect(faults).toEqual([])
    const written = {
      issuer: alice,
      audience: service.did,
      command: '/mail/send',
      args: { resource: 'https://a.example/' },
    }
    const formats = [ucantoFormat({ ownerOf: () => undefined })]
    const authorizer = createAuthorizer(serviceOptions({ formats }))
    const bytes = await archive(await invokeUcanto(written))
    expect(await authorizer.authorize(bytes)).toMatchObject({ denial: { code: 'malformed', requirement: 'UCT-64' } })
    expect((await authorizer.open(bytes)).others).toMatchObject([{ issuer: alice.did }])
  })

  it('CTN-10 copies bytes before it waits', async () => {
    const bytes = new TextEncoder().encode(container)
    const opening = createAuthorizer(serviceOptions()).open(bytes)
    bytes.fill(0)
    expect((await opening).invocations).toHaveLength(1)
  })

  it('CTN-10 gives each token memory of its own, so that one that is kept or stored takes no other with it', async () => {
    const { delegations, invocations } = await openContainer(encodeContainerBytes([call, grant]))
    const verdict = await verifyDelegation(encodeContainer([grant]), { clock })
    const tokens = [...delegations, ...invocations, ...(verdict.verified ? verdict.proofs : [])]
    expect(tokens).toHaveLength(3)
    for (const { bytes } of tokens) expect(bytes.buffer.byteLength).toBe(bytes.length)
    // A copy of a view has all of its memory.
    expect(structuredClone((delegations[0] as { bytes: Uint8Array }).bytes.buffer)).toHaveProperty(
      'byteLength',
      grant.bytes.length,
    )
  })

  it('CTN-11 takes the formats of an authorizer, and gives their tokens apart', async () => {
    const token = await invokeUcanto({ issuer: alice, audience: service.did, command: '/mail/send' })
    const bytes = await archive(token)
    const formats = [standardFormat, ucantoFormat()] as const
    const { others, ...standard } = await openContainer(bytes, { formats })
    expect(others.map(({ cid }) => cid)).toEqual([token.cid])
    expect(standard).toEqual({ delegations: [], invocations: [] })
    expect(await createAuthorizer(serviceOptions({ formats })).open(bytes)).toMatchObject({
      others: [{ cid: token.cid }],
    })
    expect((await openContainer(container, { formats })).invocations).toHaveLength(1)
    await expect(openContainer(bytes)).rejects.toThrow(MalformedError)
    await expect(openContainer(bytes, { formats, bounds: { containerBytes: 64 } })).rejects.toThrow(MalformedError)
    await expect(openContainer(bytes.subarray(1), { formats: [ucantoFormat()] })).rejects.toThrow(MalformedError)
    const { open: _, ...silent } = ucantoFormat()
    await expect(openContainer(bytes, { formats: [silent as TokenFormat] })).rejects.toThrow(ArgumentError)
  })
})

describe('reading one token', () => {
  it('TOK-25 takes the reading options of authorize', async () => {
    const rows = readVectors('valid.json').filter(
      ({ context: { options } }) => options.accept !== undefined || options.acceptRedundantFields === true,
    )
    expect(rows.length).toBeGreaterThan(3)
    for (const { name, container, context } of rows) {
      const { accept, acceptRedundantFields } = context.options
      const reading = {
        ...(accept === undefined ? {} : { accept }),
        ...(acceptRedundantFields === undefined ? {} : { acceptRedundantFields }),
      }
      await expect(openContainer(container as string), name).rejects.toThrow(MalformedError)
      const { delegations, invocations } = await openContainer(container as string, reading)
      const read = async (token: TokenLike, decode: typeof decodeDelegation | typeof decodeInvocation) => {
        expect(await decode(token.bytes, reading)).toEqual(token)
      }
      for (const delegation of delegations) await read(delegation, decodeDelegation)
      for (const invocation of invocations) await read(invocation, decodeInvocation)
    }
  })
})
