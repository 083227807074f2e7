import { describe, expect, it } from 'vitest'
import { parsePolicy } from '../../../src/core/capability/policy/parse-policy.ts'
import { anySubject } from '../../../src/core/capability/subject.ts'
import { type AttenuateOptions, attenuate } from '../../../src/core/delegation/attenuate.ts'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../../src/core/delegation/delegation.ts'
import { ArgumentError, AttenuationError } from '../../../src/errors.ts'
import { never } from '../../../src/time.ts'
import { actor, clock, now } from '../../support/actors.ts'
import { call, decide } from '../../support/service.ts'

const [alice, bob, carol] = [await actor('alice'), await actor('bob'), await actor('carol')]
const policy = parsePolicy([['<=', '.n', 100]])
const grant = await delegate({ issuer: alice, audience: bob.did, command: '/mail', policy, expiresIn: 600, clock })

const narrow = (
  change: Partial<AttenuateOptions>,
  proofs: Delegation | readonly Delegation[] = grant,
): Promise<Delegation> => attenuate(proofs, { issuer: bob, audience: carol.did, clock, ...change })

describe('attenuate', () => {
  it('narrows a received delegation, and the service accepts the result', async () => {
    const narrower = await narrow({ command: '/mail/send', policy: parsePolicy([['<', '.n', 50]]), expiresIn: 60 })
    expect(narrower).toMatchObject({ issuer: bob.did, audience: carol.did, subject: alice.did, expiration: now + 60 })
    const proofs = [grant, narrower]
    const said = async (n: number) => decide([await call({ issuer: carol, proofs, args: { n } }), ...proofs])
    expect([await said(49), await said(50)]).toEqual(['allowed', 'policy_unsatisfied at 1 PRF-11'])
  })

  it('has the command, subject and time of the proof by default', async () => {
    expect(await narrow({})).toMatchObject({ command: '/mail', subject: alice.did, policy: [], expiration: now + 600 })
    const long = await delegate({ issuer: alice, audience: bob.did, command: '/', expiration: never })
    expect(await narrow({}, long)).toMatchObject({ command: '/', expiration: now + 3_600 })
  })

  it('takes the subject of the first link that names one', async () => {
    const power = await delegate({ issuer: bob, audience: carol.did, subject: anySubject, command: '/mail', clock })
    const passed = await attenuate([grant, power], { issuer: carol, audience: bob.did, clock })
    expect(passed.subject).toBe(alice.did)
    expect((await attenuate(power, { issuer: carol, audience: bob.did, clock })).subject).toBe(anySubject)
  })

  it('is refused on proofs that have expired by the clock, when no lifetime is given', async () => {
    const at = (moment: number) => narrow({ clock: { now: () => moment } })
    const last = now + 600
    // The last second, and fractions of it, are within the validity.
    for (const moment of [last, last + 0.9]) expect((await at(moment)).expiration).toBe(last)
    const message =
      'the delegation would outlive its proofs, which expire at 2027-01-15T08:10:00Z (1800000600); use newer proofs, or a shorter lifetime'
    for (const moment of [last + 1, last + 86_400])
      await expect(at(moment)).rejects.toThrow(new AttenuationError(message))
    const wide = await delegate({ issuer: bob, audience: carol.did, command: '/mail', subject: anySubject, clock })
    const early = { issuer: carol, audience: bob.did, clock: { now: () => last + 1 } }
    await expect(attenuate([grant, wide], early)).rejects.toThrow(/which expire at 2027-01-15T08:10:00Z/)
    // A chosen end, as before.
    const chosen = await narrow({ expiration: last - 1, clock: { now: () => last + 1 } })
    expect(chosen.expiration).toBe(last - 1)
  })

  it('refuses to sign a broader delegation than the proofs, and names the excess [attack 88]', async () => {
    const wider: [Partial<AttenuateOptions>, RegExp][] = [
      [{ command: '/' }, /gives `\/mail`, which does not cover `\/`/],
      [{ command: '/file' }, /does not cover/],
      [{ command: '/mailbox' }, /does not cover/],
      [{ expiresIn: 601 }, /expire at/],
      [{ expiration: never }, /expire at/],
      [{ policy: parsePolicy([['<=', '.n', 500]]) }, /500/],
      [{ issuer: carol }, /cannot pass it on/],
    ]
    for (const [change, message] of wider) {
      await expect(narrow(change), String(message)).rejects.toThrow(AttenuationError)
      await expect(narrow(change)).rejects.toThrow(message)
    }
  })

  it('gives no command that only the last of the proofs gives', async () => {
    const wider = await delegate({ issuer: bob, audience: carol.did, subject: anySubject, command: '/', clock })
    const pass = (command?: string) =>
      attenuate([grant, wider], { issuer: carol, audience: bob.did, clock, ...(command && { command }) })
    await expect(pass()).rejects.toThrow(/gives `\/mail`, which does not cover `\/`/)
    await expect(pass('/file')).rejects.toThrow(AttenuationError)
    expect((await pass('/mail/send')).command).toBe('/mail/send')
  })

  it('TOK-20 signs for whom it was asked, when options are used again before it has answered', async () => {
    const options = { issuer: bob, audience: carol.did, policy, expiresIn: 60, clock }
    const first = attenuate(grant, options)
    options.audience = alice.did
    const second = attenuate(grant, options)
    expect([(await first).audience, (await second).audience]).toEqual([carol.did, alice.did])
  })

  it('TOK-20 compares with the proofs it was given, when their list is changed before it has answered', async () => {
    const short = await delegate({ issuer: alice, audience: bob.did, command: '/mail', expiresIn: 60, clock })
    const proofs = [short]
    const passed = attenuate(proofs, { issuer: bob, audience: carol.did, policy, clock })
    proofs[0] = grant
    expect((await passed).expiration).toBe(now + 60)
  })

  it('POL-25 accepts a delegation that one of the proofs covers, even if another is narrower [attack 88]', async () => {
    const wide = parsePolicy([
      [
        'or',
        [
          ['==', '.n', 1],
          ['==', '.n', 2],
        ],
      ],
    ])
    const narrowed = parsePolicy([['==', '.n', 1]])
    const first = await delegate({ issuer: alice, audience: bob.did, command: '/mail', policy: wide, clock })
    const second = await delegate({
      issuer: bob,
      audience: carol.did,
      subject: anySubject,
      command: '/mail',
      policy: narrowed,
      clock,
    })
    const pass = (policy: AttenuateOptions['policy'], chain = [first, second]) =>
      attenuate(chain, { issuer: carol, audience: bob.did, clock, ...(policy && { policy }) })
    expect((await pass([...wide, ...narrowed])).policy).toEqual([...wide, ...narrowed])
    expect((await pass(wide)).policy).toEqual(wide)
    await expect(pass(wide, [second])).rejects.toThrow(AttenuationError)
    await expect(pass(parsePolicy([['==', '.n', 3]]))).rejects.toThrow(/\(proof 1 of 2\)/)
    await expect(pass(parsePolicy([['==', '.n', 2]]))).rejects.toThrow(/\(proof 2 of 2\)/)
  })

  it('refuses a mistake of the caller', async () => {
    await expect(narrow({}, [])).rejects.toThrow(ArgumentError)
    await expect(narrow({ expiresIn: 0.5 })).rejects.toThrow(ArgumentError)
    await expect(narrow({ audience: 'carol' })).rejects.toThrow(/DID/)
    await expect(narrow({ policy: [['~', '.n', 1]] as never })).rejects.toThrow(/`~`|operator/)
  })
})
