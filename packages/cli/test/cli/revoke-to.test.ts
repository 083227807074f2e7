import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineCommand, encodeContainer, generateSigner, invoke } from 'procura'
import { memoryAuditSink } from 'procura/audit'
import { nodeHandler } from 'procura/http/node'
import { createService, on } from 'procura/service'
import { memoryStores } from 'procura/service/file'
import { openSignerFile } from 'procura/signer/file'
import { openContainer } from 'procura/token'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { listen } from '../../../../test/http/adapters/servers.ts'
import { freePort } from '../../../../test/support/free-port.ts'
import { postRevocation } from '../../src/cli/tokens/post-revocation.ts'
import { type CliResult, runCli } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'procura-revoke-to-'))
const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true })]
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})
const place = (name: string): string => join(folder, name)
/** No gateway is in this home folder. */
const env = { PROCURA_HOME: place('none') }
const procura = (...words: string[]): Promise<CliResult> => runCli(words, '', env)

const didOf = async (name: string): Promise<string> => {
  const { out } = await procura('key', 'new', place(`${name}.key`))
  return out.trim()
}
const [owner, agent] = [await didOf('owner'), await didOf('agent')]
const self = await generateSigner()
await procura(
  'delegate',
  '--from',
  place('owner.key'),
  '--to',
  agent,
  '--command',
  '/mail',
  '--out',
  place('grant.ucan'),
)
const granted = (await openContainer(readFileSync(place('grant.ucan'), 'latin1').trim())).delegations
const revokedCid = String(granted[0]?.cid)
const revoke = (url: string, ...more: string[]): Promise<CliResult> =>
  procura('revoke', place('grant.ucan'), '--from', place('owner.key'), '--to', url, ...more)

async function start(listener: RequestListener): Promise<string> {
  const { port, close } = await listen(createServer(listener))
  closing.push(close)
  return `http://127.0.0.1:${port}`
}

async function startService(subject: string) {
  const ping = defineCommand({ command: '/mail/ping', args: {} })
  const service = createService({
    audience: self.did,
    subjects: [subject],
    handlers: [on(ping, () => 'pong')],
    audit: { sink: memoryAuditSink() },
    ...memoryStores(),
    registry: true,
  })
  const url = await start(nodeHandler(service, { revocationsAt: '/revocations' }))
  closing.push(() => service.close())
  async function call(): Promise<string> {
    const { signer } = await openSignerFile({ path: place('agent.key') })
    const delegations = granted
    const invocation = await invoke({ issuer: signer, audience: self.did, command: ping, proofs: delegations })
    const result = await service.call(encodeContainer([invocation, ...delegations]))
    return result.allowed ? String(result.value) : result.denial.code
  }
  return { url: `${url}/revocations`, call }
}

describe('procura revoke --to', () => {
  it('sends the revocation to services, which refuse the calls from then on [CLI-15]', async () => {
    const [one, two] = [await startService(owner), await startService(owner)]
    expect(await one.call()).toBe('pong')
    const { code, out, err } = await revoke(one.url, '--to', two.url)
    expect([code, out]).toEqual([0, expect.stringMatching(/^C[\w-]+$/)])
    for (const { url } of [one, two]) expect(err).toContain(`\`${url}\` has accepted the revocation`)
    expect(err).not.toContain('gateway')
    expect([await one.call(), await two.call()]).toEqual(['revoked', 'revoked'])
    // The same revocation again has no further effect.
    expect((await revoke(one.url)).code).toBe(0)
  })

  it('shows the refusal of a service, and the exit code is 1 if one of several has not taken it [CLI-15]', async () => {
    const [taking, other] = [await startService(owner), await startService(agent)]
    const { code, err, out } = await revoke(other.url, '--to', taking.url, '--json')
    expect(code).toBe(1)
    expect(err).toMatch(/refuses the revocation: 40\d subject_not_accepted, .*the `path` of the revocation/)
    const services = JSON.parse(out).services.map(({ state, code }: Record<string, unknown>) => [state, code])
    expect(services).toEqual([
      ['refused', 'subject_not_accepted'],
      ['taken', undefined],
    ])
    expect(await taking.call()).toBe('revoked')
  })

  it('names the mistake where the URL is the one for calls [CLI-15]', async () => {
    const { url } = await startService(owner)
    const { code, err } = await revoke(url.replace('/revocations', '/call'))
    expect(code).toBe(1)
    expect(err).toMatch(/audience_mismatch, .*; this is a URL for calls: pass the one for revocations/)
  })

  const problem = { 'content-type': 'application/problem+json' }
  const answers: Readonly<Record<string, readonly [RequestListener, RegExp]>> = {
    'a page of another server': [(_, response) => response.end('<html>'), /answered 200, and not as a service/],
    'an empty answer, which any server can give': [
      (_, response) => response.writeHead(204).end(),
      /answered 204, and not as a service/,
    ],
    'an answer about another delegation': [
      (_, response) => response.writeHead(204, { 'ucan-revoked': String(self.did) }).end(),
      /answered 204, and not as a service/,
    ],
    'the right header with another status': [
      (_, response) => response.writeHead(200, { 'ucan-revoked': revokedCid }).end(),
      /answered 200, and not as a service/,
    ],
    'the right header twice': [
      (_, response) => response.writeHead(204, { 'ucan-revoked': [revokedCid, revokedCid] }).end(),
      /answered 204, and not as a service/,
    ],
    'an empty answer with another status': [(_, response) => response.writeHead(202).end(), /answered 202, and not/],
    'a redirect': [
      (_, response) => response.writeHead(307, { location: 'https://elsewhere.example/' }).end(),
      /redirects to another URL \(307\)/,
    ],
    'a problem without a code': [
      (_, response) => response.writeHead(400, problem).end('{"title":"no"}'),
      /answered 400, and not/,
    ],
    'a problem that is not JSON': [
      (_, response) => response.writeHead(503, problem).end('no'),
      /answered 503, and not/,
    ],
    'a body without an end': [
      (_, response) => {
        response.writeHead(500, problem)
        const more = (): void => {
          while (response.write('x'.repeat(16_384)));
        }
        response.on('drain', more)
        more()
      },
      /answered 500, and not/,
    ],
    'no answer': [(request) => void request.socket.destroy(), /cannot be reached \([A-Z_]+\)/],
  }
  for (const [what, [listener, message]] of Object.entries(answers)) {
    it(`takes ${what} for no answer of a service [CLI-15]`, async () => {
      const requests: IncomingMessage[] = []
      const url = await start((request, response) => {
        requests.push(request)
        listener(request, response)
      })
      const { code, err } = await revoke(url)
      expect([code, err]).toEqual([1, expect.stringMatching(message)])
      expect(err).not.toContain('has taken')
      expect(requests.map(({ method, headers }) => [method, headers['content-type']])).toEqual([
        ['POST', 'application/x-ucan-container'],
      ])
    })
  }

  it('cancels each body that it does not read, which would keep the program running [CLI-15]', async () => {
    const endless = (cancelled: string[]) =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(16_384)),
        cancel: () => void cancelled.push('body'),
      })
    for (const [status, headers] of [
      [307, {}],
      [307, problem],
      [200, problem],
      [404, { 'content-type': 'text/html' }],
      [404, problem],
    ] as const) {
      const cancelled: string[] = []
      const fetching = vi
        .spyOn(globalThis, 'fetch')
        .mockImplementation(async () => new Response(endless(cancelled), { status, headers }))
      try {
        expect((await postRevocation(new URL('https://mail.example/'), 'C', revokedCid)).state, String(status)).toBe(
          'unanswered',
        )
      } finally {
        fetching.mockRestore()
      }
      expect(cancelled, String(status)).toEqual(['body'])
    }
  })

  it.each([
    ['does not answer', () => undefined],
    ['stops in the middle of a refusal', (response: ServerResponse) => response.writeHead(503, problem).write('{')],
  ])('waits 15 seconds for a service that %s [CLI-15]', async (_what, begin) => {
    let arrived = 0
    const url = await start((_, response) => {
      begin(response)
      arrived += 1
    })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      let posted: unknown
      const posting = postRevocation(new URL(url), 'C', revokedCid).then((one) => (posted = one))
      while (arrived === 0) await new Promise(setImmediate)
      await vi.advanceTimersByTimeAsync(14_999)
      expect(posted).toBeUndefined()
      await vi.advanceTimersByTimeAsync(1)
      expect(await posting).toMatchObject({
        state: 'unanswered',
        message: expect.stringContaining('did not answer within 15 seconds; send the revocation again'),
      })
    } finally {
      vi.useRealTimers()
    }
  })

  it('shows nothing of an answer that a terminal would obey, and a bounded part of it [CLI-15]', async () => {
    const detail = `\u001b[2J\u202e${'x'.repeat(5_000)}`
    const url = await start((_, response) =>
      response.writeHead(403, problem).end(JSON.stringify({ code: 'revoked', title: 'no\nfirst', detail })),
    )
    const { err } = await revoke(url)
    expect(err).toContain('refuses the revocation: 403 revoked, no\\u000afirst: \\u001b[2J\\u202exxx')
    expect(err.length).toBeLessThan(1_500)
  })

  it('refuses a place where others could answer, before anything is signed [CLI-15]', async () => {
    for (const [url, message] of [
      ['http://mail.example/revocations', 'must be an https: URL'],
      ['ftp://127.0.0.1/', 'must be an https: URL'],
      ['revocations', 'must be the URL'],
      [`https://user:pass${'w'}ord-canary@mail.example/`, 'must not contain a user or a password'],
    ] as const) {
      const { code, out, err } = await revoke(url)
      expect([code, out]).toEqual([2, ''])
      expect(err).toContain(message)
      expect(err).not.toContain('canary')
    }
    const wrong = await procura('revoke', '--agent', 'claude', '--to', 'https://mail.example/')
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('--to is for a delegation in FILE')])
    expect((await revoke('http://127.0.0.1:9/')).err).toMatch(/cannot be reached \([A-Z_]+\)|the request failed/)
  })

  it('names the fault of the URL or of the server that is not reached [CLI-15]', async () => {
    const plain = await start(() => undefined)
    const { err } = await revoke(plain.replace('http:', 'https:'))
    expect(err).toMatch(/cannot be reached \(ERR_SSL_\w+: the server does not use TLS at this port; check the port\)/)
    const silent = `http://127.0.0.1:${await freePort()}/revocations`
    expect((await revoke(silent)).err).toMatch(
      /\(ECONNREFUSED: nothing listens there; start the service, or check the port\)/,
    )
  })
})
