import { expect, it } from 'vitest'
import { agentTools } from '../../src/agent/agent-tools.ts'
import { aiTools } from '../../src/agent/frameworks/ai-sdk.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { other, owner, send, service, signer } from './mail-agents.ts'

it('AGT-43 a tool for a command that two owners have delegated is refused when it is made', async () => {
  const delegations = await Promise.all(
    [owner, other].map((issuer) => delegate({ issuer, audience: signer.did, command: send })),
  )
  const services = [{ audience: service.did, send: async () => ({ ok: true as const, value: 'sent' }) }]
  const agent = await openAgent({ signer, delegations, services })
  const refused = /2 subjects have delegated .*; make the tools of each with `subject`/
  await expect(agentTools(agent, { tools: [send] })).rejects.toThrow(refused)
  await expect(aiTools(agent, { tools: [send] })).rejects.toThrow(refused)
  for (const [name, { did }] of [
    ['mail_for_ann', owner],
    ['mail_for_bob', other],
  ] as const) {
    const [tool] = await agentTools(agent, { tools: { [name]: send }, subject: did })
    expect(tool?.name).toBe(name)
    expect(await tool?.call({ to: 'eve@example.com' })).toMatchObject({ ok: true, invocation: { subject: did } })
  }
})
