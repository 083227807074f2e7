import { describe, expect, it } from 'vitest'
import { openAgent } from '../../src/agent/open-agent.ts'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { like } from '../../src/core/capability/policy/build.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { actor, clock } from '../support/actors.ts'

const [owner, signer, service] = await Promise.all([actor('owner'), actor('agent'), actor('service')])
const command = '/files/write'
const write = defineCommand({ command, args: { content: text({ maxLength: 1_000_000 }) } })
const grant = await delegate({
  ...{ issuer: owner, audience: signer.did, command, policy: [like('.content', 'x*z')], clock },
})
const bounds = { tokenBytes: 300_000, containerBytes: 400_000 }
const authorizer = (options: object) =>
  createAuthorizer({
    audience: service.did,
    subjects: [owner.did],
    commands: [write],
    clock,
    ...memoryStores({ clock }),
    ...options,
  })
const contentOf = (length: number, end = 'z'): string => `${'x'.repeat(length)}${end}`

describe('a service with larger bounds', () => {
  it('LIM-03 gets larger calls from an agent that knows them, and decides about their arguments', async () => {
    const agent = await openAgent({ signer, delegations: [grant], bounds, clock })
    const call = await agent.authorize({ command, args: { content: contentOf(200_000) }, audience: service.did })
    if (!call.ok) throw new Error(call.denial.message)
    expect(await authorizer({ bounds }).authorize(call.container)).toMatchObject({ allowed: true })
    expect(await authorizer({}).authorize(call.container)).toMatchObject({
      allowed: false,
      denial: { code: 'too_large' },
    })
    expect(await agent.can(command, { content: contentOf(200_000, 'y') })).toMatchObject({
      denial: { code: 'policy_unsatisfied' },
    })
  })

  it.each([
    ['without bounds', 65_536, {}],
    ['beyond its bounds', 300_000, { bounds }],
  ])('AGT-20 gets no call from an agent %s', async (_, most, options) => {
    const agent = await openAgent({ signer, delegations: [grant], clock, ...options })
    const tooLarge = /^`args` are too large for a token: .*; send less at a time$/
    await expect(agent.can(command, { content: contentOf(most) })).rejects.toThrow(tooLarge)
    // In the second case the arguments fit into a token, and the whole call does not.
    for (const length of [most, most - 100]) {
      const request = { command, args: { content: contentOf(length) }, audience: service.did }
      await expect(agent.authorize(request)).rejects.toThrow(tooLarge)
    }
  })
})
