import { describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { createAuthorizer } from '../../../src/core/authorization/authorize.ts'
import { authorizeMany } from '../../../src/core/authorization/authorize-many.ts'
import { standardFormat } from '../../../src/core/authorization/formats/standard-format.ts'
import type { TokenFormat } from '../../../src/core/authorization/formats/token-format.ts'
import { wait } from '../../../src/core/authorization/machinery/steps.ts'
import { verifyRevocation } from '../../../src/core/authorization/verify-revocation.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { backend } from '../../../src/core/principal/backend/node.ts'
import { revoke } from '../../../src/core/revocation/revoke.ts'
import { createGuard } from '../../../src/guard/guard.ts'
import { actor } from '../../support/actors.ts'
import { call, chainOf, serviceOptions, verdict } from '../../support/service.ts'

const [alice, bob] = (await Promise.all([actor('alice'), actor('bob')])) as [Actor, Actor]
type Actor = Awaited<ReturnType<typeof actor>>
const proofs = await chainOf(alice, bob)
const callOfBob = async (): Promise<string> => encodeContainer([await call({ issuer: bob, proofs }), ...proofs])
const good = await callOfBob()

/** The bytes at which the format fails. */
const trap = Uint8Array.of(0xff) as string | Uint8Array
const fault = new TypeError('a fault of the format')

/** Reads 1.0.0, and fails at the trap: at once, or after it had to wait. */
const failing = (waits: boolean): TokenFormat => ({
  ...standardFormat,
  *read(container, context) {
    if (container !== trap) return yield* standardFormat.read(container, context)
    if (waits) yield* wait(Promise.reject(fault))
    throw fault
  },
})

const expected = 'internal_error at container AUT-20'

describe.each([
  ['at once', false],
  ['after it waited', true],
])('AUT-20 an unexpected error of a format %s', (_, waits) => {
  const errors: unknown[] = []
  const onError = (error: unknown): void => void errors.push(error)
  const options = (): Parameters<typeof createAuthorizer>[0] =>
    serviceOptions({ formats: [failing(waits)], onError, revocations: { findRevocations: () => [] } })

  it('is a denial, not an exception, and onError receives the error', async () => {
    errors.length = 0
    const authorizer = createAuthorizer(options())
    expect(verdict(await authorizer.authorize(trap))).toBe(expected)
    if (!waits) expect(verdict(authorizer.authorizeSync(trap))).toBe(expected)
    expect(errors).toEqual(Array(waits ? 1 : 2).fill(fault))
  })

  it('leaves the other calls of a batch alone', async () => {
    const decisions = await authorizeMany(createAuthorizer(options()), [good, trap, await callOfBob()])
    expect(decisions.map(verdict)).toEqual(['allowed', expected, 'allowed'])
  })

  it('is a denial of a guard, on record', async () => {
    const sink = memoryAuditSink()
    const { subjects, commands, ...others } = options()
    const guard = createGuard({ ...others, subjects: [alice.did], commands: [], audit: { sink } })
    for (const ask of [() => guard.use(trap, () => 'done'), () => guard.authorize(trap), () => guard.dryRun(trap)])
      await expect(ask()).resolves.toMatchObject({ allowed: false, denial: { code: 'internal_error' } })
    expect(sink.records().map(({ event }) => event.kind)).toEqual(['denied', 'denied', 'denied'])
  })
})

describe('AUT-20 an unexpected error', () => {
  it('of a back end is a denial too, whatever onError does', async () => {
    const broken = {
      ...backend,
      sha256Key: undefined,
      sha256: () => Promise.reject(new Error('no hash')),
    } as unknown as typeof backend
    const onError = (): never => {
      throw new Error('the report failed')
    }
    const authorizer = createAuthorizer(serviceOptions({ backend: broken, onError }))
    expect(verdict(await authorizer.authorize(good))).toBe(expected)
    const revocation = await revoke({ issuer: alice, delegation: proofs[0] as (typeof proofs)[number] })
    const container = encodeContainer([revocation, ...proofs])
    await expect(verifyRevocation(container)).resolves.toMatchObject({ accepted: true })
    await expect(verifyRevocation(container, { backend: broken, onError })).resolves.toMatchObject({
      accepted: false,
      denial: { code: 'internal_error', requirement: 'AUT-20' },
    })
  })

  it('while a call is read uses nothing up', async () => {
    const claimed: string[] = []
    const replay = { claim: (key: string) => claimed.push(key) > 0 }
    const authorizer = createAuthorizer(serviceOptions({ formats: [failing(false)], replay }))
    expect(verdict(await authorizer.authorize(trap))).toBe(expected)
    expect(claimed).toEqual([])
  })
})

describe('a prototype that other code has changed', () => {
  it('makes no refusal a yes', async () => {
    const authorizer = createAuthorizer(serviceOptions())
    Object.defineProperty(Object.prototype, 'allowed', { value: true, configurable: true, writable: true })
    try {
      for (const decision of [authorizer.authorizeSync('C'), await authorizer.authorize(encodeContainer([...proofs]))])
        expect([decision.allowed, Object.keys(decision)]).toEqual([false, ['allowed', 'denial']])
    } finally {
      Reflect.deleteProperty(Object.prototype, 'allowed')
    }
  })
})
