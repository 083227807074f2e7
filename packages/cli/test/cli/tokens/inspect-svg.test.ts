import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { attenuate, delegate, encodeContainer } from 'procura'
import { afterAll, describe, expect, it } from 'vitest'
import { actor } from '../../../../../test/support/actors.ts'
import { runCli } from '../run-cli.ts'

const folder = await mkdtemp(join(tmpdir(), 'procura-svg-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

const [owner, agent, helper] = await Promise.all([actor('owner'), actor('agent'), actor('helper')])
const grant = await delegate({ issuer: owner, subject: owner.did, audience: agent.did, command: '/mail' })
const passed = await attenuate(grant, { issuer: agent, audience: helper.did, command: '/mail/send' })

describe('LOG-33 inspect --svg', () => {
  it('prints a picture with the names of a file, and nothing else', async () => {
    const names = join(folder, 'names.json')
    await writeFile(names, JSON.stringify({ [agent.did]: 'claude <b>' }))
    const input = await encodeContainer([grant, passed])
    const { code, out, err } = await runCli(['inspect', '--svg', '--names', names], input)
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [\s\S]*<\/svg>\n?$/)
    expect(out).toContain('>"claude &lt;b&gt;"</text>')
    expect(out).toContain('>may call /mail/send and all commands below it</text>')
    expect(out).not.toContain('<b>')
  })

  it('has the exit code of inspect, and refuses other options and an input without delegations', async () => {
    const alone = await encodeContainer([passed])
    expect(await runCli(['inspect', '--svg'], alone)).toMatchObject({ code: 1, out: expect.stringMatching(/^<svg /) })
    expect(await runCli(['inspect', '--svg', '--json'], alone)).toMatchObject({ code: 2, out: '' })
    const named = await runCli(['inspect', '--names', 'x.json'], alone)
    expect([named.code, named.err]).toEqual([2, expect.stringContaining('--names is for --svg')])
    expect(await runCli(['inspect', '--svg'], 'no token')).toMatchObject({
      code: 1,
      out: expect.stringContaining('not readable'),
    })
  })
})
