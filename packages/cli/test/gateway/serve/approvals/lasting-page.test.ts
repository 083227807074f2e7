import { chmodSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Delegation, delegate, encodeContainer, generateSigner } from 'procura'
import { memoryRevocationStore } from 'procura/store/memory'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { buildPage } from '../../../../../../test/setup/build.ts'
import { freePort } from '../../../../../../test/support/free-port.ts'
import { readGatewayConfig } from '../../../../src/gateway/configuration/read-gateway-config.ts'
import { openApprovalQueue } from '../../../../src/gateway/serve/approvals/approval-queue.ts'
import { startPageEnrolment } from '../../../../src/gateway/serve/approvals/enroll-page.ts'
import { followPage } from '../../../../src/gateway/serve/approvals/follow-page.ts'
import { type OpenPage, openPage } from '../../../../src/gateway/serve/approvals/open-page.ts'
import { runCli } from '../../../cli/run-cli.ts'
import { type GatewayHome, makeGatewayHome } from '../gateway-home.ts'
import { approveAt } from './approver.ts'
import { linkOf, offerKey } from './page-world.ts'

/** The lowest port at which every process can listen: of a machine where the port of the page is below, and not. */
const [kept, open] = [65_536, 1_024]

describe('the page for approvals at a port where no other process can listen', () => {
  let home: GatewayHome
  let revocations: ReturnType<typeof memoryRevocationStore>
  let ends: (() => unknown)[]
  const faults: unknown[] = []
  beforeAll(buildPage, 600_000)
  beforeEach(async () => {
    home = await makeGatewayHome()
    revocations = memoryRevocationStore()
    ends = []
    await at()
  })
  afterEach(async () => {
    await close()
    await home.remove()
  })

  /** Puts the page at another port. */
  async function at(): Promise<void> {
    const address = `127.0.0.1:${await freePort()}`
    home.configure((one) => Object.assign(one, { approvals: { page: address } }))
  }
  const config = (): ReturnType<typeof readGatewayConfig> => readGatewayConfig(join(home.folder, 'gateway.json'))
  const files = (kind: string): readonly string[] =>
    readdirSync(join(home.folder, 'approvals')).filter((name) => name.endsWith(kind))
  const close = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end()
  }

  /** Starts the page again, as the gateway does. */
  async function start(firstOpenPort = kept): Promise<OpenPage> {
    await close()
    const present = await config()
    const queue = await openApprovalQueue({ folder: present.approvalsFolder, onEvent: () => undefined })
    ends.push(() => queue.close())
    const snapshots = { current: () => ({ servers: new Map() }) as never }
    const parts = { queue, revocations, snapshots, closers: ends, firstOpenPort: async () => firstOpenPort }
    return (await openPage(present, parts)) as OpenPage
  }

  async function enroll(): Promise<Delegation> {
    const audience = (await generateSigner()).did
    const page = await startPageEnrolment({ config: await config() })
    await offerKey(page.link, audience)
    expect(await page.approver()).toBe(audience)
    const grant = await delegate({ issuer: home.owner, audience, command: '/mcp', meta: page.meta })
    await page.keep(encodeContainer([grant]))
    await page.close()
    return grant
  }
  const approvers = async ({ run }: OpenPage): Promise<readonly string[]> => run.approvers([home.owner.did])
  const isRevoked = async ({ cid }: Delegation): Promise<boolean> =>
    (await revocations.findRevocations([String(cid)], {})).length > 0

  it('APR-37 keeps its origin and the keys of its browsers from one run to the next', async () => {
    const first = await start()
    const grant = await enroll()
    expect(await approvers(first)).toEqual([grant.audience])
    const second = await start()
    expect(second.url).toBe(first.url)
    expect(await approvers(second)).toEqual([grant.audience])
    expect(await isRevoked(grant)).toBe(false)
    const { isLasting } = await startPageEnrolment({ config: await config() })
    expect(isLasting).toBe(true)
  })

  it('APR-37 ends the keys where another process could have listened, and its name does not come back [attack 105]', async () => {
    const first = await start()
    const grant = await enroll()
    const second = await start(open)
    expect(second.url).not.toBe(first.url)
    expect(await isRevoked(grant)).toBe(true)
    expect((await startPageEnrolment({ config: await config() })).isLasting).toBe(false)
    const brief = await enroll()
    const third = await start()
    expect(new Set([first.url, second.url, third.url]).size).toBe(3)
    expect(await isRevoked(brief)).toBe(true)
    expect(await approvers(third)).toEqual([])
    // At another port, it has another origin.
    const moved = await enroll()
    await at()
    const fourth = await start()
    expect(fourth.run.name).not.toBe(third.run.name)
    expect(await isRevoked(moved)).toBe(true)
    // The system chooses the port 0, so another process can have had it.
    home.configure((one) => Object.assign(one, { approvals: { page: '127.0.0.1:0' } }))
    await start()
    expect((await startPageEnrolment({ config: await config() })).isLasting).toBe(false)
    // Without a page, nothing is kept either.
    await at()
    await start()
    const last = await enroll()
    home.configure((one) => Object.assign(one, { approvals: {} }))
    expect(await start()).toBeUndefined()
    expect(await isRevoked(last)).toBe(true)
    expect(files('page.name')).toEqual([])
  })

  it('APR-37 ends the keys whose file of the name is gone or damaged', async () => {
    const path = join(home.folder, 'approvals', 'page.name')
    for (const damage of [() => rmSync(path), () => writeFileSync(path, 'x'), () => writeFileSync(path, '')]) {
      await start()
      const grant = await enroll()
      damage()
      await start()
      expect(await isRevoked(grant)).toBe(true)
    }
  })

  it('APR-37 keeps no name after a start that ends before it has ended the keys', async () => {
    const first = await start()
    await enroll()
    await close()
    const damaged = join(home.folder, 'approvals', files('.page')[0] as string)
    chmodSync(damaged, 0o644)
    // Any process can listen there now, and the start fails.
    await expect(start(open)).rejects.toThrow('cannot be read')
    chmodSync(damaged, 0o600)
    expect((await start()).run.name).not.toBe(first.run.name)
  })

  it('APR-38 removes the key of a browser, in this run and at the next start', async () => {
    const run = await start()
    const [lost, late, stays] = [await enroll(), await enroll(), await enroll()]
    const cli = (...words: readonly string[]): ReturnType<typeof runCli> =>
      runCli(['approve', ...words, '--home', home.folder])
    expect((await cli('--list')).err).toMatch(new RegExp(`the browser ${lost.audience} approves /mcp until 20`))
    expect(await cli('--remove', lost.audience)).toMatchObject({ code: 0, out: expect.stringContaining('removed') })
    expect((await cli('--list')).err).not.toContain(lost.audience)
    expect([...(await approvers(run))].sort()).toEqual([late.audience, stays.audience].sort())
    expect(await isRevoked(lost)).toBe(true)
    expect(await cli('--remove', lost.audience)).toMatchObject({ code: 2 })
    expect(await cli('--remove', home.owner.did)).toMatchObject({
      ...{ code: 2, err: expect.stringContaining('is not the key of a browser') },
    })
    await close()
    expect(JSON.parse((await cli('--remove', late.audience, '--json')).out)).toEqual({ removed: late.audience })
    // A gateway that was killed between the two files.
    writeFileSync(join(home.folder, 'approvals', `${'a'.repeat(16)}.ended`), 'ended', { mode: 0o600 })
    expect(await approvers(await start())).toEqual([stays.audience])
    expect(await isRevoked(late)).toBe(true)
    expect(await isRevoked(stays)).toBe(false)
    expect([files('.ended'), files('.page')]).toEqual([[], [expect.any(String)]])
  })

  it('APR-37 takes the keys of earlier runs at its start, and looks again when one is added or removed', async () => {
    const present = await config()
    const follow = async (page: OpenPage, browsers: readonly string[]): Promise<() => number> => {
      let looks = 0
      const again = async (): Promise<void> => {
        looks += 1
      }
      const snapshots = { current: () => ({ browsers }) }
      ends.push(
        ...(await followPage(page, { current: () => present, again }, snapshots, (error) => faults.push(error))),
      )
      return () => looks
    }
    const first = await start()
    expect((await follow(first, []))()).toBe(0)
    const grant = await enroll()
    const again = await start()
    const looks = await follow(again, [grant.audience])
    expect(looks()).toBe(1)
    await runCli(['approve', '--remove', grant.audience, '--home', home.folder])
    await expect.poll(looks).toBeGreaterThan(1)
    expect(faults).toEqual([])
  })

  it('APR-37 is said when a browser is enrolled, for 30 days', async () => {
    await start()
    const audience = (await generateSigner()).did
    const asked = approveAt(home.folder, ['--page'], 'yes', [audience.slice(-6)])
    await offerKey(await linkOf(home.folder), audience)
    const { code, out } = await asked
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/can approve \/mcp until \S+$/) })
    const [, until = ''] = /until (\S+)/.exec(out) ?? []
    expect(Math.round((Date.parse(until) - Date.now()) / 86_400_000)).toBe(30)
  })
})
