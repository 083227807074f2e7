import { describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import type { Decision } from '../../src/core/authorization/decision.ts'
import { standardFormat } from '../../src/core/authorization/formats/standard-format.ts'
import type { AuthorizeOptions } from '../../src/core/authorization/options.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { url } from '../../src/core/capability/argument-types/url.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { attenuate } from '../../src/core/delegation/attenuate.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import type { IpldMap } from '../../src/core/ipld/value.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { archive } from '../../src/ucanto/archive.ts'
import { delegate as ucantoDelegate } from '../../src/ucanto/delegate.ts'
import { invoke as ucantoInvoke } from '../../src/ucanto/invoke.ts'
import type { UcantoToken } from '../../src/ucanto/token.ts'
import { type UcantoFormatOptions, ucantoFormat } from '../../src/ucanto/ucanto-format.ts'
import { actor } from '../support/actors.ts'
import { verdict } from '../support/service.ts'
import { ownOptions } from './peers.ts'

const names = ['alice', 'bob', 'mallory', 'service']
const [alice, bob, mallory, service] = (await Promise.all(names.map((name) => actor(name)))) as [
  ...[Actor, Actor, Actor, Actor],
]
type Actor = Awaited<ReturnType<typeof actor>>

const page = 'https://pages.example/alice'
const owners: Readonly<Record<string, string>> = { [page]: alice.did, 'https://pages.example/bob': bob.did }
const ownerOf = (resource: string): string | undefined => owners[resource]
const edit = defineCommand({ command: '/page/edit', args: { resource: url(), text: text() } })
const args = { resource: page, text: 'changed' }

/** A service that has pages, and reads both formats. */
function serviceWith(change: Partial<AuthorizeOptions> = {}, options: UcantoFormatOptions = {}): AuthorizeOptions {
  const formats = [standardFormat, ucantoFormat({ ownerOf, ...options })]
  return ownOptions({ subjects: anySubject, commands: [edit], formats, ...change })
}

async function ask(
  container: string | Uint8Array | UcantoToken,
  change?: Partial<AuthorizeOptions>,
  options?: UcantoFormatOptions,
): Promise<Decision> {
  const bytes = typeof container === 'string' || container instanceof Uint8Array ? container : await archive(container)
  return createAuthorizer(serviceWith(change, options)).authorize(bytes)
}

/** A call in 0.9.1. */
const old = (
  issuer: Actor,
  subject: string,
  given: object,
  proofs: readonly UcantoToken[] = [],
): Promise<UcantoToken> =>
  ucantoInvoke({ issuer, audience: service.did, command: '/page/edit', subject, args: given as IpldMap, proofs })

/** A call in 1.0.0, over the authority of its issuer. */
async function current(issuer: Actor, given: object): Promise<string> {
  return encodeContainer([
    await invoke({ issuer, audience: service.did, subject: issuer.did, command: '/page/edit', args: given as IpldMap }),
  ])
}

const grantOfBob = await ucantoDelegate({ issuer: bob, audience: mallory.did, command: '/page' })
const written = 'malformed at container UCT-64'
const stranger = (at: number): string => `arguments_invalid at ${at} AUT-21`

describe('UCT-64 AUT-21 the argument that contains the resource', () => {
  it('is the proven resource, and no client can set it', async () => {
    expect(verdict(await ask(await old(alice, page, { text: 'mine' })))).toBe('allowed')
    expect(verdict(await ask(await old(mallory, page, { text: 'pwned' })))).toBe('root_not_subject at container UCT-33')
    // Over her own DID, with the argument set by the client.
    expect(verdict(await ask(await old(mallory, mallory.did, args)))).toBe(written)
    const subjects = [alice.did, bob.did, mallory.did]
    expect(verdict(await ask(await old(mallory, mallory.did, args), { subjects }))).toBe(written)
    // Over the DID of another subject, as its delegate.
    const asDelegate = await old(mallory, bob.did, args, [grantOfBob])
    expect(verdict(await ask(asDelegate, { subjects: [alice.did, bob.did] }))).toBe(written)
    // In 1.0.0, for a service that lists both formats.
    expect(verdict(await ask(await current(mallory, args)))).toBe(stranger(0))
    const grant = await delegate({ issuer: bob, audience: mallory.did, command: '/page' })
    const call = await invoke({ issuer: mallory, audience: service.did, command: '/page/edit', args, proofs: [grant] })
    expect(verdict(await ask(encodeContainer([call, grant]), { subjects: [alice.did, bob.did] }))).toBe(stranger(1))
  })

  it('contains only resources of the subject when a handler of a guard runs', async () => {
    const sink = memoryAuditSink()
    const { audience, formats, revocations, replay, clock = { now: () => 0 } } = serviceWith()
    const guard = createGuard({
      ...{ audience, revocations, replay, clock, commands: [edit], audit: { sink } },
      ...(formats === undefined ? {} : { formats }),
      subjects: anySubject,
    })
    const seen: unknown[] = []
    for (const container of [
      await archive(await old(mallory, mallory.did, args)),
      await current(mallory, args),
      await current(alice, args),
      await archive(await old(alice, page, { text: 'mine' })),
    ])
      await guard.use(container, (call) => void seen.push([call.subject, call.args.resource]))
    expect(seen).toEqual([
      [alice.did, page],
      [alice.did, page],
    ])
  })

  it('must be a resource of the subject also in calls of 1.0.0, within the policies of the chain', async () => {
    expect(verdict(await ask(await current(alice, args)))).toBe('allowed')
    const grant = await delegate({
      issuer: alice,
      audience: bob.did,
      command: '/page',
      policy: [['==', '.resource', page]],
    })
    const onward = await attenuate(grant, { issuer: bob, audience: mallory.did })
    const call = (resource: string): Promise<string> =>
      invoke({
        ...{ issuer: mallory, audience: service.did, command: '/page/edit', proofs: [grant, onward] },
        args: { resource, text: '' },
      }).then((made) => encodeContainer([made, grant, onward]))
    expect(verdict(await ask(await call(page)))).toBe('allowed')
    expect(verdict(await ask(await call('https://pages.example/bob')))).toBe('policy_unsatisfied at 0 PRF-11')
  })

  it('must be a string that can be a resource; `ownerOf` gets no other value', async () => {
    const any = { ...edit, args: { ...edit.args, resource: { '~standard': { ...text()['~standard'], validate } } } }
    const asked: string[] = []
    const ownerOf = (resource: string): string => {
      asked.push(resource)
      return mallory.did
    }
    for (const resource of [
      ...[mallory.did, 'did:web:example.com', 'ucan:*', '', 'page', '/page', 1, true, null, [page], { page }, 1.5],
      new TextEncoder().encode(page),
    ]) {
      const decision = await ask(await current(mallory, { resource, text: '' }), { commands: [any] }, { ownerOf })
      expect.soft(verdict(decision), String(resource)).toBe(stranger(0))
    }
    expect(asked).toEqual([])
    const good = await ask(await current(mallory, args), { commands: [any] }, { ownerOf })
    expect([verdict(good), asked]).toEqual(['allowed', [page]])
  })

  it('has the configured name, in all formats', async () => {
    const view = defineCommand({ command: '/page/edit', args: { page: url(), resource: text() } })
    const options = { resourceArgument: 'page' }
    const change = { commands: [view] }
    const named = { page, resource: 'a word' }
    expect(verdict(await ask(await current(alice, named), change, options))).toBe('allowed')
    expect(verdict(await ask(await current(mallory, named), change, options))).toBe(stranger(0))
    expect(verdict(await ask(await old(mallory, mallory.did, named), change, options))).toBe(written)
    expect(verdict(await ask(await old(alice, page, { resource: 'a word' }), change, options))).toBe('allowed')
  })

  it('is an ordinary argument if the service has no `ownerOf`', async () => {
    const formats = [standardFormat, ucantoFormat()]
    expect(verdict(await ask(await current(mallory, args), { formats }))).toBe('allowed')
    expect(verdict(await ask(await old(mallory, mallory.did, args), { formats }))).toBe('allowed')
    expect(verdict(await ask(await current(mallory, args), { formats: [standardFormat] }))).toBe('allowed')
  })

  it('is checked by each format that has one', async () => {
    const other = ucantoFormat({ ownerOf: (resource) => (resource === page ? mallory.did : undefined) })
    const byThis = ucantoFormat({ ownerOf })
    for (const formats of [
      [standardFormat, other, byThis],
      [standardFormat, byThis, other],
    ]) {
      expect(verdict(await ask(await current(mallory, args), { formats }))).toBe(stranger(0))
      expect(verdict(await ask(await current(alice, args), { formats }))).toBe(stranger(0))
    }
    // One format reads the call, and the value is not a resource for the other.
    expect(verdict(await ask(await old(alice, page, { text: '' }), { formats: [byThis, other] }))).toBe(stranger(0))
  })

  it('is not looked up for a call that is refused anyway, and is refused when the lookup fails', async () => {
    let looked = 0
    const errors: unknown[] = []
    const options = {
      ownerOf: (): Promise<string> => {
        looked += 1
        return Promise.reject(new Error('down'))
      },
    }
    const change = { onError: (error: unknown) => void errors.push(error) }
    const { bytes } = await invoke({ issuer: mallory, audience: service.did, command: '/page/edit', args })
    const forged = encodeContainer([{ bytes: bytes.with(10, (bytes[10] as number) ^ 1) }])
    expect(verdict(await ask(forged, change, options))).toBe('signature_invalid at 0 PRF-08')
    expect(looked).toBe(0)
    expect(verdict(await ask(encodeContainer([{ bytes }]), change, options))).toBe(stranger(0))
    expect([looked, errors.length]).toEqual([1, 1])
  })
})

const validate = (value: unknown): { readonly value: unknown } => ({ value })
