import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer, encodeContainerBytes } from '../../src/core/container/container.ts'
import { ArgumentError } from '../../src/errors.ts'
import type { GuardDenialCode } from '../../src/guard/result.ts'
import { denialResponse } from '../../src/http/denial-response.ts'
import { readContainer } from '../../src/http/read-container.ts'
import { root } from '../setup/entries.ts'
import { actor, now } from '../support/actors.ts'
import { delegationPayload, invocationPayload, type RawToken, sealRaw } from '../support/raw-token.ts'
import { call, chainOf, createService, delegateRaw, service } from '../support/service.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)

/** The codes that the two unions list. */
const codes = ['src/core/authorization/denial.ts', 'src/guard/result.ts'].flatMap((file) => {
  const [, union = ''] = /export type \w*DenialCode =([^/]+?)\n\n/.exec(readFileSync(root + file, 'utf8')) ?? []
  return [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code as GuardDenialCode)
})

const statusOf = (code: GuardDenialCode): number => denialResponse({ code, message: 'm', requirement: 'AAA-01' }).status

describe('HTP-05 a denial over HTTP', () => {
  it('has a status for every code', () => {
    expect(codes).toHaveLength(42)
    expect(new Set(codes.map(statusOf))).toEqual(new Set([400, 401, 403, 413, 429, 503, 510]))
    expect(statusOf('malformed')).toBe(400)
    expect(statusOf('signature_invalid')).toBe(401)
    expect(statusOf('policy_unsatisfied')).toBe(403)
    expect(statusOf('too_large')).toBe(413)
    for (const code of codes.filter((code) =>
      /unknown$|unavailable$|exceeded$|overloaded|closed|internal/.test(code),
    )) {
      expect.soft(statusOf(code), code).toBe(code === 'command_unknown' ? 403 : 503)
    }
  })

  it('names the link and the rule, with the challenge of RFC 6750, and is not cached', async () => {
    const decision = createService({ audience: alice.did }).authorizeSync(
      encodeContainer([await call({ issuer: bob, proofs }), ...proofs]),
    )
    if (decision.allowed) throw new Error('the call is for another service')
    const { status, headers, body } = denialResponse(decision.denial)
    expect(status).toBe(401)
    expect(headers).toEqual({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'procura-answer': 'refused',
      'www-authenticate': 'Bearer error="invalid_token"',
    })
    const { code, message, at, requirement } = decision.denial
    expect(JSON.parse(body)).toEqual({ title: 'Not a valid call', status, detail: message, code, at, requirement })
  })

  it('HTP-11 names the time of the next call, or a second', () => {
    const retryAfter = (code: GuardDenialCode, freeAt?: number): string | undefined =>
      denialResponse({
        code,
        message: 'm',
        requirement: 'AAA-01',
        detail: { kind: 'limit', statement: 0, limit: ['limit/rate', 1, 60], remaining: 0, ...(freeAt && { freeAt }) },
      }).headers['retry-after']
    expect(retryAfter('limit_busy', 1_800_000_000)).toBe('Fri, 15 Jan 2027 08:00:00 GMT')
    expect(retryAfter('limit_busy')).toBe('1')
    expect(retryAfter('limit_busy', Number.MAX_SAFE_INTEGER)).toBe('1')
    expect(retryAfter('overloaded')).toBe('1')
    for (const code of codes.filter((one) => one !== 'limit_busy' && one !== 'overloaded'))
      expect.soft(retryAfter(code, 1_800_000_000), code).toBe(undefined)
  })

  it('lists proofs that are missing, without a challenge', async () => {
    const decision = createService().authorizeSync(encodeContainer([await call({ issuer: bob, proofs })]))
    if (decision.allowed) throw new Error('the proofs were not sent')
    const { status, headers, body } = denialResponse(decision.denial)
    expect(status).toBe(510)
    expect(headers).not.toHaveProperty('www-authenticate')
    expect(JSON.parse(body).prf).toEqual(proofs.map(({ cid }) => String(cid)))
  })

  it('contains that an approval could permit the call, without the delegation to ask for', async () => {
    const decision = createService().authorizeSync(encodeContainer([await call({ issuer: bob, subject: alice.did })]))
    if (decision.allowed) throw new Error('the call has no proofs')
    expect(decision.denial.approvable).toBeDefined()
    expect(JSON.parse(denialResponse(decision.denial).body).approvable).toBe(true)
  })

  it('HTP-10 repeats no value of an argument, no nonce, metadata or signature [attack 77]', async () => {
    const canary = 'canary-91c4e2'
    const nonce = new TextEncoder().encode('canary-nonce')
    const values = { note: canary, list: [canary], map: { deep: canary } }
    const invoked = (change: object = {}) =>
      call({ issuer: bob, proofs, args: values, nonce, meta: { note: canary }, ...change } as never)
    const schema = z.enum(['one', 'two'], { error: ({ input }) => `${String(input)} is wrong` })
    const send = defineCommand({ command: '/mail/send', args: { note: schema } })
    const objecting = [await delegateRaw(alice, bob, { policy: [['like', '.note', 'x*']] })]
    const good = await invoked()
    const bytes = encodeContainerBytes([good, ...proofs])
    const broken = Uint8Array.from(bytes)
    broken[Buffer.from(bytes).indexOf(canary)] = 0x2a
    const tries: readonly (readonly [GuardDenialCode, string | Uint8Array, object?])[] = [
      ['arguments_invalid', encodeContainer([good, ...proofs]), { commands: [send] }],
      ['policy_unsatisfied', encodeContainer([await invoked({ proofs: objecting }), ...objecting])],
      ['command_unknown', encodeContainer([good, ...proofs]), { commands: [] }],
      ['audience_mismatch', encodeContainer([good, ...proofs]), { audience: alice.did }],
      ['subject_not_accepted', encodeContainer([good, ...proofs]), { subjects: [bob.did] }],
      ['proof_missing', encodeContainer([good])],
      ['principal_misaligned', encodeContainer([await invoked({ issuer: alice }), ...proofs])],
      ['malformed', bytes.subarray(0, -9)],
      ['signature_invalid', broken],
      ['nonce_too_short', encodeContainer([good, ...proofs]), { minimumNonceBytes: 20 }],
      ['expired', encodeContainer([good, ...proofs]), { clock: { now: () => now + 100_000 } }],
    ]
    // The signature is the first item of a token.
    const parts = [canary, 'canary-nonce', good.bytes.subarray(8, 32), good.bytes.subarray(-24)].map((part) =>
      Buffer.from(part as string),
    )
    const forms = parts.flatMap((part) => [
      ...[part.toString('latin1'), part.toString('hex')],
      ...[part.toString('base64').slice(0, -3), part.toString('base64url').slice(0, -3)],
    ])
    for (const [code, container, change] of tries) {
      const decision = await createService(change).authorize(container)
      if (decision.allowed) throw new Error(`${code} was not refused`)
      expect.soft(decision.denial.code).toBe(code)
      const { headers, body } = denialResponse(decision.denial)
      const text = `${JSON.stringify(headers)}${body}`
      for (const form of forms) expect.soft(text, code).not.toContain(form)
    }
  })

  it('HTP-10 repeats 64 characters of a text in the place of a DID, command, tag, operator or selector, and no other', async () => {
    const canary = 'x'.repeat(100)
    const own = { ...invocationPayload(bob.did), sub: alice.did, aud: service.did }
    const statement = (...pol: unknown[]) => ({ payload: { ...delegationPayload(alice.did, bob.did), pol: [pol] } })
    const field = (name: string, value: unknown = canary) => ({ payload: { ...own, [name]: value } })
    const bytes = new TextEncoder().encode(canary)
    const shown: Readonly<Record<string, Partial<RawToken>>> = {
      ...Object.fromEntries(['iss', 'aud', 'sub', 'cmd', canary].map((name) => [name, field(name)])),
      'a DID URL': field('aud', `did:web:a.example?${canary}`),
      'a tag': { tag: `ucan/inv@${canary}`, payload: own },
      'an operator': statement(canary, '.a', 1),
      'a selector': statement('==', canary, 1),
    }
    const hidden: Readonly<Record<string, Partial<RawToken>>> = {
      ...Object.fromEntries(
        ['args', 'prf', 'nonce', 'meta', 'exp', 'iat', 'nbf', 'cause'].flatMap((name) => [
          [name, field(name)],
          [`${name} in a list`, field(name, [canary])],
          [`${name} in a map`, field(name, { [canary]: canary })],
        ]),
      ),
      'a key': field('aud', `did:key:z${canary}`),
      'a number of a policy': statement('<', '.a', canary),
      'a statement': statement({ [canary]: canary }),
      'a key beside the payload': { payload: own, beside: { [canary]: canary } },
      'a header': { payload: own, header: bytes },
      'a signature': { payload: own, signature: bytes },
    }
    for (const [place, token] of [...Object.entries(shown), ...Object.entries(hidden)]) {
      const signer = token.payload === undefined || 'pol' in token.payload ? alice : bob
      const tag = signer === alice ? 'ucan/dlg@1.0.0' : 'ucan/inv@1.0.0'
      const sealed = { bytes: await sealRaw(signer, { tag, ...token }) }
      const tokens = signer === alice ? [await call({ issuer: bob, proofs }), sealed] : [sealed, ...proofs]
      const decision = await createService().authorize(encodeContainer(tokens))
      const answer = decision.allowed ? 'allowed' : denialResponse(decision.denial)
      const [longest = ''] = JSON.stringify(answer).match(/x{9,}/g) ?? []
      if (place in shown) expect.soft(longest.length, place).toSatisfy((length: number) => length > 40 && length <= 64)
      else expect.soft(longest, place).toBe('')
    }
  })

  it('reports wrong arguments as such, not as a missing call', async () => {
    const send = defineCommand({ command: '/mail/send', args: { note: z.string() } })
    const container = encodeContainer([await call({ issuer: bob, proofs, args: { note: 1 } }), ...proofs])
    const decision = await createService({ commands: [send] }).authorize(container)
    if (decision.allowed) throw new Error('the argument is a number')
    expect(JSON.parse(denialResponse(decision.denial).body)).toMatchObject({
      title: 'Not the arguments of the command',
      status: 400,
      code: 'arguments_invalid',
      detail: expect.stringContaining('argument `note`'),
    })
  })

  it('HTP-24 is also of a request without a container, with a challenge of its own', async () => {
    const responseTo = async (headers: Record<string, string>) => {
      const reading = await readContainer(new Request('https://service.example/', { headers }))
      if (reading.found) throw new Error('there is no container')
      const { status, headers: sent, body } = denialResponse(reading)
      return [status, sent['www-authenticate'], JSON.parse(body).code]
    }
    expect(await responseTo({})).toEqual([401, 'Bearer', 'container_missing'])
    const wrong = [400, 'Bearer error="invalid_request"', 'container_unreadable']
    expect(await responseTo({ authorization: 'Bearer' })).toEqual(wrong)
    expect(await responseTo({ 'x-ucan-container': 'C'.repeat(9_000) })).toEqual([431, ...wrong.slice(1)])
    expect(() => denialResponse({ found: false, status: 200, message: 'x' } as never)).toThrow(ArgumentError)
    expect(() => denialResponse({ found: true } as never)).toThrow(ArgumentError)
  })

  it('is of a denial', () => {
    for (const nothing of [undefined, null, 'x', {}, { code: 'toString' }, { allowed: false }, { code: 'expired' }]) {
      expect(() => denialResponse(nothing as never)).toThrow(ArgumentError)
    }
  })
})
