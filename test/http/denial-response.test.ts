import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { encodeContainer } from '../../src/container/container.ts'
import { ArgumentError } from '../../src/errors.ts'
import type { GuardDenialCode } from '../../src/guard/result.ts'
import { denialResponse } from '../../src/http/denial-response.ts'
import { root } from '../setup/entries.ts'
import { actor } from '../support/actors.ts'
import { call, chainOf, createService } from '../support/service.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)

/** The codes that the two unions list. */
const codes = ['src/authorization/denial.ts', 'src/guard/result.ts'].flatMap((file) => {
  const [, union = ''] = /export type \w*DenialCode =([^/]+?)\n\n/.exec(readFileSync(root + file, 'utf8')) ?? []
  return [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code as GuardDenialCode)
})

const statusOf = (code: GuardDenialCode): number => denialResponse({ code, message: 'm', requirement: 'AAA-01' }).status

describe('HTP-05 a denial over HTTP', () => {
  it('has a status for every code', () => {
    expect(codes).toHaveLength(32)
    expect(new Set(codes.map(statusOf))).toEqual(new Set([400, 401, 403, 413, 503, 510]))
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

  it('says which link and which rule, with the challenge of RFC 6750, and is not kept', async () => {
    const decision = createService({ audience: alice.did }).authorizeSync(
      encodeContainer([await call({ issuer: bob, proofs }), ...proofs]),
    )
    if (decision.allowed) throw new Error('the call is for another service')
    const { status, headers, body } = denialResponse(decision.denial)
    expect(status).toBe(401)
    expect(headers).toEqual({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'www-authenticate': 'Bearer error="invalid_token"',
    })
    const { code, message, at, requirement } = decision.denial
    expect(JSON.parse(body)).toEqual({ title: 'Not a valid call', status, detail: message, code, at, requirement })
  })

  it('lists proofs that are missing, without a challenge', async () => {
    const decision = createService().authorizeSync(encodeContainer([await call({ issuer: bob, proofs })]))
    if (decision.allowed) throw new Error('the proofs were not sent')
    const { status, headers, body } = denialResponse(decision.denial)
    expect(status).toBe(510)
    expect(headers).not.toHaveProperty('www-authenticate')
    expect(JSON.parse(body).prf).toEqual(proofs.map(({ cid }) => String(cid)))
  })

  it('is of a denial', () => {
    for (const nothing of [undefined, null, 'x', {}, { code: 'toString' }, { allowed: false }, { code: 'expired' }]) {
      expect(() => denialResponse(nothing as never)).toThrow(ArgumentError)
    }
  })
})
