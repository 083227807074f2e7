import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type UcantoCase, ucantoCases } from '../../spec/vectors/generator/ucanto.ts'
import { createAuthorizer } from '../../src/authorization/authorize.ts'
import { memoryReplayStore } from '../../src/authorization/replay-store.ts'
import { memoryRevocationStore } from '../../src/revocation/memory.ts'
import { never } from '../../src/time.ts'
import { ucantoFormat } from '../../src/ucanto/ucanto-format.ts'
import { serviceOptions } from '../support/service.ts'

const file = new URL('../../spec/vectors/ucanto.json', import.meta.url)
const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { readonly cases: readonly UcantoCase[] }

describe('vectors of 0.9.1', () => {
  it('are what the generator writes', async () => {
    expect(cases).toEqual(JSON.parse(JSON.stringify(await ucantoCases())))
  })

  it.each(cases.map((one) => [one.name, one] as const))(
    '%s',
    async (_, { container, time, audience, expected, requirement, attestationAuthorities = [], revoked = [] }) => {
      const clock = { now: (): number => time }
      const revocations = memoryRevocationStore({ clock })
      for (const id of revoked) await revocations.add({ ids: [id], expiration: never })
      const authorizer = createAuthorizer(
        serviceOptions({
          audience,
          clock,
          clockTolerance: 0,
          replay: memoryReplayStore({ clock }),
          revocations,
          formats: [ucantoFormat({ attestationAuthorities })],
        }),
      )
      const decision = await authorizer.authorize(container)
      expect(decision.allowed ? { allowed: true } : { allowed: false, code: decision.denial.code }).toEqual(expected)
      if (!decision.allowed) expect(decision.denial.requirement).toBe(requirement)
    },
  )
})
