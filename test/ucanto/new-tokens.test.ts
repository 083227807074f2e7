import { describe, expect, it } from 'vitest'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { eq } from '../../src/core/capability/policy/build.ts'
import { cidOf } from '../../src/core/ipld/cid.ts'
import { encodeCbor } from '../../src/core/ipld/encode.ts'
import { remoteSigner } from '../../src/core/principal/remote-signer.ts'
import { archive, attenuate, decode, delegate, invoke, ucantoFormat } from '../../src/entries/ucanto.ts'
import { ArgumentError } from '../../src/errors.ts'
import { actor, clock } from '../support/actors.ts'
import { createService, service, verdict } from '../support/service.ts'

const [alice, bob] = [await actor('alice'), await actor('bob')]
const send = defineCommand({ command: '/mail/send', args: { to: text(), subject: text() } })

describe('a new token of 0.9.1', () => {
  it('has the contents at the time of the call, also when arguments change while its signer works', async () => {
    const grant = await delegate({ issuer: alice, audience: bob.did, command: '/mail', clock })
    const other = await delegate({ issuer: alice, audience: bob.did, command: '/file', clock })
    const block = encodeCbor({ body: 'hello' })
    const link = cidOf(new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(block))))
    const args = { to: 'ann', list: [1], link }
    const meta = { note: 'first' }
    const proofs = [grant]
    const attached = [Uint8Array.from(block)]
    const issuer = remoteSigner({
      did: bob.did,
      sign: async (bytes) => {
        await Promise.resolve()
        args.to = 'eve'
        args.list.push(2)
        meta.note = 'second'
        proofs[0] = other
        attached[0]?.fill(0)
        return bob.sign(bytes)
      },
    })
    const call = await invoke({
      issuer,
      audience: service.did,
      command: '/mail/send',
      args,
      meta,
      proofs,
      attached,
      clock,
    })
    expect(call.capabilities[0]?.nb).toEqual({ to: 'ann', list: [1], link })
    expect([...call.included.values()].map(({ cid }) => String(cid))).toEqual([String(grant.cid)])
    expect([...call.attached.values()]).toEqual([block])
    const [read] = await decode(await archive(call))
    expect(read?.capabilities).toEqual(call.capabilities)
    const authorizer = createService({ formats: [ucantoFormat()] })
    expect(verdict(await authorizer.authorize(await archive(call)))).toBe('allowed')
  })

  it('is refused, and not signed with empty arguments, when an object cannot be written', async () => {
    class Args {
      readonly to = 'ann@example.com'
    }
    const options = { issuer: alice, audience: service.did, command: '/mail/send', clock }
    for (const args of [Promise.resolve({ to: 'x' }), new Map([['to', 'x']]), new Args(), new Date(0), ['x']]) {
      await expect(invoke({ ...options, args: args as never })).rejects.toThrow(/`args` (?:must be|is a promise)/)
      await expect(invoke({ ...options, meta: args as never })).rejects.toThrow(/`meta` (?:must be|is a promise)/)
    }
    const { capabilities } = await invoke({ ...options, args: Object.assign(Object.create(null), { to: 'x' }) })
    expect(capabilities[0]?.nb).toEqual({ to: 'x' })
  })

  it('takes only known values of `readers`', async () => {
    const options = { issuer: alice, audience: service.did, command: '/mail/send', clock }
    for (const readers of ['procra', Promise.resolve('procura'), null] as never[]) {
      await expect(delegate({ ...options, readers })).rejects.toThrow('`readers`')
      await expect(attenuate(await delegate(options), { ...options, issuer: service, readers })).rejects.toThrow(
        '`readers`',
      )
    }
  })

  it('POL-32 has no policy for an argument that the definition does not have', async () => {
    const grant = await delegate({ issuer: alice, audience: bob.did, command: '/mail', clock })
    const message = 'command `/mail/send` has no argument `recipient`; it has `to`, `subject`'
    const policy = [eq('.recipient', 'ann')]
    await expect(delegate({ issuer: alice, audience: bob.did, command: send, policy })).rejects.toThrow(message)
    await expect(attenuate(grant, { issuer: bob, audience: alice.did, command: send, policy })).rejects.toThrow(message)
    await attenuate(grant, { issuer: bob, audience: alice.did, command: send, policy: [eq('.to', 'ann')], clock })
    await delegate({ issuer: alice, audience: bob.did, command: send.command, policy })
  })

  it('TOK-21 has every argument that the definition requires', async () => {
    const refused = expect(invoke({ issuer: bob, audience: service.did, command: send, args: { to: 'ann' } as never }))
    await refused.rejects.toThrow(new ArgumentError('command `/mail/send` needs the argument `subject`'))
    const args = { to: 'ann', subject: 'x' }
    expect((await invoke({ issuer: bob, audience: service.did, command: send, args })).capabilities[0]?.nb).toEqual(
      args,
    )
    // @ts-expect-error the arguments are missing
    await expect(invoke({ issuer: bob, audience: service.did, command: send })).rejects.toThrow('the argument `to`')
  })
})
