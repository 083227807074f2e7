import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileLock } from '../../../../../src/support/file-lock/file-lock.ts'
import { withFileLock } from '../../../../../src/support/file-lock/with-file-lock.ts'
import { listenForApi, openGateway, readGatewayConfig } from '../../../src/index.ts'
import { type ApiUpstream, startApi } from '../../gateway/serve/api-upstream.ts'
import { canary } from '../../gateway/serve/gateway-home.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

let machine: Machine
let upstream: ApiUpstream
let keyFile: string

beforeEach(async () => {
  machine = newMachine()
  upstream = await startApi()
  keyFile = machine.keyFile
})
afterEach(async () => {
  machine.remove()
  await upstream.close()
})

const add = (words: readonly string[], typed: readonly string[] = [canary]): ReturnType<Machine['procura']> =>
  machine.procura(['api', 'add', ...words, '--key-file', keyFile], { typed })
const configuration = (): Record<string, Record<string, unknown>> =>
  JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8'))

/** Every file below a folder that contains a text. */
const filesWith = (text: string): readonly string[] =>
  readdirSync(machine.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text))

describe('procura api', () => {
  it('puts an API behind the gateway, which an agent calls within its policy, and removes it [WRP-30]', async () => {
    const words = ['crm', upstream.origin, '--header', 'X-Api-Key', '--agent', 'claude', '--policy', '.method == GET']
    const added = await add(words)
    expect([added.code, added.out]).toEqual([
      0,
      expect.stringMatching(/is behind the gateway; the delegation expires 20/),
    ])
    expect(added.err).toContain('delegation to the agent claude: may send requests to crm, if\n')
    expect(added.err).toContain('procura connect --api crm --agent claude --listen 127.0.0.1:8080')
    expect(configuration()['apis']).toEqual({
      crm: { origin: upstream.origin, secretHeaders: { 'X-Api-Key': 'crm.X-Api-Key' } },
    })
    expect([filesWith(canary), `${added.out}${added.err}`.includes(canary)]).toEqual([[], false])
    const gateway = await openGateway({ config: await readGatewayConfig(join(machine.home, 'gateway.json')) })
    const agent = join(machine.home, 'agents', 'claude')
    const listener = await listenForApi({ api: 'crm', agent, listen: '127.0.0.1:0' })
    const key = readFileSync(listener.keyFile ?? '', 'utf8').trim()
    const call = async (method: string): Promise<number> =>
      (await fetch(`http://${listener.place}/v1/a`, { method, headers: { 'x-api-key': key } })).status
    expect([await call('GET'), await call('DELETE')]).toEqual([200, 403])
    const removed = await machine.procura(['api', 'remove', 'crm', '--key-file', keyFile])
    expect([removed.code, removed.out]).toEqual([0, 'removed the API crm and its credentials'])
    expect(removed.err).toMatch(
      /revoked 1 delegation of the agent claude\nthe gateway of .* has accepted the revocation/,
    )
    expect(await call('GET')).toBe(403)
    expect(configuration()['apis']).toEqual({})
    const left = ['vault', 'list', '--file', join(machine.home, 'vault'), '--key-file', keyFile]
    expect((await machine.procura(left)).out).toBe('')
    await listener.close()
    await gateway.close()
  })

  it('sends a bearer token, or several headers of one secret [WRP-30]', async () => {
    expect((await add(['one', 'https://one.example', '--bearer', '--agent', 'a'])).code).toBe(0)
    const two = [
      'two',
      'https://two.example',
      '--header',
      'X-Id',
      '--header',
      'X-Key',
      '--method',
      'GET',
      '--path',
      '/v1',
    ]
    expect((await add(two, ['id-canary', 'key-canary'])).code).toBe(0)
    const { apis } = configuration()
    expect(apis).toEqual({
      one: { origin: 'https://one.example', secretHeaders: { Authorization: 'one.Authorization' } },
      two: {
        origin: 'https://two.example',
        secretHeaders: { 'X-Id': 'two.headers', 'X-Key': 'two.headers' },
        methods: ['GET'],
        paths: ['/v1'],
      },
    })
    expect([filesWith('id-canary'), filesWith('key-canary')]).toEqual([[], []])
    // The gateway takes all of it, with the rules of the credentials.
    const gateway = await openGateway({ config: await readGatewayConfig(join(machine.home, 'gateway.json')) })
    expect([...gateway.apis().keys()]).toEqual(['one', 'two'])
    await gateway.close()
  })

  it('writes nothing when a word is wrong, and gives no server the name of an API [WRP-30]', async () => {
    const wrong = [
      [['crm'], 'pass the name of the API and its origin'],
      [['CRM', 'https://a.example', '--bearer', '--agent', 'a'], 'the name of the API must begin'],
      [
        ['crm', 'https://a.example/v1', '--bearer', '--agent', 'a'],
        'nothing is written: `apis.crm.origin` must be an origin of https',
      ],
      [['crm', 'http://a.example', '--bearer', '--agent', 'a'], 'plain http is allowed on this machine only'],
      [['crm', 'https://a.example', '--agent', 'a'], 'pass --bearer, or --header'],
      [['crm', 'https://a.example', '--bearer', '--header', 'X-A', '--agent', 'a'], 'not both'],
      [['crm', 'https://a.example', '--bearer'], 'has no agent; pass --agent with the name of a new one'],
      [['crm', 'https://a.example', '--bearer', '--agent', 'a', '--policy', 'path'], 'policy'],
      [
        ['crm', 'https://a.example', '--bearer', '--agent', 'a', '--policy', '.metod == GET'],
        'command `/http/crm` has no argument `metod`; it has `method`, `scheme`, `host`, `path`, `query`, `digest`',
      ],
      [['crm', 'https://a.example', '--bearer', '--agent', 'a', '--method', 'TRACE'], '`apis.crm.methods[0]` must be'],
    ] as const
    for (const [words, message] of wrong) {
      const { code, err } = await add(words)
      expect([code, err], words.join(' ')).toEqual([2, expect.stringContaining(message)])
    }
    expect(filesWith('"apis"')).toEqual([])
    expect((await add(['crm', 'https://a.example', '--bearer', '--agent', 'a'])).code).toBe(0)
    expect((await add(['crm', 'https://a.example', '--bearer', '--agent', 'a'])).err).toContain('has `crm` already')
    const server = JSON.stringify({ mcpServers: { crm: { command: 'node', env: { CRM_KEY: 'canary-of-crm' } } } })
    await machine.procura(['wrap', machine.write('.mcp.json', server), '--key-file', keyFile])
    expect(Object.keys(configuration()['servers'] ?? {})).toEqual(['crm-2'])
    expect((await machine.procura(['api', 'remove', 'crm-2', '--key-file', keyFile])).err).toContain(
      'has no API `crm-2`',
    )
  })

  it.each([
    ['.method == get', 'no request matches `.method == get`; methods are in upper case'],
    ['not .method != get', 'methods are in upper case'],
    ['.path like /a or .method == get', 'methods are in upper case'],
    ['not .method == delete', 'methods are in upper case'],
    ['.method != delete', 'methods are in upper case'],
    ['.method == 5', 'no request matches `.method == 5`; methods are in upper case'],
    ['.method == null', 'methods are in upper case'],
    ['.path == v1/a', 'a path begins with a slash'],
    ['.path == /v1?x=1', 'ends before the question mark; the rest is in .query'],
    ['.path == /v1/../a', 'has one spelling'],
    ['.path == /v1/*', '== compares the whole text of .path, also an asterisk; write `.path like /v1/*`'],
    ['.host == A.Example', 'a host is in lower case'],
    ['.host == https://a.example', 'without scheme and path'],
    ['.scheme == HTTPS', 'a scheme is http or https'],
    ['.query == ""', 'a query is non-empty'],
    ['.digest == abc', 'such as sha-256=:'],
  ])('refuses the condition %s, which no request or every request has [WRP-30]', async (policy, message) => {
    const { code, err } = await add(['crm', 'https://a.example', '--bearer', '--agent', 'a', '--policy', policy])
    expect([code, err]).toEqual([2, expect.stringContaining(message)])
    expect(filesWith('"apis"')).toEqual([])
  })

  it('accepts conditions that a request can have [WRP-30]', async () => {
    const policies = [
      ...['.method == GET or .method == HEAD', 'not .method == PURGE', '.method != DELETE', '.method like *'],
      ...['.path like /v1/*', '.path like *.json', '.path == /v1/a', '.path like "/v1/\\\\*"'],
      ...['.host == a.example', '.host like *.example', '.host != b.example', '.scheme == https'],
      ...['.query == a=1', '.query? == null', '.query like *A*', 'max-uses 10', '.digest? == null'],
    ]
    const words = policies.flatMap((policy) => ['--policy', policy])
    const { code, err } = await add(['crm', 'https://a.example', '--bearer', '--agent', 'a', ...words])
    expect([code, err]).toEqual([0, expect.stringContaining('delegation to the agent a')])
  })

  it('is not removed while the agents are unknown, whose delegations for it would stay [WRP-30]', async () => {
    expect((await add(['crm', 'https://a.example', '--bearer', '--agent', 'a'])).code).toBe(0)
    const agents = join(machine.home, 'agents')
    renameSync(agents, `${agents}.away`)
    writeFileSync(agents, '')
    const remove = (): ReturnType<Machine['procura']> =>
      machine.procura(['api', 'remove', 'crm', '--key-file', keyFile])
    expect(await remove()).toMatchObject({ code: 2, out: '', err: expect.stringContaining('ENOTDIR') })
    expect(Object.keys(configuration()['apis'] ?? {})).toEqual(['crm'])
    rmSync(agents)
    renameSync(`${agents}.away`, agents)
    expect(await remove()).toMatchObject({
      code: 0,
      err: expect.stringContaining('revoked 1 delegation of the agent a'),
    })
  })

  it('is removed by a second run after one that could not revoke its delegations [WRP-30] [WRP-32]', async () => {
    expect((await add(['crm', 'https://a.example', '--bearer', '--agent', 'a'])).code).toBe(0)
    const remove = (...more: readonly string[]): ReturnType<Machine['procura']> =>
      machine.procura(['api', 'remove', 'crm', '--key-file', keyFile, ...more])
    const revocations = join(machine.home, 'revocations')
    writeFileSync(revocations, '')
    expect(await remove()).toMatchObject({ code: 2, out: '' })
    expect(Object.keys(configuration()['apis'] ?? {})).toEqual(['crm'])
    rmSync(revocations)
    // The agent has moved its folder, and the key is for the files of others.
    renameSync(join(machine.home, 'agents', 'a'), join(machine.home, 'agents', 'b'))
    const key = join(machine.folder, 'delegations.key')
    expect(await remove('--delegations-key-file', key)).toMatchObject({ code: 2, out: '' })
    renameSync(join(machine.home, 'agents', 'b'), join(machine.folder, 'b'))
    expect(await remove('--delegations-key-file', key)).toMatchObject({
      code: 0,
      err: expect.stringContaining('revoked 1 delegation of the agent a'),
    })
    expect([configuration()['apis'], readdirSync(revocations).length]).toEqual([{}, 1])
  })

  it('is removed with the exit code 1 if its delegations could not be revoked, and they can be later [WRP-30]', async () => {
    expect((await add(['crm', 'https://a.example', '--bearer', '--agent', 'a'])).code).toBe(0)
    const server = createServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end('no answer of a gateway\n'),
    )
    await new Promise<void>((resolve) => server.listen(join(machine.home, 'gateway.sock'), resolve))
    const { code, out, err } = await machine.procura(['api', 'remove', 'crm', '--key-file', keyFile])
    expect([code, out]).toEqual([1, 'removed the API crm and its credentials'])
    expect(err).toMatch(/not revoked, and valid for a copy of it: bafy\w+ until 20/)
    expect(err).toContain('repeat it with `procura revoke --agent a --server crm`')
    await new Promise((resolve) => server.close(resolve))
    rmSync(join(machine.home, 'agents', 'a', 'delegations'))
    const again = ['revoke', '--agent', 'a', '--server', 'crm', '--key-file', keyFile]
    expect(await machine.procura(again)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^revoked .* \/http\/crm$/),
    })
  })

  it('is removed after another one was added meanwhile, which stays [WRP-30]', async () => {
    expect((await add(['crm', 'https://a.example', '--bearer', '--agent', 'a'])).code).toBe(0)
    const folder = join(machine.home, 'wrap.lock')
    const removed = await withFileLock(createFileLock(folder), folder, 10_000, async () => {
      const removing = machine.procura(['api', 'remove', 'crm', '--key-file', keyFile])
      // It waits for the lock, under which another run changes the file.
      await setTimeout(300)
      const apis = { ...configuration()['apis'], other: { origin: 'https://b.example' } }
      writeFileSync(join(machine.home, 'gateway.json'), JSON.stringify({ ...configuration(), apis }))
      return { removing }
    })
    expect(await removed.removing).toMatchObject({ code: 0 })
    expect(Object.keys(configuration()['apis'] ?? {})).toEqual(['other'])
  })
})
