import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'procura-last-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string): string => join(folder, name)
const vault = ['--file', at('vault'), '--key-file', at('vault.key')]
const home = at('home')
const env = { PROCURA_HOME: home, HOME: folder }
const config = at('mcp.json')
const typed = ['passphrase of a test', 'passphrase of a test']
const atTerminal = (...words: string[]): ReturnType<typeof runCli> => runCli(words, '', env, typed)
const quiet = async (...words: string[]): Promise<string> => {
  const { code, out, err } = await runCli(words, 'sk-1', env)
  expect(code, err).toBe(0)
  return out
}

beforeAll(async () => {
  await quiet('vault', 'new-key', '--key-file', at('vault.key'))
  await quiet('vault', 'put', 'mail', ...vault, '--leasable')
  expect((await atTerminal('key', 'new', at('sealed.key'), '--encrypt')).code).toBe(0)
  const did = await quiet('key', 'new', at('plain.key'))
  const sealed = await quiet('key', 'show', at('sealed.key'))
  const grant = ['--command', '/mail', '--out']
  await quiet('delegate', '--from', at('plain.key'), '--to', sealed, ...grant, at('to-sealed.ucan'))
  await quiet('delegate', '--from', at('plain.key'), '--to', did, ...grant, at('to-plain.ucan'))
  const server = { command: 'node', args: ['x.mjs'], env: { MAIL_KEY: `\${input:key}` } }
  const inputs = [{ id: 'key', type: 'promptString' }]
  writeFileSync(config, JSON.stringify({ inputs, servers: { mail: server } }))
  await quiet('agent', 'new', 'first', '--socket', at('s'), '--audience', did, '--subject', did)
})

const put = ['vault', 'put', 'crm', ...vault]
const sent = ['--origin', 'https://api.example.com', '--bearer']
const wrap = ['wrap', config, '--client', 'vscode', '--key-file', at('vault.key')]
const api = ['api', 'add', 'crm', 'https://api.example.com', '--agent', 'first', '--key-file', at('vault.key')]
const sealed = ['--from', at('sealed.key')]
const to = ['--to', 'did:key:z6MkvF5kXEa812P1NSazyvFgeaqE9sv73aKvm6A9xfvTCcAS']

const mistakes: readonly (readonly [words: readonly string[], why: RegExp])[] = [
  [[...put, '--origin', 'http://elsewhere.example', '--bearer'], /`origins\[0\]`|http/],
  [[...put, '--origin', 'api.example.com', '--bearer'], /origin/],
  [[...put, ...sent, '--method', 'G ET'], /method/],
  [[...put, ...sent, '--path-prefix', 'v1'], /path/i],
  [[...put, ...sent, '--allow-header', 'a b'], /header/],
  [[...put, ...sent, '--command', 'mail'], /command/],
  [[...put, ...sent, '--subject', 'me'], /DID/],
  [[...put, '--leasable', '--method', 'GET'], /need `origins`/],
  [[...put, '--leasable', '--bytes'], /--bytes takes the secret from a file/],
  [['vault', 'put', 'a b', ...vault, '--leasable'], /the name of a credential must be/],
  [['vault', 'rotate', 'mial', ...vault], /has no credential `mial`/],
  [[...wrap, '--expires-in', 'soon'], /--expires-in/],
  [[...wrap, '--agent', 'a b'], /--agent must begin/],
  [[...wrap, '--policy', 'send: .to'], /--policy/],
  [[...wrap, '--approve', 'other/send'], /other/],
  [[...wrap, '--home', at('a folder/'.repeat(12))], /socket/],
  [[...api, '--header', 'a b'], /header/i],
  [[...api, '--bearer', '--method', 'G ET'], /method/],
  [['key', 'new', at('plain.key'), '--encrypt'], /exists already/],
  [['key', 'new', at('none/x.key'), '--encrypt'], /its folder does not exist/],
  [['key', 'new', at('x.key'), '--encrypt', '--did', 'me'], /DID/],
  [['key', 'rotate', at('sealed.key'), '--keep', 'all'], /--keep must be/],
  [['agent', 'new', 'first', '--encrypt'], /exists already; choose another name/],
  [['delegate', ...sealed, ...to, '--command', '/mail', '--out', at('to-plain.ucan')], /exists already/],
  [['delegate', ...sealed, ...to, '--command', '/mail', '--out', at('none/x.ucan')], /its folder does not exist/],
  [['attenuate', at('to-sealed.ucan'), ...sealed, ...to, '--out', at('to-plain.ucan')], /exists already/],
  [['attenuate', at('to-plain.ucan'), ...sealed, ...to], /has no delegation to did:key/],
  [['revoke', at('to-plain.ucan'), ...sealed], /issued no delegation of this chain/],
  [['why', at('to-sealed.ucan'), ...sealed], /--command is missing/],
  [['why', at('to-plain.ucan'), ...sealed, '--command', '/mail'], /has no delegation to did:key/],
]

describe('a verb that asks for a secret', () => {
  it.each(mistakes)('finds the mistake in %j before [CLI-19]', async (words, why) => {
    const before = readdirSync(folder, { recursive: true }).sort()
    const { code, out, err } = await atTerminal(...words)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(why)
    expect(err).not.toContain('not shown')
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual(before)
  })

  it('asks for it, once all options are right [CLI-19]', async () => {
    for (const words of [
      ...[[...put, ...sent], wrap, [...api, '--bearer'], ['attenuate', at('to-sealed.ucan'), ...sealed, ...to]],
      ...[
        ['vault', 'rotate', 'mail', ...vault],
        ['agent', 'new', 'other', '--encrypt', '--like', 'first'],
      ],
      ['why', at('to-sealed.ucan'), ...sealed, '--command', '/mail'],
    ]) {
      const { code, err } = await atTerminal(...words)
      expect([code, err]).toEqual([0, expect.stringContaining('not shown')])
    }
  })
})
