import { describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { denialResponse } from '../../src/http/denial-response.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { actor, clock } from '../support/actors.ts'
import { call, chainOf, createService, service } from '../support/service.ts'

const [alice, bob] = [await actor('alice'), await actor('bob')]
const proofs = await chainOf(alice, bob)
const read = defineCommand({ command: '/mail/read', args: {} })
const container = async () => encodeContainer([await call({ issuer: bob, proofs, command: read.command }), ...proofs])
const away = new Error('connection lost')

describe('a revocation store that fails between the decision and the release', () => {
  function setUp() {
    const sink = memoryAuditSink()
    let requests = 0
    let isAway = false
    const guard = createGuard({
      audience: service.did,
      subjects: [alice.did],
      commands: [{ ...read, credential: 'mail', requests: 2 }],
      revocations: { findRevocations: () => (isAway ? Promise.reject(away) : []) },
      replay: memoryReplayStore({ clock }),
      vault: memoryVault(
        { mail: { secret: 'canary', origins: ['https://api.example'], processor: bearer() } },
        {
          clock,
          fetch: async () => {
            requests += 1
            return new Response('sent')
          },
        },
      ),
      audit: { sink },
      clock,
    } as GuardOptions)
    const codes = () => sink.records().map(({ event }) => ('code' in event ? event.code : event.kind))
    return { guard, codes, requests: () => requests, lose: () => (isAway = true) }
  }

  it('GRD-22 is not reported as a revocation: nothing is sent, and the call is refused with 503', async () => {
    const { guard, codes, requests, lose } = setUp()
    const result = await guard.use(await container(), async ({ fetch }) => {
      lose()
      return fetch('https://api.example/')
    })
    expect(result).toMatchObject({ allowed: false, denial: { code: 'revocation_unknown' } })
    if (!result.allowed) expect(denialResponse(result.denial).status).toBe(503)
    expect(requests()).toBe(0)
    expect(codes()).toEqual(['intent', 'ERR_VAULT_UNAVAILABLE'])
  })

  it('GRD-22 is an error of the handler after an earlier request of the call was sent', async () => {
    const { guard, requests, lose } = setUp()
    const used = guard.use(await container(), async ({ fetch }) => {
      await (await fetch('https://api.example/')).text()
      lose()
      return fetch('https://api.example/')
    })
    await expect(used).rejects.toMatchObject({ code: 'ERR_VAULT_UNAVAILABLE' })
    expect(requests()).toBe(1)
  })

  it('GRD-22 rejects `recheck` of an authorizer', async () => {
    let isAway = false
    const authorizer = createService({ revocations: { findRevocations: () => (isAway ? Promise.reject(away) : []) } })
    const decision = await authorizer.authorize(await container())
    if (!decision.allowed) throw new Error(decision.denial.message)
    isAway = true
    await expect(authorizer.recheck(decision.authorization)).rejects.toMatchObject({ code: 'ERR_STORE' })
  })
})
