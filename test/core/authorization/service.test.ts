import { describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { authorize } from '../../../src/core/authorization/authorize.ts'
import { standardFormat } from '../../../src/core/authorization/formats/standard-format.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import type { StandardSchema } from '../../../src/core/capability/standard-schema.ts'
import { anySubject } from '../../../src/core/capability/subject.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import type { CryptoBackend } from '../../../src/core/principal/backend/backend.ts'
import { ArgumentError } from '../../../src/errors.ts'
import { actor, clock } from '../../support/actors.ts'
import { call, chainOf, createService, decide, service, serviceOptions, verdict } from '../../support/service.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const mallory = await actor('mallory')
const proofs = await chainOf(alice, bob)

/** Accepts text, in time or at once. */
const text = (later = false): StandardSchema<string> => ({
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const result = typeof value === 'string' ? { value } : { issues: [{ message: 'is not text' }] }
      return later ? Promise.resolve(result) : result
    },
  },
})
const send = defineCommand({ command: '/mail/send', args: { to: text() } })

describe('a service', () => {
  it('SVC-01 is the audience, and a matching subject does not replace it [attack 14]', async () => {
    const said = async (audience: string | undefined, subject = service.did) => {
      const invocation = await call({ issuer: service, subject, ...(audience === undefined ? {} : { audience }) })
      return decide([invocation])
    }
    expect(await said(service.did)).toBe('allowed')
    expect(await said(mallory.did)).toBe('audience_mismatch at 0 SVC-01')
    const elsewhere = await call({ issuer: bob, proofs, audience: mallory.did })
    expect(await decide([elsewhere, ...proofs])).toBe('audience_mismatch at 1 SVC-01')
    const nowhere = await call({ issuer: bob, proofs, audience: alice.did })
    expect(nowhere.audience).toBeUndefined()
    expect(await decide([nowhere, ...proofs])).toBe('audience_mismatch at 1 SVC-01')
  })

  it('SVC-04 may have two DIDs while it changes its key', async () => {
    const former = await actor('former')
    const audience = [service.did, former.did]
    for (const did of audience) {
      const invocation = await call({ issuer: bob, proofs, audience: did })
      const decision = await createService({ audience }).authorize(encodeContainer([invocation, ...proofs]))
      expect(decision.allowed && decision.authorization.audience).toBe(did)
    }
    const elsewhere = encodeContainer([await call({ issuer: bob, proofs, audience: mallory.did }), ...proofs])
    const decision = await createService({ audience }).authorize(elsewhere)
    if (decision.allowed) throw new Error('it is allowed')
    expect(decision.denial).toMatchObject({ requirement: 'SVC-01', detail: { expected: audience } })
    expect(decision.denial.message).toContain(`this service is ${service.did};`)
    // The list is read once.
    const list = [service.did]
    const authorizer = createService({ audience: list })
    list.push(mallory.did)
    expect((await authorizer.authorize(elsewhere)).allowed).toBe(false)
  })

  it.each([[[]], [['did:key:x']], [[service]], [[undefined]], [undefined], [7]])(
    'SVC-04 is not without a DID: %j',
    (audience) => {
      expect(() => createService({ audience: audience as never })).toThrow(/`audience`/)
    },
  )

  it('ARG-04 decides about the signed arguments, not about the output of a schema [attack 8]', async () => {
    const change = (value: unknown) => {
      if (Array.isArray(value)) value.push('eve@example.com')
      else Object.assign(value as object, { to: 'eve@example.com' })
      return { value }
    }
    const changing: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: change } }
    const commands = [defineCommand({ command: '/mail/send', args: { x: changing } })]
    for (const x of [['ann@example.com'], { to: 'ann@example.com' }]) {
      const invocation = await call({ issuer: bob, proofs, args: { x } })
      expect(await decide([invocation, ...proofs], { commands })).toBe('arguments_invalid at 1 ARG-03')
    }
  })

  it('SVC-02 acts for the subjects it names [attack 75]', async () => {
    const own = await chainOf(mallory, bob)
    const said = async (subjects: string[] | typeof anySubject) =>
      decide([await call({ issuer: bob, proofs: own }), ...own], { subjects })
    expect(await said([alice.did])).toBe('subject_not_accepted at 1 SVC-02')
    expect(await said([])).toBe('subject_not_accepted at 1 SVC-02')
    expect(await said([alice.did, mallory.did])).toBe('allowed')
    expect(await said(anySubject)).toBe('allowed')
  })

  it('SVC-03 has the commands it defines, whatever objects inherit [attack 43]', async () => {
    const said = async (command: string, args = {}) =>
      decide([await call({ issuer: alice, command, args })], { commands: [send] })
    expect(await said('/mail/send', { to: 'bob' })).toBe('allowed')
    for (const command of ['/mail', '/mail/send/all', '/constructor', '/__proto__', '/to-string', '/']) {
      expect(await said(command), command).toBe('command_unknown at 0 SVC-03')
    }
    expect(await said('/mail/send', {})).toBe('arguments_invalid at 0 ARG-02')
    expect(await said('/mail/send', { to: 'bob', cc: 'eve' })).toBe('arguments_invalid at 0 ARG-01')
    expect(await said('/mail/send', { to: 7 })).toBe('arguments_invalid at 0 ARG-03')
  })

  it('awaits asynchronous schemas, and fails with an explanation where it cannot wait', async () => {
    const slow = defineCommand({ command: '/mail/send', args: { to: text(true) } })
    const authorizer = createService({ commands: [slow] })
    const container = async () => encodeContainer([await call({ issuer: alice, args: { to: 'bob' } })])
    expect(verdict(await authorizer.authorize(await container()))).toBe('allowed')
    const other = await container()
    expect(() => authorizer.authorizeSync(other)).toThrow(/asynchronous/)
  })

  it('refuses invalid options when it is created, by the name of the option', () => {
    const mistakes: [string, object][] = [
      ['audience', { audience: 'service' }],
      ['subjects', { subjects: null }],
      ['subjects', { subjects: ['alice'] }],
      ['commands', { commands: undefined }],
      ['revocations', { revocations: undefined }],
      ['replay', { replay: {} }],
      ['clock', { clock: Date }],
      ['tokens', { bounds: { tokens: 0 } }],
      ['speed', { bounds: { speed: 9 } }],
      ['maxInvocationLifetime', { maxInvocationLifetime: Number.POSITIVE_INFINITY }],
    ]
    for (const [name, change] of mistakes) {
      const create = () => createService(change as never)
      expect(create, name).toThrow(ArgumentError)
      expect(create, name).toThrow(name)
    }
  })

  it('refuses rather than decide at a time it does not know', async () => {
    const authorizer = createService({ clock: { now: () => Number.NaN } })
    const container = encodeContainer([await call({ issuer: alice })])
    await expect(authorizer.authorize(container)).rejects.toThrow(/clock/)
  })

  it('refuses input that is not a container, such as a missing header', async () => {
    for (const nothing of [undefined, null, 7, {}, []]) {
      expect(verdict(await createService().authorize(nothing as never))).toBe('unsupported at container CTN-01')
    }
  })

  it('PRF-10 refuses a call when the back end fails, at once or later, and reports the failure', async () => {
    const tokens = [await call({ issuer: bob, proofs }), ...proofs]
    const failure = new Error('no such key here')
    const throws = (): never => {
      throw failure
    }
    const failing: readonly Partial<CryptoBackend>[] = [
      { prepareKey: throws },
      { prepareKey: () => Promise.reject(failure) },
      { verify: throws },
      { verify: () => Promise.reject(failure) },
    ]
    for (const change of failing) {
      const errors: unknown[] = []
      const options = { backend: { ...backend, ...change }, onError: (error: unknown) => void errors.push(error) }
      expect(await decide(tokens, options)).toBe('key_unresolved at 1 PRF-10')
      expect(errors).toEqual([failure])
    }
  })

  it('asks a format of a class on the format itself', async () => {
    class Recorded {
      readonly name = 'recorded'
      readonly asked: string[] = []
      recognizes(container: string | Uint8Array): boolean {
        this.asked.push('recognizes')
        return standardFormat.recognizes(container)
      }
      read(...call: Parameters<typeof standardFormat.read>): ReturnType<typeof standardFormat.read> {
        this.asked.push('read')
        return standardFormat.read(...call)
      }
    }
    const format = new Recorded()
    const never = { ...standardFormat, recognizes: () => false }
    const tokens = [await call({ issuer: bob, proofs }), ...proofs]
    expect(await decide(tokens, { formats: [never, format] })).toBe('allowed')
    expect(format.asked).toEqual(['recognizes', 'read'])
  })

  it('can be asked once, without being set up', async () => {
    const container = encodeContainer([await call({ issuer: alice })])
    expect(verdict(await authorize(container, serviceOptions({ clock })))).toBe('allowed')
  })
})
