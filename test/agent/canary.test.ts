import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { openAgent } from '../../src/agent/open-agent.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { generateSigner } from '../../src/core/principal/generate-signer.ts'
import { importSigner } from '../../src/core/principal/import-signer.ts'

const seed = crypto.getRandomValues(new Uint8Array(32))
const canaries = [
  Buffer.from(seed).toString('hex'),
  Buffer.from(seed).toString('base64').replace(/=+$/, ''),
  Buffer.from(seed).toString('base64url'),
  [...seed].join(', '),
  [...seed].join(','),
  inspect(seed.slice(0, 8)).replace(/^.*\[ | \]$/gs, ''),
]
const owner = await generateSigner()
const send = defineCommand({ command: '/mail/send', args: { to: email() } })

/** Everything that a program can make of a value by the usual means. */
function shownForms(value: unknown): string[] {
  const forms = [
    () => inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true }),
    () => JSON.stringify(value),
    () => String(value),
    () => inspect(structuredClone(value), { depth: Number.POSITIVE_INFINITY }),
    () => JSON.stringify({ ...Object(value) }),
    () =>
      Reflect.ownKeys(Object(value))
        .map((key) => String(Reflect.get(Object(value), key)))
        .join(),
    () => (value instanceof Error ? `${value.stack} ${inspect(value.cause)}` : ''),
  ]
  return forms.map((form) => {
    try {
      return String(form())
    } catch (error) {
      return inspect(error, { depth: Number.POSITIVE_INFINITY })
    }
  })
}

describe('AGT-10 the key of an agent is in nothing that it shows', () => {
  it('nor in anything that it returns, throws, sends or records', async () => {
    const seen: unknown[] = []
    const signer = await importSigner({ seed })
    const grant = await delegate({ issuer: owner, audience: signer.did, command: '/mail' })
    const keep = async (work: () => unknown): Promise<void> => {
      try {
        seen.push(await work())
      } catch (error) {
        seen.push(error)
      }
    }
    const agent = await openAgent({
      signer,
      services: [
        {
          audience: owner.did,
          send: async (call) => {
            seen.push(call)
            return { ok: true, value: call }
          },
        },
      ],
      onDelegation: (record) => void seen.push(record),
      renew: async (chain) => {
        seen.push(chain)
        return undefined
      },
      renewBefore: 7_200,
      onError: (error) => void seen.push(error),
    })
    const child = await generateSigner()
    await keep(() => agent.receive(encodeContainer([grant])))
    await keep(() => agent.receive('garbage'))
    await keep(() => agent.capabilities())
    await keep(() => agent.can(send, { to: 'bob@example.com' }))
    await keep(() => agent.can(send, { to: 'nobody' }))
    await keep(() => agent.authorize({ command: send, args: { to: 'bob@example.com' } }))
    await keep(() => agent.authorize({ command: '/', args: { x: () => 1 } }))
    await keep(() => agent.call(send, { to: 'bob@example.com' }))
    await keep(() => agent.call(send, { to: 'bob@example.com' }, { audience: child.did }))
    await keep(() => agent.delegateTo(child.did, { commands: [send] }))
    await keep(() => agent.delegateTo(child.did, { commands: ['/other'] }))
    const sub = await agent.attenuateFor({ commands: [send] })
    seen.push(sub)
    await keep(() => openAgent({ signer, ceilings: { depth: -1 } }))
    await keep(() => openAgent({ signer, key: signer } as never))
    agent.close()
    await keep(() => agent.can(send))
    seen.push(agent)
    const text = seen.flatMap(shownForms).join('\n')
    expect(canaries.filter((canary) => text.includes(canary))).toEqual([])
    // The search would find it.
    expect(shownForms({ seed }).some((form) => form.includes(canaries[4] ?? ''))).toBe(true)
    expect(text).toContain(signer.did)
  })

  it('and the agent shows its DID alone', async () => {
    const agent = await openAgent({ signer: owner })
    expect(inspect(agent)).toBe(`{ did: '${owner.did}' }`)
    expect(JSON.stringify({ agent })).toBe(`{"agent":{"did":"${owner.did}"}}`)
    expect(structuredClone(agent)).toEqual({ did: owner.did })
    expect(Object.keys(agent)).toEqual(['did'])
    expect(Object.isFrozen(agent)).toBe(true)
  })
})
