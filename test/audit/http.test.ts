import {
  chmodSync,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parseRecord } from '../../src/audit/events/record.ts'
import type { LoggedEvent } from '../../src/audit/history.ts'
import { findOpenIntents } from '../../src/audit/recovery/find-open-intents.ts'
import { recoverIntents } from '../../src/audit/recovery/recover-intents.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { type HttpAuditSinkOptions, openHttpAuditSink } from '../../src/audit/sinks/http/http-audit-sink.ts'
import { readCursor } from '../../src/audit/sinks/http/spool-cursor.ts'
import { readJsonlRecords } from '../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { ArgumentError } from '../../src/errors.ts'
import { waitAfter } from '../../src/support/back-off.ts'
import { inCi } from '../property/runs.ts'
import { until } from '../support/until.ts'
import { denied, id, intent, outcome } from './events.ts'
import { temporaryDirectory } from './jsonl/temporary.ts'

interface Endpoint {
  readonly url: string
  readonly requests: IncomingMessage[]
  /** The received lines, each record once. */
  lines(): string[]
  /** The responses to the next requests; 204 when the list is empty. */
  readonly answers: (number | ((response: ServerResponse) => void))[]
}

async function endpoint(): Promise<Endpoint> {
  const lines = new Map<number, string>()
  const requests: IncomingMessage[] = []
  const answers: Endpoint['answers'] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      requests.push(request)
      const answer = answers.shift() ?? 204
      if (typeof answer === 'function') return answer(response)
      if (answer < 300) {
        for (const line of body.trimEnd().split('\n')) lines.set(parseRecord(line).sequence, line)
      }
      response.writeHead(answer).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/audit`,
    requests,
    answers,
    lines: () => [...lines.values()],
  }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const quick = { backOff: { firstMs: 1, maxMs: 20 } }

async function open(options: HttpAuditSinkOptions): ReturnType<typeof openHttpAuditSink> {
  const sink = await openHttpAuditSink({ ...quick, ...options })
  onTestFinished(() => sink.close())
  return sink
}

/** The intents without an outcome that the history of a sink contains. */
async function openIn({ history }: AuditSink): Promise<string[]> {
  const records: LoggedEvent[] = []
  for await (const page of history?.newestFirst({}) ?? []) records.push(...page)
  const numbers = records.map(({ sequence }) => sequence)
  expect(numbers).toEqual(numbers.toSorted((a, b) => b - a))
  expect(new Set(numbers).size).toBe(numbers.length)
  const open = await findOpenIntents(records.reverse())
  return open.map(({ event }) => event.id).sort()
}

describe('a log to an HTTP endpoint', () => {
  it('AUD-20 confirms from the disk, and delivers every record in order', async () => {
    const { url, requests, lines } = await endpoint()
    const headers = async (): Promise<Record<string, string>> => ({ authorization: 'Bearer t0k3n' })
    const sink = await open({ url, directory: temporaryDirectory(), headers, maxRecords: 50, maxBytes: 8192 })
    const confirmations = await Promise.all(Array.from({ length: 300 }, (_, i) => sink.append(intent(i), {})))
    expect(confirmations[0]).toMatchObject({ sink: new URL(url).origin, durability: 'disk' })
    await sink.delivered({})
    expect(sink.waiting()).toBe(0)
    expect(await verifyAuditLog(lines())).toMatchObject({ valid: true, records: 300 })
    expect(requests[0]?.headers).toMatchObject({
      authorization: 'Bearer t0k3n',
      'content-type': 'application/x-ndjson',
      'idempotency-key': expect.stringMatching(/^spool-1-\d+$/),
    })
    for (const request of requests) expect(request.method).toBe('POST')
  })

  it('AUD-20 continues while the endpoint is down, and delivers when it is up again [attack 78]', async () => {
    const { url, answers, lines } = await endpoint()
    const failures: unknown[] = []
    const directory = temporaryDirectory()
    answers.push(500, 503, 404, (response) => response.destroy(), 302, 200)
    const sink = await open({ url, directory, onFailure: (failure) => void failures.push(failure.status ?? 'error') })
    for (let i = 1; i <= 5; i++) await sink.append(intent(i), {})
    await sink.delivered({})
    expect(failures).toEqual([500, 503, 404, 'error', 302])
    expect(await verifyAuditLog(lines())).toMatchObject({ valid: true, records: 5 })
  })

  it('AUD-20 sends no record and no header to the target of a redirect', async () => {
    const [here, elsewhere] = [await endpoint(), await endpoint()]
    const failures: unknown[] = []
    for (const status of [301, 302, 303, 307, 308])
      here.answers.push((response) => response.writeHead(status, { location: elsewhere.url }).end())
    const sink = await open({
      url: here.url,
      directory: temporaryDirectory(),
      headers: () => ({ authorization: 'Bearer t0k3n' }),
      onFailure: (failure) => void failures.push(failure.status),
    })
    await sink.append(intent(1), {})
    await sink.delivered({})
    expect(failures).toEqual([301, 302, 303, 307, 308])
    expect([here.lines().length, elsewhere.requests]).toEqual([1, []])
  })

  it('AUD-20 delivers the waiting records after a restart, and no delivered record again', async () => {
    const { url, answers, lines, requests } = await endpoint()
    const directory = temporaryDirectory()
    const first = await open({ url, directory, maxBytes: 4096 })
    for (let i = 1; i <= 20; i++) await first.append(intent(i), {})
    await first.delivered({})
    const spooled = readdirSync(directory).filter((file) => file.endsWith('.jsonl'))
    expect(spooled.length).toBeLessThanOrEqual(2)
    answers.push(...Array.from({ length: 1000 }, () => 500))
    for (let i = 21; i <= 30; i++) await first.append(intent(i), {})
    await first.close()
    answers.length = 0
    const seen = requests.length
    const second = await open({ url, directory, maxBytes: 4096 })
    await second.delivered({})
    expect(await verifyAuditLog(lines())).toMatchObject({ valid: true, records: 30 })
    expect(requests[seen]?.headers['idempotency-key']).toMatch(/^spool-21-/)
    await second.append(intent(31), {})
    await second.delivered({})
    expect(await verifyAuditLog(lines())).toMatchObject({ valid: true, records: 31 })
  })

  it('AUD-20 sends less at a time after a 413 response', async () => {
    const { url, answers, requests, lines } = await endpoint()
    const sink = await open({ url, directory: temporaryDirectory(), maxRecords: 8 })
    answers.push(500, 413, 413, 413)
    for (let i = 1; i <= 8; i++) await sink.append(intent(i), {})
    await sink.delivered({})
    const sizes = requests.map((request) => {
      const [, first, last] = String(request.headers['idempotency-key']).split('-').map(Number)
      return Number(last) - Number(first) + 1
    })
    expect(Math.min(...sizes)).toBe(1)
    expect(await verifyAuditLog(lines())).toMatchObject({ valid: true, records: 8 })
  })

  it('AUD-20 calls the callbacks without its internal state as `this`', async () => {
    const selves: unknown[] = []
    let answered = false
    const sink = await open({
      url: 'https://logs.example.com',
      directory: temporaryDirectory(),
      headers(this: unknown) {
        selves.push(this)
        return {}
      },
      async fetch(this: unknown) {
        selves.push(this)
        return new Response(null, { status: answered ? 200 : 500 })
      },
      onFailure(this: unknown) {
        selves.push(this)
        answered = true
      },
    })
    await sink.append(intent(1), {})
    await sink.delivered({})
    expect(selves).toEqual(Array(5).fill(undefined))
  })

  it('AUD-20 reads `backOff` once: a later change of the object does not change the waits', async () => {
    const backOff = { firstMs: 10_000, maxMs: 10_000 }
    let requests = 0
    const failing = async (): Promise<Response> => {
      requests += 1
      backOff.firstMs = 1
      backOff.maxMs = 1
      return new Response(null, { status: 500 })
    }
    const sink = await open({
      ...{ url: 'https://logs.example.com', directory: temporaryDirectory(), fetch: failing, backOff },
    })
    await sink.append(intent(1), {})
    await expect(sink.delivered({ signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ name: 'TimeoutError' })
    expect(requests).toBe(1)
  })

  it('AUD-20 aborts a hanging request and tries again', async () => {
    const { url, answers, lines } = await endpoint()
    answers.push(() => undefined)
    const sink = await open({ url, directory: temporaryDirectory(), timeoutMs: 40 })
    await sink.append(intent(1), {})
    await sink.delivered({})
    expect(lines()).toHaveLength(1)
    const hanging = await endpoint()
    hanging.answers.push(() => undefined)
    const other = await open({ url: hanging.url, directory: temporaryDirectory() })
    await other.append(intent(1), {})
    const waiting = other.delivered({ signal: AbortSignal.timeout(20) })
    await expect(waiting).rejects.toMatchObject({ name: 'TimeoutError' })
    expect(other.waiting()).toBe(1)
    await other.close()
  })

  it('AUD-20 continues after `headers` or `fetch` hangs: the failure is reported, and the delivery is tried again', async () => {
    for (const part of ['headers', 'fetch'] as const) {
      const { url, lines } = await endpoint()
      let asked = 0
      const hangs = (): Promise<never> | undefined => {
        if (asked++ > 0) return undefined
        // A time limit must keep its timer alive: a garbage collection here would remove a weakly held one.
        for (const ms of inCi ? [1, 10] : [10]) setTimeout(collectGarbage, ms)
        return new Promise(() => undefined)
      }
      const failures: unknown[] = []
      const sink = await open({
        url,
        directory: temporaryDirectory(),
        timeoutMs: 300,
        onFailure: ({ cause }) => void failures.push(cause),
        ...(part === 'headers'
          ? { headers: () => hangs() ?? {} }
          : { fetch: (...given: Parameters<typeof fetch>) => hangs() ?? fetch(...given) }),
      })
      await sink.append(intent(1), {})
      await sink.delivered({})
      expect([lines().length, failures]).toEqual([
        1,
        [expect.objectContaining({ name: 'TimeoutError', message: expect.stringContaining('within 300 ms') })],
      ])
    }
  })

  it('AUD-20 closes while `headers` hangs', async () => {
    const { url } = await endpoint()
    let begun: (() => void) | undefined
    const waiting = new Promise<void>((resolve) => (begun = resolve))
    const headers = (): Promise<never> => {
      begun?.()
      return new Promise(() => undefined)
    }
    const sink = await open({ url, directory: temporaryDirectory(), headers })
    await sink.append(intent(1), {})
    await waiting
    await sink.close()
    expect(sink.waiting()).toBe(1)
  })

  it('AUD-21 refuses a record when too many records wait [attack 78]', async () => {
    const { url, answers } = await endpoint()
    answers.push(...Array.from({ length: 1000 }, () => 503))
    const sink = await open({ url, directory: temporaryDirectory(), maxWaiting: 3 })
    for (let i = 1; i <= 3; i++) await sink.append(intent(i), {})
    await expect(sink.append(intent(4), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    answers.length = 0
    await sink.delivered({})
    await sink.append(intent(5), {})
  })

  it('AUD-21 refuses concurrent records beyond its limit [attack 78]', async () => {
    const { url, answers } = await endpoint()
    answers.push(...Array.from({ length: 1000 }, () => 503))
    const sink = await open({ url, directory: temporaryDirectory(), maxWaiting: 10 })
    const appended = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => sink.append(intent(i), {})))
    expect(appended.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
    expect(sink.waiting()).toBe(10)
  })

  it('AUD-34 reads back the intents without an outcome, also from files that were delivered and removed', async () => {
    const { url, lines } = await endpoint()
    const directory = temporaryDirectory()
    const options = { url, directory, maxBytes: 4096 }
    const first = await open(options)
    for (let i = 1; i <= 60; i++) {
      await first.append(intent(i, { mode: 'shadow' }), {})
      if (i % 3 === 0) await first.append(outcome(100 + i, i), {})
    }
    await first.append(outcome(200, 1), {})
    await first.delivered({})
    const left = Array.from({ length: 60 }, (_, i) => i + 1).filter((i) => i % 3 !== 0 && i !== 1)
    const expected = left.map(id).sort()
    expect(await openIn(first)).toEqual(expected)
    await first.close()
    const files = readdirSync(directory).filter((file) => file.endsWith('.jsonl'))
    expect(files.length).toBeLessThanOrEqual(2)
    expect((await findOpenIntents(readJsonlRecords({ directory, prefix: 'spool' }))).length).toBeLessThan(8)

    const second = await open(options)
    expect(await openIn(second)).toEqual(expected)
    expect(second.history?.inherited).toBe(81)
    for (const number of left.slice(1)) await second.append(denied(300 + number, { intent: id(number) }), {})
    expect(await openIn(second)).toEqual([id(2)])
    await second.delivered({})
    expect(await openIn(second)).toEqual([id(2)])
    const [kept] = JSON.parse(readFileSync(join(directory, 'spool.cursor'), 'utf8')).open
    const { kind, time, mode, command, invocation } = intent(2, { mode: 'shadow' })
    expect(kept).toEqual({ sequence: 2, event: { kind, id: id(2), time, mode, command, invocation } })
    expect(await findOpenIntents(lines().map(parseRecord))).toMatchObject([{ event: { id: id(2) } }])
  })

  it('AUD-34 closes them all at the next start, and delivers the outcomes to the endpoint', async () => {
    const { url, lines } = await endpoint()
    const directory = temporaryDirectory()
    const first = await open({ url, directory, maxBytes: 4096 })
    for (let i = 1; i <= 60; i++) await first.append(intent(i), {})
    await first.delivered({})
    await first.close()
    const second = await open({ url, directory, maxBytes: 4096 })
    const { recovered, pending } = await recoverIntents({ sink: second, clock: { now: () => 1_800_000_000 } })
    expect([recovered.length, pending.length]).toEqual([60, 0])
    expect((await recoverIntents({ sink: second })).recovered).toEqual([])
    await second.delivered({})
    const records = lines().map(parseRecord)
    expect(await findOpenIntents(records)).toEqual([])
    expect(records.filter(({ event }) => event.kind === 'outcome')).toHaveLength(60)
    expect(await verifyAuditLog(lines())).toMatchObject({ valid: true, records: 120 })
  })

  it('AUD-34 misses no intent while files are delivered and removed', async () => {
    const { url, answers } = await endpoint()
    answers.push(...Array.from({ length: 1000 }, () => 503))
    const directory = temporaryDirectory()
    const sink = await open({ url, directory, maxBytes: 4096 })
    for (let i = 1; i <= 40; i++) await sink.append(intent(i), {})
    const expected = Array.from({ length: 40 }, (_, i) => id(i + 1)).sort()
    const pages = sink.history?.newestFirst({}) ?? []
    const found: string[] = []
    for await (const page of pages) {
      found.push(...page.map(({ event }) => event.id))
      answers.length = 0
      await sink.delivered({})
      while (readdirSync(directory).filter((file) => file.endsWith('.jsonl')).length > 1) {
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    }
    expect(found.sort()).toEqual(expected)
  })

  it('AUD-34 reads the records present at the start, while another file is begun', async () => {
    const { url, answers } = await endpoint()
    answers.push(...Array.from({ length: 1000 }, () => 503))
    const sink = await open({ url, directory: temporaryDirectory(), maxBytes: 4096 })
    for (let i = 1; i <= 5; i++) await sink.append(intent(i), {})
    const pages = sink.history?.newestFirst({}) as AsyncGenerator<readonly LoggedEvent[], void>
    const first = pages.next()
    const later = Promise.all(Array.from({ length: 40 }, (_, i) => sink.append(intent(6 + i), {})))
    const found = [...((await first).value ?? [])]
    for await (const page of pages) found.push(...page)
    expect(found.map(({ sequence }) => sequence)).toEqual([5, 4, 3, 2, 1])
    await later
  })

  it('AUD-31 closes the files that it has read', () => {
    const directory = temporaryDirectory()
    const cursor = join(directory, 'spool.cursor')
    writeFileSync(cursor, '{"sequence":1,"file":"a","offset":2}', { mode: 0o600 })
    /** The next descriptor is the lowest free one. */
    const next = (): number => {
      const file = openSync(cursor, 'r')
      closeSync(file)
      return file
    }
    const before = next()
    for (let i = 0; i < 100; i++) expect(readCursor(directory, 'spool')).toMatchObject({ sequence: 1, offset: 2 })
    expect(next()).toBeLessThan(before + 100)
  })

  it('AUD-31 continues from the first file of the spool when the cursor is missing or malformed', async () => {
    const { url, lines, requests } = await endpoint()
    const directory = temporaryDirectory()
    const cursor = join(directory, 'spool.cursor')
    const first = await open({ url, directory, maxBytes: 4096 })
    for (let i = 1; i <= 20; i++) await first.append(intent(i), {})
    await first.delivered({})
    await first.close()
    const good = readFileSync(cursor, 'utf8')
    const [oldest = ''] = readdirSync(directory).filter((file) => file.endsWith('.jsonl'))
    const begin = Number(oldest.slice(6, 22))
    expect(begin).toBeGreaterThan(1)
    for (const text of ['', '{}', 'null', good.slice(0, -4), good.replace(/"offset":\d+/, '"offset":-1'), undefined]) {
      if (text === undefined) rmSync(cursor)
      else writeFileSync(cursor, text)
      const seen = requests.length
      const sink = await open({ url, directory, maxBytes: 4096 })
      await sink.delivered({})
      expect(requests[seen]?.headers['idempotency-key']).toBe(`spool-${begin}-20`)
      await sink.close()
    }
    const last = await open({ url, directory, maxBytes: 4096 })
    await last.append(intent(21), {})
    await last.delivered({})
    expect(await verifyAuditLog(lines())).toMatchObject({ valid: true, records: 21 })
  })

  it('AUD-31 refuses to open when the cursor is ahead of the spool', async () => {
    const { url } = await endpoint()
    const directory = temporaryDirectory()
    const first = await open({ url, directory })
    await first.append(intent(1), {})
    await first.delivered({})
    await first.close()
    const cursor = join(directory, 'spool.cursor')
    const good = readFileSync(cursor, 'utf8')
    writeFileSync(cursor, good.replace('"sequence":1', '"sequence":7'))
    await expect(openHttpAuditSink({ url, directory })).rejects.toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
    writeFileSync(cursor, good)
    await (await openHttpAuditSink({ url, directory })).close()
  })

  it('AUD-31 does not write through a link, does not accept the cursor of another user, and leaves no other files [attack 79]', async () => {
    const { url } = await endpoint()
    const directory = temporaryDirectory()
    const victim = join(temporaryDirectory(), 'victim')
    writeFileSync(victim, 'mine')
    const cursor = join(directory, 'spool.cursor')
    symlinkSync(victim, join(directory, 'spool.cursor.next'))
    const sink = await open({ url, directory })
    symlinkSync(victim, cursor)
    await sink.append(intent(1), {})
    await sink.delivered({})
    await sink.close()
    expect(readFileSync(victim, 'utf8')).toBe('mine')
    expect(lstatSync(cursor)).toMatchObject({ mode: 0o100600, nlink: 1 })
    expect(readdirSync(directory).sort()).toEqual([
      'spool-0000000000000001.jsonl',
      'spool.cursor',
      'spool.cursor.next',
      'spool.lock',
    ])
    expect(readdirSync(join(directory, 'spool.lock'))).toEqual([expect.stringMatching(/-free$/)])

    chmodSync(cursor, 0o644)
    await expect(openHttpAuditSink({ url, directory })).rejects.toMatchObject({ code: 'ERR_AUDIT_CONFIGURATION' })
    rmSync(cursor)
    symlinkSync(victim, cursor)
    await expect(openHttpAuditSink({ url, directory })).rejects.toMatchObject({ code: 'ERR_AUDIT_CONFIGURATION' })
  })

  it('AUD-40 does not write its cursor and sends no more after another process has taken the lock', async () => {
    const directory = temporaryDirectory()
    const failures: unknown[] = []
    let sent = 0
    const fetch = async (): Promise<Response> => {
      sent += 1
      const lock = join(directory, 'spool.lock')
      const [state = ''] = readdirSync(lock).filter((name) => name.includes('-held-'))
      renameSync(join(lock, state), join(lock, state.replace(/^\d+-held-.{8}/, '999-held-00000000')))
      return new Response()
    }
    const onFailure = ({ cause }: { cause?: unknown }): void => void failures.push(cause)
    const sink = await open({ url: 'https://audit.example', directory, fetch, onFailure })
    await sink.append(intent(1), {})
    await until(() => failures.length >= 3, 5)
    for (const failure of failures) expect(failure).toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
    expect(sent).toBe(1)
    expect(readdirSync(directory).sort()).toEqual(['spool-0000000000000001.jsonl', 'spool.lock'])
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
    await sink.close()
  })

  it('AUD-20 reports missing records of the spool, and does not spin', async () => {
    const { url, answers } = await endpoint()
    answers.push(...Array.from({ length: 1000 }, () => 503))
    const failures: unknown[] = []
    const directory = temporaryDirectory()
    const sink = await open({ url, directory, onFailure: ({ cause }) => void failures.push(cause) })
    await sink.append(intent(1), {})
    rmSync(join(directory, 'spool-0000000000000001.jsonl'))
    await expect.poll(() => failures.at(-1)).toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(failures.length).toBeLessThan(100)
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
  })

  it('AUD-20 waits longer after each failure, up to a limit, and as long as the response requests', () => {
    const backOff = { firstMs: 100, maxMs: 1000 }
    for (let failures = 1; failures < 40; failures++) {
      const full = Math.min(1000, 100 * 2 ** (failures - 1))
      const wait = waitAfter(failures, backOff)
      expect(wait).toBeGreaterThanOrEqual(full / 2)
      expect(wait).toBeLessThanOrEqual(full)
    }
    expect(waitAfter(1, backOff, 700)).toBe(700)
    expect(waitAfter(1, backOff, 99_000)).toBe(1000)
  })

  it('AUD-20 waits for the time in `retry-after`', async () => {
    const { url, answers } = await endpoint()
    answers.push((response) => response.writeHead(429, { 'retry-after': '1' }).end())
    const sink = await open({ url, directory: temporaryDirectory(), backOff: { firstMs: 1, maxMs: 300 } })
    const began = performance.now()
    await sink.append(intent(1), {})
    await sink.delivered({})
    expect(performance.now() - began).toBeGreaterThan(280)
  })

  it.each(['ftp://a', 'http://log.example/', 'https://user:pass@log.example/', 'x', ''])(
    'AUD-20 refuses the endpoint `%s`',
    async (url) => {
      await expect(openHttpAuditSink({ url, directory: temporaryDirectory() })).rejects.toThrow(ArgumentError)
    },
  )
})
