import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { revealCredentials } from 'procura/vault/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CliResult, runCli } from '../run-cli.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

let machine: Machine

beforeEach(async () => {
  machine = newMachine()
  const path = machine.write(
    '.mcp.json',
    JSON.stringify({
      mcpServers: {
        mail: { command: 'node', args: ['mail.mjs'], env: { MAIL_KEY: 'canary-old-1', OTHER_KEY: 'canary-other-1' } },
        one: { command: 'node', args: ['one.mjs'], env: { ONE_KEY: 'canary-old-1' } },
        crm: { type: 'http', url: 'https://crm.example/mcp', headers: { Authorization: 'Bearer canary-old-2' } },
        two: { type: 'http', url: 'https://two.example/', headers: { 'X-Api-Key': 'canary-a', 'X-Token': 'canary-b' } },
      },
    }),
  )
  expect((await machine.procura(['wrap', path, '--key-file', machine.keyFile])).code).toBe(0)
})
afterEach(() => machine.remove())

const rotate = (words: readonly string[], input: string, typed?: readonly string[]): Promise<CliResult> =>
  runCli(['rotate', ...words], input, machine.env, typed)

async function secrets(): Promise<ReadonlyMap<string, string>> {
  const found = await revealCredentials({ path: join(machine.home, 'vault'), key: { keyFile: machine.keyFile } })
  return new Map([...found].map(([name, secret]) => [name, secret.reveal()] as const))
}

describe('procura rotate', () => {
  it('stores the new value of one variable, and reports its version and use [WRP-48]', async () => {
    const { code, out, err } = await rotate(['mail', 'MAIL_KEY'], 'canary-new-1\n')
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(
        /^MAIL_KEY of mail has a new value: version \d+ of mail\.MAIL_KEY, in the place of version \d+$/,
      ),
    ])
    expect(err).toContain('it is used by mail')
    expect(err).toContain('the next session of mail has it')
    expect(err).toContain(
      'ONE_KEY of one still has the former value; if it is the same key, run `procura rotate one ONE_KEY`',
    )
    expect(out + err).not.toContain('canary')
    const now = await secrets()
    expect([now.get('mail.MAIL_KEY'), now.get('mail.OTHER_KEY')]).toEqual(['canary-new-1', 'canary-other-1'])
  })

  it('asks at a terminal, and needs no name for the only secret [WRP-48]', async () => {
    const { code, err } = await rotate(['one'], '', ['canary-new-1'])
    expect([code, err]).toEqual([0, expect.stringContaining('secret of ONE_KEY of one (it is not shown)')])
    expect((await secrets()).get('one.ONE_KEY')).toBe('canary-new-1')
  })

  it('lists the secrets where a name is missing or wrong, and changes nothing [WRP-48]', async () => {
    const before = readFileSync(join(machine.home, 'vault'))
    const faults = [
      [['mail'], '`mail` has 2 secrets; choose one: `procura rotate mail MAIL_KEY`, `procura rotate mail OTHER_KEY`'],
      [['mail', 'MAIL_KEYY'], 'it has `MAIL_KEY`, `OTHER_KEY`'],
      [['nobody'], 'those that have one: `mail`, `one`, `crm`, `two`'],
      [['one'], 'ONE_KEY has this value already; nothing is stored', 'canary-old-1'],
      [['crm'], 'must be visible ASCII in one line', 'canary\nnew'],
      [['one'], 'the secret is empty', ''],
    ] as const
    for (const [words, fault, input = 'canary-x'] of faults) {
      const { code, err } = await rotate(words, input)
      expect([code, err]).toEqual([2, expect.stringContaining(fault)])
      expect(err).not.toContain('canary')
    }
    expect(readFileSync(join(machine.home, 'vault'))).toEqual(before)
  })

  it('keeps the scheme of a header, and the other headers of a server [WRP-48]', async () => {
    expect((await rotate(['crm', 'authorization'], 'canary-new-2')).code).toBe(0)
    const { code, err } = await rotate(['two', 'X-Token'], 'canary-new-3')
    expect([code, err]).toEqual([0, expect.stringContaining('the next call of two has it')])
    expect((await rotate(['one.ONE_KEY'], 'canary-new-4')).code).toBe(0)
    const now = await secrets()
    expect(now.get('crm.Authorization')).toBe('Bearer canary-new-2')
    expect(JSON.parse(now.get('two.headers') as string)).toEqual({ 'X-Api-Key': 'canary-a', 'X-Token': 'canary-new-3' })
    expect(now.get('one.ONE_KEY')).toBe('canary-new-4')
  })

  it('reaches the key of an API, and reports the facts as JSON [WRP-48]', async () => {
    const added = await runCli(['api', 'add', 'pay', 'https://pay.example', '--bearer'], 'canary-old-5', machine.env)
    expect(added.code).toBe(0)
    const { code, out } = await rotate(['pay', '--json'], 'canary-new-5')
    expect([code, JSON.parse(out)]).toEqual([
      0,
      expect.objectContaining({ user: 'pay', name: 'Authorization', credential: 'pay.Authorization', usedBy: ['pay'] }),
    ])
    expect((await secrets()).get('pay.Authorization')).toBe('Bearer canary-new-5')
  })
})
