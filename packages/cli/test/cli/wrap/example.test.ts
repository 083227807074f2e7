import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { root } from '../../../../../test/setup/entries.ts'
import { type Gateway, openGateway, readGatewayConfig } from '../../../src/index.ts'
import { newClients } from '../../gateway/agent-side/connect/client.ts'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

let machine: Machine
let gateway: Gateway | undefined
const clients = newClients()

beforeEach(() => {
  machine = newMachine()
})
afterEach(async () => {
  await clients.end()
  await gateway?.close()
  gateway = undefined
  machine.remove()
})

const { wrap } = wrapVerbs(() => machine)

/** The options of the first `procura wrap` of a page. */
function optionsOf(page: string): string[] {
  const text = readFileSync(`${root}${page}`, 'utf8').replaceAll('\\\n', '')
  const [line = ''] = text.split('\n').filter((one) => /procura wrap ~.*--policy/.test(one))
  const words = [...(line.split('#')[0] ?? '').matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? bare ?? '',
  )
  return words.slice(words.indexOf('wrap') + 2).filter((word) => word !== '--dry-run')
}

async function wrapped(options: readonly string[]): Promise<string> {
  const mail = {
    command: process.execPath,
    args: [fileURLToPath(new URL('../../gateway/serve/mailing-server.mjs', import.meta.url))],
    env: { MAIL_KEY: 'canary-of-the-mail-key' },
  }
  const path = machine.write('.claude.json', JSON.stringify({ mcpServers: { mail } }))
  const { code, err } = await wrap(path, ...options)
  expect([code, err]).toEqual([0, expect.any(String)])
  return err
}

async function answers(all: readonly object[]): Promise<string[]> {
  const config = await readGatewayConfig(join(machine.home, 'gateway.json'))
  gateway = await openGateway({ config })
  const client = clients.connect(join(machine.home, 'agents', 'claude'))
  await client.initialize()
  const texts: string[] = []
  for (const one of all) texts.push((await client.call('send', one)).result?.content?.[0].text ?? '')
  return texts
}

const tricks = [
  { to: 'eve@evil.example' },
  { to: 'eve@evil.example,bob@example.com' },
  { to: 'eve@evil.example;bob@example.com' },
  { to: 'eve@evil.example bob@example.com' },
  { to: 'eve@evil.example\nbob@example.com' },
  { to: 'bob@example.com', cc: 'eve@evil.example' },
  { to: 'bob@example.com', bcc: 'eve@evil.example' },
]

describe('the example of a policy for recipients', () => {
  for (const page of ['README.md', 'packages/cli/spec/guides/wrap.md'])
    it(`of ${page} lets no other recipient through, at a server that divides lists and has cc [WRP-16]`, async () => {
      const err = await wrapped(optionsOf(page))
      expect(err).not.toContain('warning')
      const [first, ...rest] = await answers([{ to: 'bob@example.com', text: 'Hello' }, ...tricks])
      expect(first).toBe('sent to bob@example.com')
      expect(rest.map((text) => text.replace(/ \(.*/s, ''))).toEqual(tricks.map(() => 'Denied'))
    })

  it('without a type and closed arguments is warned about, because lists and other arguments pass [WRP-16]', async () => {
    const err = await wrapped(['--policy', 'send: .to like *@example.com'])
    expect(err).toContain('warning: `.to` is compared as a string')
    expect(err).toContain('pass --type to=email')
    expect(err).toContain('close them with --only "send: to, …"')
    expect((await answers([tricks[1] as object]))[0]).toBe('sent to eve@evil.example and bob@example.com')
  })

  it('has options that are refused where they are malformed [WRP-16]', async () => {
    const path = machine.write('.claude.json', '{"mcpServers":{"mail":{"command":"m"},"b":{"command":"b"}}}')
    for (const [words, message] of [
      [['--type', 'to'], '--type must be an argument and its type, such as to=email'],
      [['--type', 'to=mail'], 'the types are email'],
      [['--only', 'send'], '--only must be a tool and its arguments'],
      [['--only', 'send: to,,cc'], '--only must be a tool and its arguments'],
      [['--type', 'to=email'], '--type is for one server; choose it with --server'],
      [['--server', 'mail', '--only', 'b/send: to'], 'b is not one of the servers'],
    ] as const)
      expect([words, await wrap(path, ...words)]).toMatchObject([
        words,
        { code: 2, err: expect.stringContaining(message) },
      ])
  })
})
