import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Machine, newMachine, wrapVerbs } from '../wrap/set-up.ts'
import { logIn } from './log-in.ts'
import { type OauthWorld, startOauthWorld } from './oauth-world.ts'

let machine: Machine
let world: OauthWorld
const { wrap, unwrap } = wrapVerbs(() => machine)

beforeEach(async () => {
  machine = newMachine()
  world = await startOauthWorld()
})
afterEach(async () => {
  machine.remove()
  await world.close()
})

const servers = (): Record<string, Record<string, unknown>> =>
  JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8')).servers

it('wrap moves a server with OAuth, which is used after a login, and unwrap puts it back [LGN-23]', async () => {
  const plain = createServer((request, response) => response.writeHead(request.url === '/closed' ? 401 : 200).end())
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
  const other = `http://127.0.0.1:${(plain.address() as AddressInfo).port}`
  const text = JSON.stringify({
    mcpServers: {
      mail: { type: 'http', url: world.url, headers: { 'X-Team': 'a' } },
      open: { type: 'http', url: `${other}/open` },
      closed: { type: 'http', url: `${other}/closed` },
      down: { type: 'http', url: 'http://127.0.0.1:9/mcp' },
    },
  })
  const path = machine.write('.mcp.json', text)
  const dry = await wrap(path, '--plain', 'X-Team', '--dry-run')
  expect([dry.code, dry.err]).toEqual([0, expect.stringContaining('it gives tokens by OAuth')])
  expect(readFileSync(path, 'utf8')).toBe(text)
  const { code, err } = await wrap(path, '--plain', 'X-Team')
  expect([code, err]).toEqual([0, expect.stringContaining('the server mail needs a login: run `procura login mail`')])
  for (const name of ['open', 'closed', 'down'])
    expect(err).toContain(`${name} (line 1) stays: it has no secret header`)
  expect(servers()).toEqual({
    mail: { type: 'http', url: world.url, headers: { 'X-Team': 'a' }, login: 'mail.login' },
  })
  expect(Object.keys(JSON.parse(readFileSync(path, 'utf8')).mcpServers.mail)).toContain('command')
  expect(await logIn(world, machine.home)).toMatchObject({ code: 0 })
  // Another client with the same server shares it.
  const second = machine.write(
    'b/.mcp.json',
    JSON.stringify({ mcpServers: { post: { type: 'http', url: world.url, headers: { 'X-Team': 'a' } } } }),
  )
  expect((await wrap(second, '--plain', 'X-Team')).code).toBe(0)
  expect(Object.keys(servers())).toEqual(['mail'])
  expect((await unwrap(second)).code).toBe(0)
  const undone = await unwrap(path)
  expect([undone.code, undone.err]).toEqual([0, expect.stringContaining('mail.login stays in the vault')])
  expect(readFileSync(path, 'utf8')).toBe(text)
  plain.close()
})
