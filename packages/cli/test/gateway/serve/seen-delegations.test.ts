import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attenuate, type Delegation, delegate, encodeContainer, type Policy, type Signer } from 'procura'
import { openAgent } from 'procura/agent'
import { fileDelegationStore } from 'procura/agent/file'
import type { AuditSink } from 'procura/audit'
import { createSignerFile } from 'procura/signer/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { actor } from '../../../../../test/support/actors.ts'
import { recordSeen } from '../../../src/gateway/serve/seen-delegations.ts'
import { type CliResult, runCli } from '../../cli/run-cli.ts'
import type { AgentHome } from '../agent-side/connect/agent-home.ts'
import { type Answer, newClients } from '../agent-side/connect/client.ts'
import { approveAt } from './approvals/approver.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from './gateway-home.ts'

let home: GatewayHome
/** An agent below the agent `ann`, to which the owner has delegated. */
let helper: AgentHome
let ann: Signer
const clients = newClients()

beforeEach(async () => {
  home = await makeGatewayHome()
  helper = await home.agent('helper')
  ann = await actor('ann')
})
afterEach(async () => {
  await clients.end()
  await home.remove()
})

const bob = { to: 'bob@example.com' }
const toBob: Policy = [['==', '.to', bob.to]]
const textOf = (answer: Answer): string => answer.result?.content?.[0].text ?? ''
const cidsOf = (chain: readonly Delegation[]): readonly string[] => chain.map(({ cid }) => String(cid))
const archive = (): string => join(home.folder, 'log', 'delegations')

/** A chain from the owner to the helper, which `ann` has narrowed without the gateway. */
async function chainBy(policy: Policy, root?: Delegation): Promise<readonly Delegation[]> {
  const first =
    root ?? (await delegate({ issuer: home.owner, audience: ann.did, command: '/mcp/mail', expiresIn: 86_400 }))
  return [first, await attenuate([first], { issuer: ann, audience: helper.signer.did, policy, expiresIn: 600 })]
}

async function receive(chain: readonly Delegation[]): Promise<void> {
  const store = fileDelegationStore({ path: join(helper.folder, 'delegations') })
  const { accepted } = await (await openAgent({ signer: helper.signer, store })).receive(encodeContainer(chain))
  expect(accepted).toBe(true)
}

async function send(args: object): Promise<string> {
  const client = clients.connect(helper.folder)
  await client.initialize()
  return textOf(await client.call('send', args))
}

/** The delegations that the log names as seen, in order. */
async function seen(): Promise<readonly unknown[]> {
  return (await home.records()).filter(({ kind }) => kind === 'seen').map(({ delegation }) => delegation)
}

const told = (): readonly string[] =>
  home.events.filter(({ event }) => event === 'delegations_unrecorded').map(({ message }) => message)
const could = (at = 'now'): Promise<CliResult> =>
  runCli(['log', 'could', '--agent', helper.signer.did, '--at', at, '--home', home.folder])

describe('the ledger of a gateway', () => {
  it('has the chain of a call by an agent below an agent, for `log could` [GTW-56] [LOG-39]', async () => {
    const chain = await chainBy(toBob)
    await receive(chain)
    const gateway = await home.open()
    for (let count = 0; count < 3; count++) expect(await send(bob)).toBe('sent to bob@example.com')
    expect(await send({ to: 'eve@evil.example' })).toMatch(/^Denied/)
    await gateway.close()
    expect(await seen()).toEqual(cidsOf(chain))
    const { code, out, err } = await could()
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^\/mcp\/mail for the owner\n {2}where `\.to`.*"bob@example\.com"/)
    expect(out).toContain(`  by ${cidsOf(chain).join(' ')}\n`)
    // It was made elsewhere, and its end is after both moments.
    expect((await could('yesterday')).out).toMatch(/which is later: it may have been made later as well/)
    rmSync(archive(), { recursive: true })
    expect(await could()).toMatchObject({ code: 2, err: expect.stringContaining('that no ledger has') })
  })

  it('has neither a delegation of the owner alone, nor one of a call that is refused [GTW-56]', async () => {
    await helper.give(home.owner, '/mcp/mail/send', toBob)
    const gateway = await home.open()
    expect(await send(bob)).toBe('sent to bob@example.com')
    await receive(await chainBy([['==', '.to', 'carol@example.com']]))
    expect(await send({ to: 'eve@evil.example' })).toMatch(/^Denied/)
    await gateway.close()
    expect(await seen()).toEqual([])
  })

  it('has both chains of one delegation, which the agent above it has given wider authority since [GTW-56] [LOG-39]', async () => {
    const narrow = await chainBy(toBob)
    const [root] = narrow as readonly [Delegation]
    const wide = await chainBy([], root)
    const worker = await home.agent('worker')
    const last = await attenuate(narrow, { issuer: helper.signer, audience: worker.signer.did, expiresIn: 600 })
    const path = join(worker.folder, 'delegations')
    const gateway = await home.open()
    for (const [chain, to] of [
      [narrow, bob.to],
      [wide, 'eve@evil.example'],
    ] as const) {
      // The worker chooses the chain of its calls.
      rmSync(path, { force: true })
      const agent = await openAgent({ signer: worker.signer, store: fileDelegationStore({ path }) })
      await agent.receive(encodeContainer([...chain, last]))
      const client = clients.connect(worker.folder)
      await client.initialize()
      expect(textOf(await client.call('send', { to }))).toBe(`sent to ${to}`)
    }
    await gateway.close()
    expect(await seen()).toEqual([...cidsOf(narrow), String(last.cid), String(wide[1]?.cid)])
    const ask = (): Promise<CliResult> =>
      runCli(['log', 'could', '--agent', worker.signer.did, '--at', 'now', '--home', home.folder])
    const { out, err } = await ask()
    expect([err, out.match(/^\/mcp\/mail for/gm)]).toEqual([
      '',
      expect.arrayContaining(['/mcp/mail for', '/mcp/mail for']),
    ])
    // One that is not on record, above one that is.
    rmSync(join(archive(), String(root.cid), `${wide[1]?.cid}.ucan`))
    const { err: warning } = await ask()
    expect(warning).toContain(`made calls by ${wide[1]?.cid}, which no ledger has`)
  })

  it('hides what was seen from `log`, which shows the calls [LOG-38]', async () => {
    await receive(await chainBy(toBob))
    const gateway = await home.open()
    expect(await send(bob)).toBe('sent to bob@example.com')
    await gateway.close()
    const log = async (...words: readonly string[]): Promise<number> =>
      (await runCli(['log', ...words])).out.split('\n').filter((line) => /\tseen\t|"seen"/.test(line)).length
    const place = ['--home', home.folder]
    expect(await log(...place)).toBe(0)
    for (const word of ['--all', '--json']) expect(await log(...place, word)).toBe(2)
    expect(await log(...place, '--decision', 'seen')).toBe(2)
    expect(await log(join(home.folder, 'log'))).toBe(2)
  })

  it('has no approval of one call, which contains its arguments [GTW-56]', async () => {
    // The approver has its authority from the owner, so the approval is the second link of a chain.
    const path = join(home.folder, 'approver.key')
    const { signer: approver } = await createSignerFile({ path })
    expect((await approveAt(home.folder, ['--enroll', approver.did])).code).toBe(0)
    const gateway = await home.open()
    expect(await send({ to: 'canary-4711@example.com' })).toMatch(/procura approve/)
    expect((await approveAt(home.folder, ['--from', path])).code).toBe(0)
    expect(await send({ to: 'canary-4711@example.com' })).toBe('sent to canary-4711@example.com')
    await gateway.close()
    const [intent] = (await home.records()).filter(({ approvers }) => approvers !== undefined)
    expect(intent?.['chain']).toHaveLength(2)
    expect(await seen()).toEqual([])
  })

  it('is repeated after a restart, and has each file once [GTW-56]', async () => {
    const chain = await chainBy(toBob)
    await receive(chain)
    for (let run = 0; run < 2; run++) {
      const gateway = await home.open()
      expect(await send(bob)).toBe('sent to bob@example.com')
      await clients.end()
      await gateway.close()
    }
    expect(await seen()).toEqual([...cidsOf(chain), ...cidsOf(chain)])
    expect(readdirSync(join(archive(), cidsOf(chain)[0] as string)).sort()).toEqual(
      cidsOf(chain)
        .map((cid) => `${cid}.ucan`)
        .sort(),
    )
  })

  it('keeps no call from its server where it cannot be written, and reports it once [GTW-56]', async () => {
    const chain = await chainBy(toBob)
    await receive(chain)
    const gateway = await home.open()
    mkdirSync(join(home.folder, 'log'), { recursive: true })
    writeFileSync(archive(), 'a file')
    for (let count = 0; count < 3; count++) expect(await send(bob)).toBe('sent to bob@example.com')
    rmSync(archive())
    expect(await seen()).toEqual([])
    // The next call records it.
    expect(await send(bob)).toBe('sent to bob@example.com')
    await gateway.close()
    expect(callsIn(home.folder)).toHaveLength(4)
    expect(await seen()).toEqual(cidsOf(chain))
    expect(told()).toEqual([expect.stringMatching(/^delegations below bafy\w+ are not in the ledger, .*correct the/)])
  })

  it('has at most 1,000 delegations below one of the owner, also after a restart [GTW-56]', async () => {
    const chain = await chainBy(toBob)
    await receive(chain)
    const [root] = chain as readonly [Delegation]
    const folder = join(archive(), String(root.cid))
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (let count = 0; count < 997; count++) writeFileSync(join(folder, `b${'a'.repeat(40)}${count}.ucan`), '')
    const gateway = await home.open()
    expect(await send(bob)).toBe('sent to bob@example.com')
    for (let count = 0; count < 3; count++) {
      await receive(await chainBy([['==', '.to', `b${count}`]], root))
      expect(await send({ to: `b${count}` })).toBe(`sent to b${count}`)
    }
    // A delegation of the owner to the same agent has its own.
    const others = await chainBy([['==', '.to', 'carol']])
    await receive(others)
    expect(await send({ to: 'carol' })).toBe('sent to carol')
    await gateway.close()
    expect(readdirSync(folder)).toHaveLength(1_000)
    expect(await seen()).toHaveLength(5)
    expect(told()).toEqual([expect.stringContaining(`it has 1000 of them; revoke ${root.cid}`)])
  })
})

describe('a chain for the ledger of a gateway', () => {
  /** A log that confirms nothing until `release` is called. */
  function heldSink(): { readonly sink: AuditSink; readonly events: unknown[]; release(): void } {
    const events: unknown[] = []
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    return {
      events,
      release: () => release(),
      sink: {
        name: 'held',
        async append(event) {
          await held
          events.push(event)
          return { sink: 'held', durability: 'process' }
        },
        close: async () => undefined,
      },
    }
  }

  it('waits for nothing, and is left out where 256 wait for the disk [GTW-56]', async () => {
    const { sink, events, release } = heldSink()
    const messages: string[] = []
    const onEvent = ({ message }: { readonly message: string }): void => void messages.push(message)
    const ledger = recordSeen({ sink, directory: join(home.folder, 'log'), onEvent })
    const [root] = (await chainBy(toBob)) as readonly [Delegation]
    for (let count = 0; count < 260; count++) await ledger.used(await chainBy([['==', '.to', `b${count}`]], root))
    expect(events).toEqual([])
    release()
    await ledger.settled()
    expect(events).toHaveLength(257)
    expect(messages).toEqual([expect.stringContaining('is too slow')])
  })

  it('is left out with a delegation of more than 16 KiB [GTW-56]', async () => {
    const { sink, events, release } = heldSink()
    release()
    const messages: string[] = []
    const onEvent = ({ message }: { readonly message: string }): void => void messages.push(message)
    const ledger = recordSeen({ sink, directory: join(home.folder, 'log'), onEvent })
    await ledger.used(await chainBy([['==', '.to', 'b'.repeat(16_384)]]))
    await ledger.settled()
    expect([events, messages]).toEqual([[], [expect.stringContaining('more than 16384 bytes')]])
    expect(readdirSync(home.folder)).not.toContain('log')
  })
})
