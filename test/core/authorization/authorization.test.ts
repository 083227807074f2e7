import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { Authorization } from '../../../src/core/authorization/authorization.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { backend as node } from '../../../src/core/principal/backend/node.ts'
import { backend as web } from '../../../src/core/principal/backend/web.ts'
import { ArgumentError, AuthorizationError } from '../../../src/errors.ts'
import { actor, now } from '../../support/actors.ts'
import { call, chainOf, createService } from '../../support/service.ts'

const alice = await actor('alice')
const bob = await actor('bob')

async function authorized(): Promise<Authorization> {
  const proofs = await chainOf(alice, bob)
  const args = { to: ['bob@example.com'], deep: { n: 1 } }
  const decision = await createService().authorize(
    encodeContainer([await call({ issuer: bob, proofs, args }), ...proofs]),
  )
  if (!decision.allowed) throw new Error(decision.denial.message)
  return decision.authorization
}

describe('an authorization', () => {
  it('contains the subject, the principals, the command and the expiration', async () => {
    expect(await authorized()).toMatchObject({
      subject: alice.did,
      invoker: bob.did,
      principals: [alice.did, bob.did],
      command: '/mail/send',
      expiration: now + 60,
    })
  })

  it('AUT-01 cannot be made by anybody else [attack 74]', async () => {
    const genuine = await authorized()
    expect(Authorization.is(genuine)).toBe(true)
    const forgeries: unknown[] = [
      { ...genuine },
      Object.create(Authorization.prototype),
      Object.setPrototypeOf({ ...genuine }, Authorization.prototype),
      structuredClone({ subject: alice.did }),
      null,
      'yes',
    ]
    for (const forgery of forgeries) expect(Authorization.is(forgery)).toBe(false)
    const parameters = [{ ...genuine, task: genuine.task }, 60, Symbol('authorization'), undefined]
    expect(() => Reflect.construct(Authorization, parameters)).toThrow(ArgumentError)
  })

  it('AUT-01 gives its key to no function of the platform, and its class cannot be changed [attack 74]', async () => {
    const spy = vi.spyOn(Reflect, 'construct')
    const genuine = await authorized()
    const given = spy.mock.calls.flatMap(([, parameters]) => Array.from(parameters))
    spy.mockRestore()
    for (const key of given.filter((value) => typeof value === 'symbol')) {
      expect(() => Reflect.construct(Authorization, [{ ...genuine, task: genuine.task }, 60, key, undefined])).toThrow(
        ArgumentError,
      )
    }
    expect(Reflect.set(Authorization, 'is', () => true)).toBe(false)
    expect(Reflect.set(Authorization.prototype, 'consume', () => undefined)).toBe(false)
    expect(Authorization.is({ ...genuine })).toBe(false)
  })

  it('names the task as the invocation does, whether the back end hashes at once or not', async () => {
    const proofs = await chainOf(alice, bob)
    const invocation = await call({ issuer: bob, proofs })
    for (const backend of [node, web]) {
      const decision = await createService({ backend }).authorize(encodeContainer([invocation, ...proofs]))
      if (!decision.allowed) throw new Error(decision.denial.message)
      const { task } = decision.authorization
      expect(task.toString()).toBe(invocation.task.toString())
      expect(decision.authorization.task).toBe(task)
    }
  })

  it.each([undefined, null, 7, 'text', {}, []])('AUT-01 is not %j: no authorizer looks at it again', async (value) => {
    const authorizer = createService()
    const problem = 'the authorization was not made by this authorizer'
    await expect(authorizer.recheck(value as never)).rejects.toThrow(new ArgumentError(problem))
    await expect(authorizer.finish(value as never)).rejects.toThrow(new ArgumentError(problem))
    const copy = { ...(await authorized()) }
    await expect(authorizer.recheck(copy as never)).rejects.toThrow(new ArgumentError(problem))
  })

  it('has every fact as a property of its own, so that a copy by `...` has it', async () => {
    const authorization = await authorized()
    const { invocation, task } = authorization
    expect({ ...authorization }).toMatchObject({ subject: alice.did, invocation, task })
    expect(JSON.parse(JSON.stringify(authorization))).toMatchObject({ task: { '/': task.toString() } })
    expect(Object.isFrozen(authorization)).toBe(true)
  })

  it('AUT-02 counts once [attack 74]', async () => {
    const authorization = await authorized()
    expect(authorization.consumed).toBe(false)
    authorization.consume(now)
    expect(authorization.consumed).toBe(true)
    expect(() => authorization.consume(now)).toThrow(AuthorizationError)
  })

  it('AUT-03 does not count after the chain has expired [attack 74]', async () => {
    const authorization = await authorized()
    expect(() => authorization.consume(now + 121)).toThrow(/expired/)
    for (const none of [Number.NaN, Number.NEGATIVE_INFINITY, null, undefined, String(now)]) {
      expect(() => authorization.consume(none as never), String(none)).toThrow(AuthorizationError)
    }
    authorization.consume(now + 120)
  })

  it('cannot be changed, nor its arguments [attack 8]', async () => {
    const authorization = await authorized()
    const { args } = authorization as unknown as { args: { to: string[]; deep: { n: number }; more?: string } }
    for (const change of [
      () => args.to.push('eve@evil.test'),
      () => Object.assign(args.deep, { n: 2 }),
      () => Object.assign(args, { more: 'x' }),
      () => Object.assign(authorization, { command: '/' }),
      () => (authorization.principals as unknown as string[]).pop(),
    ]) {
      expect(change).toThrow(TypeError)
    }
  })

  it('cannot be changed either when somebody has added a property to every object [attack 8]', async () => {
    const owner = await actor('owner', 'ES256')
    const container = encodeContainer([await call({ issuer: owner, args: { deep: { n: 1 } } })])
    Object.defineProperty(Object.prototype, 'argsFrozen', { configurable: true, value: true })
    try {
      const decision = await createService().authorize(container)
      expect(decision.allowed && Object.isFrozen(decision.authorization.args['deep'])).toBe(true)
    } finally {
      Reflect.deleteProperty(Object.prototype, 'argsFrozen')
    }
  })

  it('shows no token when it is printed', async () => {
    const proofs = await chainOf(alice, bob)
    const invocation = await call({ issuer: bob, proofs })
    const container = encodeContainer([invocation, ...proofs])
    const decision = await createService().authorize(container)
    const printed = inspect(decision, { depth: 9, showHidden: true }) + JSON.stringify(decision)
    expect(printed).not.toContain(container.slice(40, 80))
  })
})
