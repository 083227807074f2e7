import { afterEach, describe, expect, it } from 'vitest'
import { text } from '../../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { invoke } from '../../../src/core/invocation/invoke.ts'
import { actor, clock } from '../../support/actors.ts'
import { createService, service, verdict } from '../../support/service.ts'

const owner = await actor('owner')
const send = defineCommand({ command: '/mail/send', args: { to: text() } })
const args = { to: 'bob' }

/** Another part of the process has changed what all objects inherit. */
function pollute(name: string, value: unknown): void {
  Object.defineProperty(Object.prototype, name, { value, configurable: true, enumerable: false, writable: true })
}

describe('fields that all objects inherit', () => {
  afterEach(() => {
    for (const name of ['audience', 'idempotent']) Reflect.deleteProperty(Object.prototype, name)
  })

  it('address no call to a service [attack 43]', async () => {
    const call = await invoke({ issuer: owner, command: '/mail/send', args, clock })
    const authorizer = createService({ subjects: [owner.did] })
    pollute('audience', service.did)
    const decision = await authorizer.authorize(encodeContainer([{ bytes: call.bytes } as never]))
    expect(verdict(decision)).toContain('audience_mismatch')
  })

  it('permit no call without a nonce [attack 43]', async () => {
    const call = await invoke({
      issuer: owner,
      audience: service.did,
      command: send,
      args,
      clock,
      nonce: Uint8Array.of(1),
    })
    const authorizer = createService({ subjects: [owner.did], commands: [send] })
    pollute('idempotent', true)
    const decision = await authorizer.authorize(encodeContainer([call]))
    expect(verdict(decision)).toContain('nonce_too_short')
  })
})
