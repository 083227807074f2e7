import { execFileSync } from 'node:child_process'
import { readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { delegate, encodeContainer } from 'procura'
import { createSignerFile } from 'procura/signer/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readGatewayConfig } from '../../../../src/gateway/configuration/read-gateway-config.ts'
import { enrollApprover } from '../../../../src/gateway/serve/approvals/review-approvals.ts'
import { runCli } from '../../../cli/run-cli.ts'
import type { AgentHome } from '../../agent-side/connect/agent-home.ts'
import { type Answer, newClients } from '../../agent-side/connect/client.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from '../gateway-home.ts'
import { approveAt } from './approver.ts'

let home: GatewayHome
let agent: AgentHome
const clients = newClients()

beforeEach(async () => {
  home = await makeGatewayHome()
  agent = await home.agent('assistant')
})
afterEach(async () => {
  await clients.end()
  await home.remove()
})

const textOf = (answer: Answer): string => answer.result?.content?.[0].text ?? ''
const idIn = (answer: Answer): string => /procura approve ([a-z2-7]{16})/.exec(textOf(answer))?.[1] as string
const bob = { to: 'bob@example.com' }

describe('an agent that can write into the folders of its user', () => {
  it('does not draw on the terminal of the approver by the name of a folder [APR-10] [APR-11]', async () => {
    const name = 'ok\u001b[2J\u202e\n - approved by: the owner\r'
    const eve = await home.agent(name)
    await home.open()
    const mail = clients.connect(eve.folder)
    await mail.initialize()
    const id = idIn(await mail.call('send', { ...bob, subject: 'a\u001b[1A\u2028\u202eyes' }))
    const listed = await runCli(['approve', '--list', '--home', home.folder])
    const { shown, out, err } = await approveAt(home.folder, [id], 'no')
    for (const text of [shown, listed.out, listed.err, out, err])
      expect(text).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}]|(?![\n\t])\p{Cc}|^ - approved by/mu)
    expect(listed.out.trim().split('\n')).toHaveLength(1)
  })

  it('gains nothing by links, pipes and large files in the place of answers [APR-85]', async () => {
    await home.open()
    const mail = clients.connect(agent.folder)
    await mail.initialize()
    const id = idIn(await mail.call('send', bob))
    const at = (name: string): string => join(home.folder, 'approvals', name)
    const answer = at(`${id}.answer`)
    const target = join(home.folder, 'target')
    writeFileSync(target, 'mine', { mode: 0o600 })
    const plant: readonly (() => unknown)[] = [
      () => symlinkSync(target, answer),
      () => symlinkSync('/dev/zero', answer),
      () => execFileSync('mkfifo', ['-m', '600', answer]),
      () => writeFileSync(answer, 'x'.repeat(600_000), { mode: 0o600 }),
      () => writeFileSync(answer, readFileSync(at(`${id}.request`)), { mode: 0o600 }),
    ]
    for (const one of plant) {
      one()
      expect(textOf(await mail.call('send', bob))).toContain(`procura approve ${id}`)
      unlinkSync(answer)
    }
    const pipes = [...'abcdefghijklmnop'].map((letter) => at(`${letter.repeat(16)}.request`))
    execFileSync('mkfifo', ['-m', '600', ...pipes])
    symlinkSync(target, answer)
    expect(await approveAt(home.folder, [id])).toMatchObject({ code: 2 })
    expect(readFileSync(target, 'utf8')).toBe('mine')
    unlinkSync(answer)
    expect(await approveAt(home.folder, [id])).toMatchObject({ code: 0 })
    expect(textOf(await mail.call('send', bob))).toBe('sent to bob@example.com')
    expect(callsIn(home.folder)).toHaveLength(1)
  })
})

describe('an approver whose delegation has ended', () => {
  /** A gateway with an enrolled approver. Returns the key file of the approver. */
  async function enrolled(expiresIn: number): Promise<string> {
    const path = join(home.folder, 'ann.key')
    const { signer: ann } = await createSignerFile({ path })
    const config = await readGatewayConfig(join(home.folder, 'gateway.json'))
    const enrolment = await delegate({ issuer: home.owner, audience: ann.did, command: '/mcp', expiresIn })
    await enrollApprover({ config, enrolment: encodeContainer([enrolment]) })
    home.configure((given) => void Object.assign(given, { approvals: { approvers: [ann.did] } }))
    return path
  }

  it('approves no call that needs its authority [APR-23] [APR-93]', async () => {
    const path = await enrolled(1)
    await home.open()
    const mail = clients.connect(agent.folder)
    await mail.initialize()
    await mail.call('send', bob)
    await new Promise((settle) => setTimeout(settle, 2_000))
    const { code, err } = await approveAt(home.folder, ['--from', path])
    expect([code, err]).toEqual([2, expect.stringContaining('pass as `proofs` the chain')])
    expect(textOf(await mail.call('send', bob))).toMatch(/^Denied/)
    expect(callsIn(home.folder)).toEqual([])
  })

  it('counts for a rule until the configuration lists it no more [APR-90] [APR-93]', async () => {
    const path = await enrolled(600)
    home.configure((given) => {
      Object.assign((given as { servers: { mail: object } }).servers.mail, { approvals: { send: {} } })
    })
    await agent.give(home.owner, '/mcp/mail')
    const gateway = await home.open()
    const mail = clients.connect(agent.folder)
    await mail.initialize()
    await mail.call('send', bob)
    expect(await approveAt(home.folder, ['--from', path])).toMatchObject({ code: 0 })
    home.configure((given) => void Object.assign(given, { approvals: undefined }))
    await gateway.reload(await readGatewayConfig(join(home.folder, 'gateway.json')))
    const again = clients.connect(agent.folder)
    await again.initialize()
    expect(textOf(await again.call('send', bob))).toMatch(/needs approvals by 1 of 1 approvers/)
    expect(callsIn(home.folder)).toEqual([])
  })
})
