// biome-ignore-all lint/suspicious/noTemplateCurlyInString: configurations refer to variables in this form
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run } from '../../../src/cli/run.ts'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

let machine: Machine

beforeEach(() => {
  machine = newMachine()
})
afterEach(() => machine.remove())

const { wrap, unwrap } = wrapVerbs(() => machine)

const place = (): string[] => ['--file', join(machine.home, 'vault'), '--key-file', machine.keyFile]

async function rotate(name: string, secret: string): Promise<void> {
  const errors: string[] = []
  const code = await run(['vault', 'rotate', name, ...place()], {
    ...{ env: machine.env, isTerminal: false, print: () => undefined, complain: (line) => void errors.push(line) },
    readInput: async () => new TextEncoder().encode(secret),
    askHidden: async () => undefined,
  })
  expect([code, errors.filter((line) => !line.startsWith('info'))]).toEqual([0, []])
}

/** The credentials of servers, without the records of the delegations that were issued. */
const credentials = async (): Promise<string> =>
  (await machine.procura(['vault', 'list', ...place()])).out
    .split('\n')
    .filter((line) => !line.startsWith('procura-wrap/issued-'))
    .join('\n')

const files: readonly (readonly [string, string, string, string])[] = [
  [
    '.mcp.json',
    '{ "mcpServers": { "mail": { "command": "m", // x\n "env": { "OTHER": "old-1", "MAIL_KEY": "old-1" } } } }',
    'mail.MAIL_KEY',
    'new-"2\\',
  ],
  [
    '.mcp.json',
    '{ "mcpServers": { "mail": { "url": "https://x.example", "headers": { "Authorization": "Bearer old-1" } } } }',
    'mail.Authorization',
    'Bearer new-2',
  ],
  [
    'config.toml',
    "[mcp_servers.mail]\ncommand = 'm'\n\n[mcp_servers.mail.env]\n# x\nMAIL_KEY = 'old-1'\n",
    'mail.MAIL_KEY',
    'new-2',
  ],
  ['config.toml', '[mcp_servers.mail]\ncommand = "m"\nenv = { MAIL_KEY = "old-1" }\n', 'mail.MAIL_KEY', 'new-2'],
]

describe('unwrap after the rotation of a secret', () => {
  for (const [name, text, credential, next] of files)
    it(`puts the present value into the file: ${name}, ${credential}, ${text.length} characters [WRP-40]`, async () => {
      const path = machine.write(name, text)
      expect((await wrap(path)).code).toBe(0)
      await rotate(credential, next)
      const dry = await unwrap(path, '--dry-run')
      expect(dry.err).toContain('was rotated since: the file has the new value')
      const { code, err, out } = await unwrap(path)
      const variable = credential.slice(5)
      expect([code, err]).toEqual([
        0,
        expect.stringContaining(`${variable} of mail was rotated since: the file has the new value`),
      ])
      const at = text.lastIndexOf('old-1')
      const isHeader = next.startsWith('Bearer ')
      const literal = JSON.stringify(next)
      const start = isHeader ? at - 'Bearer '.length - 1 : at - 1
      expect(readFileSync(path, 'utf8')).toBe(`${text.slice(0, start)}${literal}${text.slice(at + 6)}`)
      expect(out).toContain('the file has its original bytes, with the present values of its rotated secrets')
      expect(out + err).not.toContain('old-1')
      expect(out + err).not.toContain(next)
      expect(await credentials()).toBe('')
    })

  it('keeps the credential where the file has a reference, and one that it never had [WRP-40]', async () => {
    const text = '{"mcpServers":{"mail":{"command":"m","env":{"MAIL_KEY":"${MAIL_KEY}","B":"old-1"}}}}'
    const path = machine.write('.mcp.json', text)
    const env = { MAIL_KEY: 'old-1' }
    expect((await machine.procura(['wrap', path, '--key-file', machine.keyFile, '--from-env'], { env })).code).toBe(0)
    await rotate('mail.MAIL_KEY', 'new-2')
    const { code, err } = await unwrap(path)
    expect([code, err]).toEqual([
      0,
      expect.stringContaining(
        'MAIL_KEY of mail was rotated since: the file does not have it, and the new value stays in the vault as mail.MAIL_KEY',
      ),
    ])
    expect(err).toContain('the credential mail.MAIL_KEY stays in the vault')
    expect(readFileSync(path, 'utf8')).toBe(text)
    expect((await credentials()).split('\t')[0]).toBe('mail.MAIL_KEY')
  })

  it('removes a credential that came from a reference and was not rotated [WRP-15]', async () => {
    const path = machine.write('.mcp.json', '{"mcpServers":{"mail":{"command":"m","env":{"MAIL_KEY":"${MAIL_KEY}"}}}}')
    const env = { MAIL_KEY: 'old-1' }
    await machine.procura(['wrap', path, '--key-file', machine.keyFile, '--from-env'], { env })
    expect((await unwrap(path)).code).toBe(0)
    expect(await credentials()).toBe('')
  })
})
