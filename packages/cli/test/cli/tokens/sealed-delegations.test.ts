import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Delegation, delegate, encodeContainer } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { createSignerFile, openSignerFile } from 'procura/signer/file'
import { openContainer } from 'procura/token'
import { createKeyFile } from 'procura/vault/file'
import { afterAll, describe, expect, it } from 'vitest'
import { actor } from '../../../../../test/support/actors.ts'
import { verbs } from '../../../src/cli/verbs.ts'
import { runCli } from '../run-cli.ts'

const folder = await mkdtemp(join(tmpdir(), 'procura-sealed-'))
afterAll(() => rm(folder, { recursive: true, force: true }))
const at = (name: string): string => join(folder, name)
const passphrase = 'correct horse battery'
const variable = 'PROCURA_DELEGATIONS_PASSPHRASE'

const owner = await actor('owner')
const agent = await createSignerFile({ path: at('agent.key') })
const grant = await delegate({ issuer: owner, audience: agent.did, command: '/mail' })
const add = new Map([[String(grant.cid), grant.bytes]])
await fileDelegationStore({ path: at('sealed'), key: { passphrase }, name: 'mail' }).change({ add, remove: [] }, {})
await createKeyFile(at('file.key'))
const byFile = fileDelegationStore({ path: at('by-file'), key: { keyFile: at('file.key') } })
await byFile.change({ add, remove: [] }, {})

describe('CLI-12 an encrypted file of delegations', () => {
  it('is read with a passphrase from the environment or the terminal, or with a key file', async () => {
    const shown = [
      await runCli(['inspect', at('sealed')], '', { [variable]: passphrase }),
      await runCli(['inspect', at('sealed')], '', {}, [passphrase]),
      await runCli(['inspect', at('by-file'), '--delegations-key-file', at('file.key')]),
    ]
    for (const { code, out, err } of shown) {
      expect(code, err).toBe(0)
      expect(out).toContain(String(grant.cid))
      expect(out + err).not.toContain(passphrase)
    }
  })

  it('is passed on and revoked', async () => {
    const env = { [variable]: passphrase }
    const made = await runCli(['attenuate', at('sealed'), '--from', at('agent.key'), '--to', owner.did], '', env)
    expect(made.code, made.err).toBe(0)
    const { delegations } = await openContainer(made.out.trim())
    expect(delegations.map(({ audience }) => audience).sort()).toEqual([agent.did, owner.did].sort())
    const refused = await runCli(['revoke', at('sealed'), '--from', at('agent.key')], '', env)
    expect(refused.err).toContain('issued no delegation of this chain')
    const why = await runCli(['why', at('sealed'), '--audience', owner.did], '', env)
    expect(why.code, why.err).toBe(1)
  })

  it('is refused with another passphrase, without one, from standard input, and changed', async () => {
    const wrong = await runCli(['inspect', at('sealed')], '', { [variable]: `${passphrase}!` })
    expect([wrong.code, wrong.out]).toEqual([2, ''])
    expect(wrong.err).toContain('is not the one of the file')
    expect(wrong.err).not.toContain(passphrase)
    expect(await runCli(['inspect', at('sealed')])).toMatchObject({ code: 2, err: expect.stringContaining(variable) })
    const text = await readFile(at('sealed'), 'utf8')
    expect(await runCli(['inspect'], text)).toMatchObject({
      code: 2,
      err: expect.stringContaining('pass the path of the file'),
    })
    await writeFile(at('changed'), text.replace('"mail"', '"post"'), { mode: 0o600 })
    const changed = await runCli(['inspect', at('changed')], '', { [variable]: passphrase })
    expect([changed.code, changed.out]).toEqual([2, ''])
    expect(changed.err).toContain('the file was changed')
  })

  it('is used by `agent show` and `agent receive`, and stays encrypted', async () => {
    const home = at('home')
    const words = ['--home', home, '--audience', owner.did, '--subject', owner.did, '--address', '127.0.0.1:7333']
    const made = await runCli(['agent', 'new', 'first', ...words])
    expect(made.code, made.err).toBe(0)
    const path = join(home, 'agents', 'first', 'delegations')
    const { signer } = await openSignerFile({ path: join(home, 'agents', 'first', 'agent.key') })
    const [held, more] = await Promise.all(
      ['/mail', '/calendar'].map((command) => delegate({ issuer: owner, audience: signer.did, command })),
    )
    const add = new Map([[String(held?.cid), held?.bytes as Uint8Array]])
    await fileDelegationStore({ path, key: { passphrase } }).change({ add: add, remove: [] }, {})
    const env = { [variable]: passphrase }
    expect((await runCli(['agent', 'show', 'first', '--home', home], '', env)).out).toContain('/mail')
    const received = await runCli(
      ['agent', 'receive', 'first', '--home', home],
      encodeContainer([more as Delegation]),
      env,
    )
    expect(received.code, received.err).toBe(0)
    expect(await readFile(path, 'utf8')).toMatch(/^\{"format":"procura-delegations@1"/)
    expect((await runCli(['agent', 'show', 'first', '--home', home], '', env)).out).toContain('/calendar')
    expect((await runCli(['agent', 'show', 'first', '--home', home])).code).toBe(2)
  })

  it('has no option that takes a passphrase', () => {
    const names = verbs
      .flatMap(({ options }) => options.filter(({ value }) => value !== undefined))
      .map(({ name }) => name)
    expect(names).toContain('delegations-key-file')
    expect(names.filter((name) => name.includes('pass'))).toEqual([])
  })
})
