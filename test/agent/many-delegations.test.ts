import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runCli } from '../../packages/cli/test/cli/run-cli.ts'
import { agentTools } from '../../src/agent/agent-tools.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { openContainer } from '../../src/core/authorization/open-container.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { oneLine } from '../../src/core/capability/argument-types/one-line.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { eq } from '../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import { AttenuationError } from '../../src/errors.ts'
import { withInvocation } from '../../src/mcp/with-invocation.ts'
import { fileDelegationStore } from '../../src/stores/delegation-file/file-delegation-store.ts'
import { actor, clock, now } from '../support/actors.ts'

const [owner, signer, child] = await Promise.all([actor('owner'), actor('agent'), actor('child')])
const read = defineCommand({ command: '/doc/read', args: { id: oneLine() } })
const mail = defineCommand({ command: '/mail/send', args: { to: email() } })

/** A delegation for each document; they expire later than the one for mail. */
const forDocuments = (count: number): Promise<readonly Delegation[]> =>
  Promise.all(
    Array.from({ length: count }, (_, id) =>
      delegate({
        ...{ issuer: owner, audience: signer.did, command: read, clock },
        policy: [eq('.id', String(id))],
        expiration: now + 3_000,
      }),
    ),
  )
const forMail = (): Promise<Delegation> =>
  delegate({ issuer: owner, audience: signer.did, command: mail, clock, expiration: now + 600 })
const agentWith = async (delegations: readonly Delegation[]) => openAgent({ signer, clock, delegations })

describe('AGT-40 an agent with many delegations', () => {
  it('passes on the one that fits the policy, wherever it is', async () => {
    const agent = await agentWith(await forDocuments(40))
    for (const id of ['0', '16', '39']) {
      const part = await agent.attenuateFor({ commands: [{ command: read, policy: [eq('.id', id)] }] })
      expect((await part.can(read, { id })).ok, id).toBe(true)
      expect(await part.capabilities()).toHaveLength(1)
    }
    const task = { commands: [{ command: read, policy: [eq('.id', 'none')] }] }
    await expect(agent.attenuateFor(task)).rejects.toThrow(AttenuationError)
  })

  it('passes on all of them or none', async () => {
    const agent = await agentWith(await forDocuments(40))
    const part = await agent.attenuateFor({ commands: [read] })
    expect(await part.capabilities()).toHaveLength(40)
    expect((await part.can(read, { id: '39' })).ok).toBe(true)
    // 40 proofs and 40 delegations do not fit into a container, which the child could not read.
    await expect(agent.delegateTo(child.did, { commands: [read] })).rejects.toThrow(
      /80 tokens, and a container has at most 64; .*policy/,
    )
    const { container } = await (await agentWith(await forDocuments(32))).delegateTo(child.did, { commands: [read] })
    expect((await openContainer(container)).delegations).toHaveLength(64)
  })

  it('lists, offers, receives and passes on a delegation behind 300 others', async () => {
    const agent = await agentWith(await forDocuments(300))
    expect(await agent.receive(encodeContainer([await forMail()]))).toMatchObject({ accepted: true })
    expect(await agent.capabilities()).toHaveLength(301)
    const tools = await agentTools(agent, { tools: [read, mail] })
    expect(tools.map(({ name }) => name)).toEqual(['doc_read', 'mail_send'])
    expect(tools[0]?.description).toContain('one of 300 delegations')
    expect((await agent.delegateTo(child.did, { commands: [mail] })).delegations).toHaveLength(1)
    // The refusal is about the command, although others of the agent come first.
    expect(await agent.can(mail, { to: 'nobody' })).toMatchObject({ denial: { code: 'arguments_invalid' } })
  })

  it('sends one chain for each tool with a request for the list of tools [MCP-15]', async () => {
    const agent = await agentWith([...(await forDocuments(300)), await forMail()])
    for (const tools of [[read, mail], () => read] as const) {
      const sent: { readonly params?: { readonly _meta?: Record<string, string> } }[] = []
      const transport = { send: async (message: never) => void sent.push(message) }
      const signing = withInvocation(transport, agent, { tools: tools as never })
      await signing.send({ jsonrpc: '2.0', id: 1, method: 'tools/list' } as never)
      const [container = ''] = Object.values(sent[0]?.params?._meta ?? {})
      const { delegations } = await openContainer(container)
      expect(new Set(delegations.map(({ command }) => command))).toEqual(new Set(['/doc/read', '/mail/send']))
      expect(delegations).toHaveLength(64)
    }
  })
})

describe('the file of an agent with many delegations', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'procura-many-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it.each([undefined, { bytes: new Uint8Array(32).fill(4) }])(
    'is read by other readers too, and each line is a container [AGT-18]',
    async (key) => {
      const path = join(folder, 'agent.ucan')
      const keyFile = join(folder, 'key')
      const store = fileDelegationStore({ path, ...(key !== undefined && { key }) })
      const all = await forDocuments(150)
      await store.change({ add: new Map(all.map((one) => [String(one.cid), one.bytes])), remove: [] }, {})
      expect(await store.load({})).toHaveLength(150)
      if (key === undefined) {
        const lines = readFileSync(path, 'utf8').trim().split('\n')
        for (const line of lines) expect((await openContainer(line)).delegations.length).toBeLessThanOrEqual(64)
        expect(lines).toHaveLength(3)
      } else {
        const { writeFileSync } = await import('node:fs')
        writeFileSync(keyFile, key.bytes, { mode: 0o600 })
      }
      const more = key === undefined ? [] : ['--delegations-key-file', keyFile]
      const { code, out, err } = await runCli(['inspect', path, '--json', ...more])
      expect([code, err]).toEqual([0, ''])
      expect(out.match(/"\/doc\/read"/g)?.length).toBeGreaterThanOrEqual(150)
    },
  )
})
