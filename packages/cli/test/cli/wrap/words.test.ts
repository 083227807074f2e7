// biome-ignore-all lint/suspicious/noTemplateCurlyInString: configurations refer to variables in this form
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { secretInUrl, secretsInArgs } from '../../../src/cli/wrap/secrets-in-words.ts'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

const key = 'canary-of-a-key'

describe('a secret in a word of a command line', () => {
  const words = [
    [`--env=API_KEY=${key}`],
    [`--header=X-Api-Key: ${key}`],
    [`--header=Authorization:Bearer ${key}`],
    ['--config', `{"apiKey":"${key}"}`],
    [`--config={"auth":{"token":"${key}"}}`],
    [JSON.stringify({ config: JSON.stringify({ apiKey: key }) })],
    ['-c', `node s --api-key ${key}`],
    ['-c', `cd /srv && API_KEY=${key} node s`],
    ['-c', `export API_KEY=${key}; node s`],
    ['-c', `curl -H 'X-Api-Key: ${key}' https://x.example`],
    [`Server=db;Password=${key};`],
    [`api_key ${key}`],
    ['-c', `$env:API_KEY='${key}'; node s`],
    ['--api-key', key],
  ]
  for (const line of words)
    it(`is found in ${line.join(' ').replaceAll(key, 'KEY')} [WRP-05]`, () => {
      const found = secretsInArgs(line)
      expect(found).toHaveLength(1)
      expect(JSON.stringify(found)).not.toContain(key)
    })

  it('is not a file, a reference, a name, or another setting [WRP-05]', () => {
    const plain = [
      ...['--key-file=/k', '--token-file', '/run/t', 'run', '-e', 'GITHUB_TOKEN', '--author', 'x', '--port=80'],
      ...['API_KEY=${API_KEY}', '--header', 'Authorization: Bearer ${TOKEN}', '@scope/server-keyring', '-v', '/a:/b'],
      ...['{"limit":5,"path":"/srv"}', 'https://x.example/mcp', '--max-tokens=500', 'sh', '-c', 'node s --verbose x'],
    ]
    expect(secretsInArgs(plain)).toEqual([])
  })

  const tokens = [
    '0123456789abcdef0123456789abcdef',
    'a1B2c3D4e5F6g7H8i9J0k1L2',
    '6f1c2b1e-8d1f-4a1b-9c1d-2e3f4a5b6c7d',
  ]
  for (const token of tokens)
    it(`is found in an address that is a key: ${token.length} characters [WRP-05]`, () => {
      for (const url of [
        `https://x.example/${token}/mcp`,
        `https://x.example/mcp?id=${token}`,
        `https://x.example/mcp#access_token=${token}`,
        `https://x.example/token:${token}`,
      ]) {
        expect([url, secretInUrl(url)]).toEqual([url, expect.any(String)])
        expect(secretsInArgs(['mcp-remote', url])).toHaveLength(1)
      }
      expect(secretInUrl('https://x.example/a-path-of-many-words/v1/mcp?limit=20')).toBeUndefined()
    })
})

describe('wrap', () => {
  let machine: Machine
  beforeEach(() => {
    machine = newMachine()
  })
  afterEach(() => machine.remove())
  const { wrap } = wrapVerbs(() => machine)

  it('shows no default of a reference in another form, and refuses it [WRP-04]', async () => {
    const text = '{"mcpServers":{"a":{"command":"a","env":{"API_KEY":"${env:API_KEY:-canary-default}"}}}}'
    for (const more of [[], ['--from-env']]) {
      const { code, err } = await wrap(machine.write('.cursor/mcp.json', text), ...more)
      expect([code, err]).toEqual([1, expect.stringContaining('refers to ${env:API_KEY:-…}')])
      expect(err).not.toContain('canary')
    }
  })

  it('removes the draft of a process that was killed, also where there is nothing to wrap [WRP-08]', async () => {
    const path = machine.write('.mcp.json', '{"mcpServers":{"a":{"command":"a","env":{"API_KEY":"canary"}}}}')
    await wrap(path)
    const draft = machine.write('..mcp.json.procura-0011223344556677', 'canary')
    await wrap(path, '--dry-run')
    expect(existsSync(draft)).toBe(true)
    expect((await wrap(path)).code).toBe(0)
    expect([existsSync(draft), statSync(path).mode & 0o777]).toEqual([false, 0o644])
    writeFileSync(path, '{}')
  })
})
