import { describe, expect, it } from 'vitest'
import { createAuthorizer } from '../../../src/core/authorization/authorize.ts'
import { explainCall } from '../../../src/core/authorization/explain-call.ts'
import { memoryStores } from '../../../src/core/authorization/memory-stores.ts'
import { number, optional } from '../../../src/core/capability/argument-types/basic.ts'
import { email } from '../../../src/core/capability/argument-types/email.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { like, lt } from '../../../src/core/capability/policy/build.ts'
import { anySubject } from '../../../src/core/capability/subject.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import { invoke } from '../../../src/core/invocation/invoke.ts'
import type { IpldMap } from '../../../src/core/ipld/value.ts'
import { actor, clock, now } from '../../support/actors.ts'

const names = ['owner', 'planner', 'agent', 'service'] as const
const [owner, planner, agent, service] = await Promise.all(names.map((name) => actor(name)))
if (!owner || !planner || !agent || !service) throw new Error('no actors')
const send = defineCommand({ command: '/mail/send', args: { to: email(), copies: optional(number()) } })
const authorizer = createAuthorizer({
  audience: service.did,
  subjects: anySubject,
  commands: [send],
  clock,
  clockTolerance: 0,
  ...memoryStores({ clock }),
})
const policy = [like('.to', '*@example.com')]
const roots = [
  await delegate({ issuer: owner, audience: planner.did, command: '/mail', clock }),
  await delegate({ issuer: owner, audience: planner.did, command: '/mail', clock, policy: [lt('.copies?', 3)] }),
  await delegate({ issuer: owner, audience: planner.did, command: '/mail/send', clock, expiration: now - 1 }),
  await delegate({ issuer: owner, audience: planner.did, subject: anySubject, command: '/mail', clock }),
]
const lasts = [
  await delegate({ issuer: planner, audience: agent.did, subject: anySubject, command: '/mail', policy, clock }),
  await delegate({ issuer: planner, audience: agent.did, command: '/mail', clock }),
  await delegate({ issuer: planner, audience: planner.did, subject: anySubject, command: '/mail/send', clock }),
  await delegate({ issuer: planner, audience: agent.did, subject: anySubject, command: '/calendar', clock }),
]
const argumentsOf: readonly IpldMap[] = [
  { to: 'bob@example.com' },
  { to: 'eve@evil.test' },
  { to: 'bob@example.com', copies: 5 },
  { to: 'nobody' },
  {},
  { to: 'bob@example.com', extra: 1 },
]

describe('PRF-14 a call is explained before it is signed', () => {
  const chains = [[], ...roots.map((root) => [root]), ...roots.flatMap((root) => lasts.map((last) => [root, last]))]

  it.each(chains.map((proofs, index) => ({ proofs, index })))(
    'as a service decides: chain $index',
    async ({ proofs }) => {
      for (const args of argumentsOf) {
        const denial = await explainCall({ invoker: agent.did, subject: owner.did, command: send, args, proofs, clock })
        const call = await invoke({
          issuer: agent,
          subject: owner.did,
          audience: service.did,
          command: '/mail/send',
          args,
          proofs,
          clock,
        })
        const decision = await authorizer.authorize(encodeContainer([call, ...proofs]))
        const { call: _claims, ...expected } = decision.allowed ? { call: undefined } : decision.denial
        expect(denial ?? {}).toEqual(expected)
      }
    },
  )

  it('without a definition, so that the arguments are not compared with one', async () => {
    const call = { invoker: agent.did, subject: agent.did, proofs: [], clock }
    expect(await explainCall({ ...call, command: '/mail/send', args: { to: 'nobody' } })).toBeUndefined()
    expect(await explainCall({ ...call, command: send })).toMatchObject({ code: 'arguments_invalid' })
  })

  it('and does not depend on the caller who changes the arguments meanwhile', async () => {
    const args: { to: string } = { to: 'bob@example.com' }
    const call = { invoker: agent.did, subject: owner.did, command: send, proofs: [roots[0], lasts[0]] as never, clock }
    const explained = explainCall({ ...call, args })
    args.to = 'eve@evil.test'
    expect(await explained).toBeUndefined()
  })
})
