import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anySubject } from '../../../src/core/capability/subject.ts'
import { attenuate } from '../../../src/core/delegation/attenuate.ts'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../../src/core/delegation/delegation.ts'
import { drawDelegations } from '../../../src/core/proof/draw-delegations.ts'
import { never } from '../../../src/time.ts'
import { actor, clock, now } from '../../support/actors.ts'

const [owner, agent, helper, other] = await Promise.all(['owner', 'agent', 'helper', 'other'].map((one) => actor(one)))
if (!owner || !agent || !helper || !other) throw new Error('an actor is missing')

const grant = await delegate({
  ...{ issuer: owner, subject: owner.did, audience: agent.did, command: '/mail', expiration: now + 100, clock },
  policy: [['like', '.to', '*@example.com']],
})
const passed = await attenuate(grant, { issuer: agent, audience: helper.did, command: '/mail/send', clock })
const names = { [owner.did]: 'the owner', [agent.did]: 'claude' }

/** The texts of a picture, as a reader of XML sees them. */
function textsOf(svg: string): readonly string[] {
  return [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text = '']) =>
    text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'),
  )
}

/** A picture has these elements and attributes, and nothing else. */
const line =
  /^(?:<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" role="img" width="\d+" height="\d+" viewBox="0 0 \d+ \d+" font-family="monospace" font-size="12" xml:space="preserve">|<title>Who delegated what to whom<\/title>|<rect (?:[xy]="\d+" ){0,2}width="[\d.]+" height="\d+"(?: rx="4")? fill="#\w+"(?: stroke="#\w+")?\/>|<path d="[MVHml\d -]+" fill="none" stroke="#\w+"\/>|<text x="\d+" y="\d+" direction="ltr" unicode-bidi="bidi-override"(?: font-weight="bold"| fill="#\w+")?>(?:[^<>&]|&lt;|&gt;|&amp;)*<\/text>|<\/svg>)$/u

function expectSafe(svg: string): void {
  for (const one of svg.split('\n')) expect(one).toMatch(line)
  expect(svg.replaceAll('\n', '')).not.toMatch(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u)
  expect(new TextEncoder().encode(svg).length).toBeLessThanOrEqual(1_048_576)
}

const wellFormed = (text: string): string => text.replace(/\p{Cs}/gu, '')

const hostile = ['<script>alert(1)</script>', ']]>', '\u202egpj.exe', '&lt;b>', '"\u0000\ud800', '\u0301'.repeat(50)]

describe('drawDelegations', () => {
  it('LOG-30 draws each principal below its issuer, with commands, conditions and ends', () => {
    const svg = drawDelegations([passed, grant, grant], { names, clock })
    expectSafe(svg)
    expect(textsOf(svg)).toEqual([
      ...['the owner', owner.did],
      ...['claude', agent.did, 'may call /mail and all commands below it'],
      ...['where `.to` is a string that ends with `"@example.com"`', 'ends 2027-01-15T08:01:40Z (1800000100)'],
      ...[helper.did, 'may call /mail/send and all commands below it', 'ends 2027-01-15T08:01:40Z (1800000100)'],
      'Signatures and revocations are not checked here.',
    ])
    expect(svg).toMatch(/<path /)
  })

  it('LOG-30 marks ended and future delegations, foreign subjects and principals that are drawn above', async () => {
    const made = await Promise.all([
      delegate({ issuer: owner, subject: anySubject, audience: other.did, command: '/', expiration: never }),
      delegate({ issuer: agent, subject: agent.did, audience: other.did, command: '/x', expiration: now + 9, clock }),
      delegate({
        ...{ issuer: other, subject: anySubject, audience: agent.did, command: '/y', clock },
        ...{ notBefore: now + 50, expiration: now + 60 },
      }),
    ])
    const subject = owner.did
    made[1] = { ...made[1], subject, expiration: now - 1 } as Delegation
    const svg = drawDelegations(made, { names, clock })
    const texts = textsOf(svg)
    expect(texts).toContain('may call every command')
    expect(texts).toContain('for any subject')
    expect(texts).toContain('never ends')
    expect(texts).toContain('(its own delegations are drawn above)')
    expect(svg).toContain(' fill="#a40e26">ended 2027-01-15T07:59:59Z')
    expect(svg).toContain(' fill="#a40e26">not valid before 2027-01-15T08:00:50Z')
    // A ring has no first issuer.
    const ring = textsOf(drawDelegations(made.slice(1), { names, clock }))
    expect(ring[0]).toBe('claude')
    expect(ring).toContain('on behalf of the owner')
    expect(textsOf(drawDelegations([]))).toHaveLength(1)
  })

  it('LOG-31 has no markup of a name, condition or command, and no character that is not seen', async () => {
    for (const text of hostile) {
      const well = wellFormed(text)
      const one = await delegate({
        ...{ issuer: owner, subject: owner.did, audience: agent.did, command: '/mail', expiration: never },
        policy: [['==', '.to', well]],
      })
      const svg = drawDelegations([one], { names: { [agent.did]: text, [owner.did]: helper.did } })
      expectSafe(svg)
      expect(svg).not.toMatch(/<script|<b>|\]\]>|\u202e/)
      // A name cannot be taken for another principal.
      expect(textsOf(svg)[0]).toBe(`"${helper.did}"`)
      expect(textsOf(svg)[1]).toBe(owner.did)
    }
  })

  it('LOG-31 LOG-32 is safe and bounded for every text', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 })
    void fc.assert(
      fc.property(fc.array(fc.tuple(text, text, text), { maxLength: 8 }), text, (some, name) => {
        const made = some.map(([issuer, audience, value], at) => ({
          ...{ ...grant, issuer, audience, command: `/${value}`, cid: at },
          policy: [['==', '.to', wellFormed(value)]],
        })) as unknown as readonly Delegation[]
        expectSafe(drawDelegations(made, { clock, names: { [some[0]?.[0] ?? '']: name } }))
      }),
    )
  })

  it('LOG-32 draws 100 delegations, with their ends, and names the number of the others', () => {
    const wide = '&<>\u{1f600}\u202e'.repeat(2_000)
    const made = Array.from({ length: 150 }, (_, at) => ({
      ...{ ...grant, cid: at, issuer: `did:x:${at}${'&'.repeat(100)}`, audience: `did:x:${at + 1}${'&'.repeat(100)}` },
      policy: Array.from({ length: 60 }, () => ['==', '.to', wide]),
    })) as unknown as readonly Delegation[]
    const given = Object.fromEntries(made.map(({ audience }) => [audience, wide]))
    const svg = drawDelegations(made, { clock, names: given })
    expectSafe(svg)
    const texts = textsOf(svg)
    expect(texts.filter((one) => one.startsWith('ends '))).toHaveLength(100)
    expect(texts.filter((one) => one.startsWith('NOT EVERYTHING IS SHOWN'))).toHaveLength(100)
    expect(texts).toContain('50 more delegations are not drawn.')
  })

  it('refuses other values', () => {
    for (const wrong of [undefined, {}, [undefined], [{ kind: 'invocation' }]])
      expect(() => drawDelegations(wrong as never)).toThrow(/must be an array of delegations/)
    expect(() => drawDelegations([], { name: {} } as never)).toThrow(/name/)
  })
})
