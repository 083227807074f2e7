import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { invoke } from 'procura'
import { approve, requestApproval } from 'procura/approval'
import { memoryRevocationStore } from 'procura/store/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { actor } from '../../../../../../test/support/actors.ts'
import { holdConnections } from '../../../../../../test/support/hold-connections.ts'
import { type ApprovalQueue, openApprovalQueue } from '../../../../src/gateway/serve/approvals/approval-queue.ts'
import type { KeptRequest } from '../../../../src/gateway/serve/approvals/kept-request.ts'
import { pageFiles } from '../../../../src/gateway/serve/approvals/page-files.ts'
import { beginPageRun, type PageRun } from '../../../../src/gateway/serve/approvals/page-run.ts'
import {
  type PageListener,
  type ServePageOptions,
  serveApprovalPage,
} from '../../../../src/gateway/serve/approvals/serve-page.ts'

const [owner, service, agent] = await Promise.all([actor('owner'), actor('service'), actor('agent')])
const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-x'">`

describe('the page for approvals of a gateway', () => {
  let folder: string
  let queue: ApprovalQueue
  let listener: PageListener
  let run: PageRun
  let kept: KeptRequest
  let isGone = false
  beforeEach(async () => {
    isGone = false
    folder = mkdtempSync(join(tmpdir(), 'procura-page-'))
    writeFileSync(join(folder, 'page.html'), `${policy}<p>page</p>`)
    queue = await openApprovalQueue({ folder: join(folder, 'approvals'), onEvent: () => undefined })
    run = await beginPageRun(pageFiles(join(folder, 'approvals')), memoryRevocationStore())
    listener = await serveApprovalPage({ ...shown(), queue, run, path: join(folder, 'page.html') })
    const call = { service: service.did, subject: owner.did, command: '/mcp/mail/send' }
    const invocation = await invoke({
      ...{ issuer: agent, subject: owner.did, audience: service.did, command: call.command, args: { to: 'a' } },
    })
    const { container } = await requestApproval(
      { approvable: true },
      { issuer: agent, approver: owner.did, invocation },
    )
    const taken = await queue.take([container], call as never, { approvers: [owner.did], threshold: 1 })
    kept = (taken as readonly KeptRequest[])[0] as KeptRequest
  })
  afterEach(async () => {
    await listener.close()
    queue.close()
    rmSync(folder, { recursive: true })
  })

  /** The names of the home folder: one more than the request has, and one of the three not. */
  const shown = (): Pick<ServePageOptions, 'host' | 'port' | 'names' | 'longer'> => ({
    ...{ host: '127.0.0.1', port: 0, longer: ({ ownerId }) => `approve ${ownerId}` },
    names: async () => {
      if (isGone) throw new Error('the folder is gone')
      return { [agent.did]: 'agent assistant', [service.did]: 'this gateway', 'did:key:z6Mkother': 'agent other' }
    },
  })

  interface Sent {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  }

  function send(
    path: string,
    { method = 'GET', headers = {}, body }: Sent = {},
  ): Promise<{
    readonly status: number | undefined
    readonly text: string
    readonly headers: Readonly<Record<string, unknown>>
  }> {
    return new Promise((resolve, reject) => {
      const { host, port } = new URL(listener.url)
      const options = { host: '127.0.0.1', port, path, method, headers: { host, ...headers } }
      const request = httpRequest(options, (response) => {
        let text = ''
        response.on('data', (chunk) => (text += String(chunk)))
        response.on('end', () => resolve({ status: response.statusCode, text, headers: response.headers }))
      })
      request.on('error', reject)
      request.end(body)
    })
  }

  const at = (id: string, approver = owner.did): string => `/requests/${id}?approver=${encodeURIComponent(approver)}`
  const origin = (): string => listener.url.slice(0, -1)
  const answerOf = async (): Promise<string> => (await approve(kept.request, { issuer: owner })).container

  it('APR-95 keeps no key for a code that ends while the key is offered', async () => {
    const files = pageFiles(join(folder, 'approvals'))
    const [code, did] = ['a'.repeat(16), agent.did]
    const ending = await beginPageRun(
      {
        ...files,
        async putOffer(id, key) {
          await files.removeCode(id)
          return files.putOffer(id, key)
        },
      },
      memoryRevocationStore(),
    )
    await files.putCode(code, ending.name)
    expect(await ending.offer(code, did)).toMatch(/^the code is not valid/)
    expect(await files.offer(code)).toBeUndefined()
    // A program that has read the key removes it with the code.
    const reading = await beginPageRun(
      {
        ...files,
        putOffer: async (id, key) => (await files.putOffer(id, key)) && files.removeCode(id).then(() => true),
      },
      memoryRevocationStore(),
    )
    await files.putCode(code, reading.name)
    expect(await reading.offer(code, did)).toBeUndefined()
  })

  it('APR-89 connects to its own address, and cannot be framed', async () => {
    const { status, text, headers } = await send('/')
    expect(status).toBe(200)
    expect(text).toContain("content=\"default-src 'none'; connect-src 'self'; script-src 'sha256-x'\"")
    expect(headers).toMatchObject({
      'content-security-policy': "frame-ancestors 'none'",
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    })
    expect(Object.keys(headers).filter((name) => /set-cookie|access-control/.test(name))).toEqual([])
    writeFileSync(join(folder, 'page.html'), '<p>other</p>')
    const other = serveApprovalPage({ ...shown(), queue, run, path: join(folder, 'page.html') })
    await expect(other).rejects.toThrow(/is damaged/)
  })

  it('APR-89 answers while other processes hold connections and send nothing [GTW-22] [attack 98]', async () => {
    const sockets = await holdConnections(Number(new URL(listener.url).port), 40)
    expect((await send('/')).status).toBe(200)
    for (const socket of sockets) socket.destroy()
  })

  it('APR-89 gives a request to its approver by its ID, and takes the answer', async () => {
    const found = await send(at(kept.id))
    expect(JSON.parse(found.text)).toMatchObject({ id: kept.id, request: kept.container })
    expect((await send(at(kept.id, agent.did))).status).toBe(404)
    expect((await send(at('aaaaaaaaaaaaaaaa'))).status).toBe(404)
    expect((await send('/requests/')).status).toBe(404)
    const body = await answerOf()
    const headers = { origin: origin(), 'sec-fetch-site': 'same-origin' }
    for (const wrong of ['', 'x', kept.container])
      expect(await send(`/answers/${kept.id}`, { method: 'POST', headers, body: wrong })).toMatchObject({
        ...{ status: 409, text: 'it is not an answer of the approver to this request\n' },
      })
    expect((await send(`/answers/${kept.id}`, { method: 'POST', headers, body })).status).toBe(200)
    expect((await send(`/answers/${kept.id}`, { method: 'POST', headers, body })).text).toMatch(/has been answered/)
    expect(await queue.collect([kept], 1)).toMatchObject({ answer: 'approved' })
  })

  it('APR-33 names the principals of a request and no others, and the command of the owner for more than the call', async () => {
    const names = { [agent.did]: 'agent assistant', [service.did]: 'this gateway' }
    const found = await send(at(kept.id))
    expect(JSON.parse(found.text)).toEqual({
      ...{ id: kept.id, request: kept.container, names, longer: `approve ${kept.id}` },
    })
    isGone = true
    expect(JSON.parse((await send(at(kept.id))).text)).toMatchObject({ request: kept.container, names: {} })
  })

  it('APR-89 answers no other site, and no other name of this machine [attack 104]', async () => {
    const port = new URL(listener.url).port
    const names = ['evil.example', `evil.example:${port}`, `localhost:${port}`, '127.0.0.1', `127.0.0.1:${port}`]
    for (const host of [...names, `${'a'.repeat(16)}.localhost:${port}`, new URL(listener.url).hostname])
      for (const path of ['/', at(kept.id)]) expect((await send(path, { headers: { host } })).status).toBe(421)
    const body = await answerOf()
    for (const headers of [
      {},
      { origin: 'null' },
      { origin: 'https://evil.example' },
      { origin: `http://localhost:${port}` },
      { origin: origin(), 'sec-fetch-site': 'cross-site' },
      { origin: origin(), 'sec-fetch-site': 'same-site' },
    ])
      expect((await send(`/answers/${kept.id}`, { method: 'POST', headers, body })).status).toBe(403)
    for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }])
      expect((await send(at(kept.id), { headers })).status).toBe(403)
    for (const method of ['PUT', 'DELETE', 'OPTIONS'])
      expect((await send(`/answers/${kept.id}`, { method, headers: { origin: origin() } })).status).toBe(405)
    expect(await queue.collect([kept], 1)).toBeUndefined()
  })

  it('APR-89 refuses an answer that is too long, and the client reads why', async () => {
    const headers = { origin: origin() }
    // The lengths at which a connection that is closed too early loses the response now and then.
    const lengths = [524_289, 8_000_000, ...Array.from({ length: 40 }, (_, at) => 560_000 + at * 4_000)]
    for (const length of lengths) {
      const body = 'x'.repeat(length)
      expect(await send(`/answers/${kept.id}`, { method: 'POST', headers, body })).toMatchObject({
        ...{ status: 413, text: 'the answer is too long\n' },
      })
    }
    const longest = await send(`/answers/${kept.id}`, { method: 'POST', headers, body: 'x'.repeat(524_288) })
    expect(longest.status).toBe(409)
  })
})
