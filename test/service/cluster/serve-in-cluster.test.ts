// node only: starts processes
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { encodeContainer } from '../../../src/container/container.ts'
import { delegate } from '../../../src/delegation/delegate.ts'
import { invoke } from '../../../src/invocation/invoke.ts'
import { type ServeInClusterOptions, serveInCluster } from '../../../src/service/cluster/serve-in-cluster.ts'
import { actor } from '../../support/actors.ts'
import { bundleProgram } from '../../support/bundle-program.ts'
import { freePort } from '../../support/free-port.ts'

const [owner, agent, self] = [await actor('owner'), await actor('agent'), await actor('self')]
const grant = await delegate({ issuer: owner, audience: agent.did, command: '/' })

/** A line that a process has printed. */
interface Line {
  readonly pid: number
  readonly event: string
  readonly detail?: unknown
}

let folder: string
let running: ReturnType<typeof startWith> | undefined
const gate = createServer()
/** The calls in progress, by the process. */
const waiting = new Map<number, ServerResponse[]>()
let arrived: (pid: number) => void = () => undefined

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-cluster-'))
  const entry = fileURLToPath(new URL('clustered-process.ts', import.meta.url))
  await bundleProgram(entry, join(folder, 'program.mjs'))
  gate.on('request', ({ url = '' }, response) => {
    const pid = Number(url.slice(1))
    waiting.set(pid, [...(waiting.get(pid) ?? []), response])
    arrived(pid)
  })
  gate.listen(0, '127.0.0.1')
  await once(gate, 'listening')
})

afterEach(() => {
  if (running?.child.exitCode === null && running.child.signalCode === null) running.child.kill('SIGKILL')
  running = undefined
  waiting.clear()
})

afterAll(() => {
  gate.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Starts the program, in a process group of its own as a terminal does. */
function startWith(port: number, options: ServeInClusterOptions, version = 'ok', program: object = {}) {
  const file = join(folder, 'version')
  writeFileSync(file, version)
  const { port: gatePort } = gate.address() as AddressInfo
  const given = { audience: self.did, port, gate: `http://127.0.0.1:${gatePort}`, version: file, options, ...program }
  const child: ChildProcess = spawn(process.execPath, [join(folder, 'program.mjs'), JSON.stringify(given)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const lines: Line[] = []
  const waits = new Set<() => void>()
  let rest = ''
  let errors = ''
  child.stderr?.on('data', (chunk) => {
    errors += chunk
  })
  child.stdout?.on('data', (chunk) => {
    const parts = `${rest}${chunk}`.split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts.map((part) => JSON.parse(part) as Line))
    for (const wait of waits) wait()
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  /** The lines of an event, in order. */
  const of = (event: string): readonly Line[] => lines.filter((line) => line.event === event)
  /** Waits until there are so many lines of an event. */
  const until = (event: string, count = 1): Promise<readonly Line[]> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (of(event).length < count) return
        waits.delete(check)
        resolve(of(event))
      }
      waits.add(check)
      check()
      ended.then(() => reject(new Error(`it ended before: ${JSON.stringify(lines)} ${errors}`)), reject)
    })
  const pids = (event: string): readonly number[] => of(event).map(({ pid }) => pid)
  const details = (event: string): readonly unknown[] => of(event).map(({ detail }) => detail)
  return { child, port, lines, ended, of, until, pids, details, errors: () => errors, file }
}

async function start(options: ServeInClusterOptions = {}, version?: string, program?: object) {
  running = startWith(await freePort(), { workers: 2, ...options }, version, program)
  return running
}

async function serving(options: ServeInClusterOptions = {}, version?: string, program?: object) {
  const started = await start(options, version, program)
  await started.until('all listen')
  await started.until('listening', options.workers ?? 2)
  return started
}

async function headersOf(command: string) {
  const call = await invoke({
    issuer: agent,
    audience: self.did,
    subject: owner.did,
    command,
    args: {},
    proofs: [grant],
  })
  return { 'x-ucan-container': encodeContainer([call, grant]) }
}

async function send(port: number, command = '/send', keepAlive?: Agent): Promise<string> {
  const headers = await headersOf(command)
  return new Promise((resolve, reject) => {
    const sent = request(
      { port, host: '127.0.0.1', method: 'POST', headers, agent: keepAlive ?? false },
      async (response) => {
        const chunks: Buffer[] = []
        for await (const chunk of response) chunks.push(chunk)
        resolve(`${response.statusCode} ${Buffer.concat(chunks)}`)
      },
    )
    // A client cannot know whether the server ends a kept connection; one that is not kept is answered.
    sent.on('error', (error) =>
      sent.reusedSocket ? send(port, command, keepAlive).then(resolve, reject) : reject(error),
    )
    sent.end()
  })
}

/** Begins a call in each of so many workers. New connections go to the workers in turn. */
async function callEach(port: number, count: number): Promise<readonly Promise<string>[]> {
  const calls: Promise<string>[] = []
  while (waiting.size < count) {
    const began = new Promise<number>((resolve) => {
      arrived = resolve
    })
    calls.push(send(port, '/wait'))
    await Promise.race([began, calls.at(-1)])
  }
  return calls
}

function finish(pid: number): void {
  for (const response of waiting.get(pid) ?? []) response.end('done')
}

const answered = '200 "done"'
const recorded = { code: 0, kinds: 'intent,outcome' }

describe('a service in several processes', () => {
  it.each(['SIGTERM', 'SIGINT to the group'])(
    'SVC-23 answers and records the calls in progress at %s',
    async (signal) => {
      const { child, port, until, pids, details, ended, errors } = await serving({ workers: 4 })
      expect(new Set(pids('listening')).size).toBe(4)
      const calls = await callEach(port, 4)
      if (signal === 'SIGTERM') child.kill(signal)
      else process.kill(-(child.pid ?? 0), 'SIGINT')
      await until('closing', 4)
      for (const pid of pids('listening')) finish(pid)
      expect(await Promise.all(calls)).toEqual([answered, answered, answered, answered])
      expect(await ended).toBe(0)
      expect(details('exit')).toEqual([recorded, recorded, recorded, recorded])
      expect([details('error'), errors()]).toEqual([[], ''])
    },
  )

  it('SVC-23 ends a worker that does not close, and reports it by its exit code', async () => {
    const { child, pids, details, ended } = await serving({ workers: 1, closeMs: 300 }, 'stuck')
    child.kill('SIGTERM')
    expect(await ended).toBe(1)
    expect(details('error').toSorted()).toEqual(
      pids('listening')
        .map((pid) => `worker ${pid} was killed: it did not end within 300 ms`)
        .toSorted(),
    )
  })

  it('SVC-23 closes all workers without a signal, and rejects when one of them did not close', async () => {
    for (const [version, result] of [
      ['ok', 'closed'],
      ['stuck', '1 of 1 workers did not close; `onError` has the reasons'],
    ] as const) {
      const { child, details, ended } = await serving({ workers: 1, closeMs: version === 'ok' ? 20_000 : 300 }, version)
      child.kill('SIGUSR2')
      expect(await ended, version).toBe(0)
      expect(details('result')).toEqual([result])
    }
  })

  it('SVC-23 reports a service that cannot be closed, in the worker and in the primary process', async () => {
    const { child, pids, of, ended } = await serving({ workers: 1 }, 'broken')
    child.kill('SIGTERM')
    expect(await ended).toBe(1)
    const errors = of('error').map(({ pid, detail }) => `${pid === child.pid ? 'primary' : pid} ${detail}`)
    expect(errors.toSorted()).toEqual(
      pids('listening')
        .flatMap((pid) => [`${pid} no disk`, `primary worker ${pid} ended with exit code 1`])
        .toSorted(),
    )
  })

  it('SVC-23 does not start when one of the workers fails, after all others have ended', async () => {
    writeFileSync(join(folder, 'version.first'), '')
    const { lines, child, ended, pids, details } = await start({ workers: 3 }, 'fail once')
    expect(await ended).toBe(3)
    const [failed] = lines.filter(({ event, pid }) => event === 'rejected' && pid !== child.pid)
    expect(failed?.detail).toBe('this process does not start')
    expect(lines.at(-1)).toEqual({
      pid: child.pid,
      event: 'rejected',
      detail: `worker ${failed?.pid} ended with exit code 1 before it listened (its standard error has the reason)`,
    })
    // A worker that was asked before it listened has closed all the same.
    expect(pids('closed').toSorted()).toEqual(pids('exit').toSorted())
    expect(new Set(pids('opening')).size).toBe(3)
    expect(details('error')).toEqual([])
  })

  it('SVC-23 refuses a second call, in the primary process and in the workers, and serves on', async () => {
    const { child, port, until, pids, details, ended } = await serving({ workers: 2 }, 'ok', { again: true })
    await until('refused', 3)
    expect(pids('refused').toSorted()).toEqual([child.pid, ...pids('listening')].toSorted())
    for (const detail of details('refused')) expect(detail).toMatch(/^serveInCluster: the program has called it before/)
    expect(await send(port)).toMatch(/^200/)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect([pids('opening').length, pids('closed').length, details('error')]).toEqual([2, 2, []])
  })

  it('SVC-23 takes a second call after the first workers have not started', async () => {
    writeFileSync(join(folder, 'version.first'), '')
    const { child, port, until, pids, ended } = await start({ workers: 2 }, 'fail once', { again: true })
    await until('again')
    expect([pids('rejected').includes(child.pid ?? 0), pids('again')]).toEqual([true, [child.pid]])
    expect(await send(port)).toMatch(/^200/)
    child.kill('SIGTERM')
    await ended
    expect(pids('opening').length).toBe(4)
  })

  it('SVC-23 does not start when `open` returns nothing that can be closed', async () => {
    const { child, lines, ended } = await start({ workers: 1 }, 'nothing')
    expect(await ended).toBe(3)
    expect(lines.find(({ event, pid }) => event === 'rejected' && pid !== child.pid)?.detail).toMatch(
      /^serveInCluster: the result of `open` must be an object with a method `close`/,
    )
  })

  it('SVC-23 kills a worker that does not listen in time', async () => {
    const { ended, details } = await start({ workers: 1, openMs: 300 }, 'hang')
    expect(await ended).toBe(3)
    expect(details('rejected')).toEqual([
      expect.stringMatching(/^worker \d+ was killed: it did not listen within 300 ms$/),
    ])
  })

  it.each(['SIGTERM', 'SIGINT to the group'])('SVC-23 ends at %s while it starts', async (signal) => {
    const { child, until, ended, pids, details } = await start({ workers: 1, closeMs: 300 }, 'hang')
    await until('opening')
    if (signal === 'SIGTERM') child.kill(signal)
    else process.kill(-(child.pid ?? 0), 'SIGINT')
    await ended
    expect([pids('opening').length, pids('listening'), details('rejected')]).toEqual([1, [], []])
  })

  it('SVC-23 leaves the workers and the messages of the program alone', async () => {
    const { child, port, until, pids, details, ended } = await serving({ workers: 1 }, 'ok', { others: true })
    expect(await send(port)).toMatch(/^200/)
    expect(pids('closing')).toEqual([])
    child.kill('SIGTERM')
    await until('exit')
    child.kill('SIGWINCH')
    expect(await ended).toBe(0)
    expect(details('other')).toEqual([{ echo: 'still there?' }])
    expect(details('error')).toEqual([])
  })

  it('SVC-24 starts a worker again that was killed, at once and then after a wait that ends with the service', async () => {
    const { child, port, until, pids, details, ended } = await serving()
    const [first = 0] = pids('listening')
    process.kill(first, 'SIGKILL')
    const second = (await until('listening', 3))[2]?.pid ?? 0
    process.kill(second, 'SIGKILL')
    await until('error', 2)
    expect(await send(port)).toMatch(/^200/)
    const third = (await until('listening', 4))[3]?.pid ?? 0
    process.kill(third, 'SIGKILL')
    await until('error', 3)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(pids('opening').length).toBe(4)
    expect(details('error')).toEqual([
      `worker ${first} was ended by SIGKILL; another worker starts now`,
      `worker ${second} was ended by SIGKILL; another worker starts in 1 s`,
      `worker ${third} was ended by SIGKILL; another worker starts in 2 s`,
    ])
  })

  it.each([
    ['at a signal', 'SIGTERM'],
    ['by its function', 'SIGUSR2'],
  ])('SVC-24 puts another worker in the place of one that closes %s, which answers its calls', async (_, signal) => {
    const { child, port, until, pids, of, ended, details } = await serving({ workers: 1 })
    const [call] = await callEach(port, 1)
    const [pid = 0] = pids('listening')
    process.kill(pid, signal)
    await until('closing')
    finish(pid)
    expect(await call).toBe(answered)
    await until('listening', 2)
    expect(of('exit')).toEqual([{ pid, event: 'exit', detail: recorded }])
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(details('error')).toEqual([`worker ${pid} ended with exit code 0; another worker starts now`])
  })

  it('SVC-24 keeps its workers when the system starts no process, and tries again', async () => {
    const { child, port, until, pids, details, ended } = await serving({}, 'ok', { atWindow: 'lengthen' })
    const [first = 0] = pids('listening')
    child.kill('SIGWINCH')
    await until('changed')
    child.kill('SIGHUP')
    await until('error')
    expect(await send(port)).toMatch(/^200/)
    process.kill(first, 'SIGKILL')
    await until('error', 3)
    expect(await send(port)).toMatch(/^200/)
    child.kill('SIGWINCH')
    await until('listening', 3)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    const none = expect.stringMatching(/^a worker got no process \(E2BIG\); another worker starts in \d+ s$/)
    expect(details('error').slice(0, 3)).toEqual([
      'the workers are not replaced, and keep serving: a worker got no process (E2BIG)',
      `worker ${first} was ended by SIGKILL; another worker starts now`,
      none,
    ])
    for (const detail of details('error').slice(3)) expect(detail).toEqual(none)
  })

  it('SVC-24 kills a worker that closes by its function and does not end, and starts another one', async () => {
    const { child, file, until, pids, details, ended } = await serving({ workers: 1, closeMs: 300 }, 'stuck')
    const [pid = 0] = pids('listening')
    writeFileSync(file, 'ok')
    process.kill(pid, 'SIGUSR2')
    await until('listening', 2)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(details('error')).toEqual([
      `worker ${pid} was killed: it did not end within 300 ms; another worker starts now`,
    ])
  })

  it('SVC-23 ends no worker at a signal after its service has closed', async () => {
    const { child, until, pids, details, ended } = await serving({ workers: 1 })
    const [pid = 0] = pids('listening')
    // The worker waits for the answer that no connection is on its way.
    child.kill('SIGSTOP')
    process.kill(pid, 'SIGUSR2')
    await until('closed')
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM']) process.kill(pid, signal)
    child.kill('SIGCONT')
    await until('listening', 2)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(details('error')).toEqual([`worker ${pid} ended with exit code 0; another worker starts now`])
  })

  it('SVC-24 starts a worker again that ends while its predecessor closes', async () => {
    const { child, file, until, pids, details, ended } = await serving({ workers: 1 }, 'stuck')
    const [old = 0] = pids('listening')
    writeFileSync(file, 'ok')
    child.kill('SIGHUP')
    await until('closing')
    const fresh = (await until('listening', 2))[1]?.pid ?? 0
    process.kill(fresh, 'SIGKILL')
    await until('listening', 3)
    expect(details('error')).toEqual([`worker ${fresh} was ended by SIGKILL; another worker starts now`])
    process.kill(old, 'SIGKILL')
    await until('error', 2)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(details('error').slice(1)).toEqual([`worker ${old} was ended by SIGKILL`])
  })

  it('SVC-24 closes the service of a worker that the program has disconnected', async () => {
    const { child, port, until, pids, of, details, ended } = await serving({ workers: 1 }, 'ok', {
      atWindow: 'disconnect',
    })
    const [call] = await callEach(port, 1)
    const [pid = 0] = pids('listening')
    child.kill('SIGWINCH')
    await until('changed')
    finish(pid)
    expect(await call).toBe(answered)
    await until('listening', 2)
    expect(pids('closed')).toEqual([pid])
    expect(of('exit')).toEqual([{ pid, event: 'exit', detail: recorded }])
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(details('error')).toEqual([`worker ${pid} ended with exit code 0; another worker starts now`])
  })

  it('SVC-24 replaces the workers at SIGHUP, and answers and records their calls', async () => {
    const { child, port, lines, until, pids, details, ended } = await serving()
    const old = pids('listening').slice()
    const calls = await callEach(port, 2)
    // To the group, as a terminal sends it.
    process.kill(-(child.pid ?? 0), 'SIGHUP')
    for (const count of [1, 2]) finish((await until('closing', count))[count - 1]?.pid ?? 0)
    expect(await Promise.all(calls)).toEqual([answered, answered])
    await until('exit', 2)
    expect(details('exit')).toEqual([recorded, recorded])
    expect(pids('exit').toSorted()).toEqual(old.toSorted())
    const steps = lines.map(({ event }) => event).filter((event) => /^(?:open|closing|exit)$/.test(event))
    const one = ['open', 'closing', 'exit']
    expect(steps).toEqual(['open', 'open', ...one, ...one])
    expect(await send(port)).toMatch(/^200/)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(details('error')).toEqual([])
  })

  it('SVC-24 refuses no call while workers are replaced', async () => {
    const { child, port, until, ended, pids } = await serving()
    const keepAlive = new Agent({ keepAlive: true, maxSockets: 2 })
    const answers: string[] = []
    let isOver = false
    const callers = [undefined, undefined, keepAlive, keepAlive].map(async (one) => {
      while (!isOver) answers.push(await send(port, '/send', one))
    })
    child.kill('SIGHUP')
    await until('exit', 2)
    isOver = true
    await Promise.all(callers)
    keepAlive.destroy()
    expect(answers.filter((answer) => !answer.startsWith('200 '))).toEqual([])
    expect(new Set(answers).size).toBeGreaterThan(2)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(pids('listening').length).toBe(4)
  })

  it('SVC-24 replaces once more after a signal during a replacement', async () => {
    const { child, until, ended, pids, details } = await serving()
    child.kill('SIGHUP')
    await until('listening', 3)
    for (let n = 0; n < 3; n++) child.kill('SIGHUP')
    await until('exit', 4)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect([pids('opening').length, pids('exit').length]).toEqual([6, 6])
    expect(details('error')).toEqual([])
  })

  it('SVC-24 starts another worker when a SIGHUP to the group ends one that loads its modules, at the first start too', async () => {
    const { child, port, file, until, ended, pids, details } = await start({}, 'load')
    for (const count of [2, 4]) {
      await until('loading', count)
      process.kill(-(child.pid ?? 0), 'SIGHUP')
    }
    await until('loading', 6)
    writeFileSync(file, 'ok')
    await until('all listen')
    // The signals are requests to replace the workers, too.
    await until('exit', 2)
    writeFileSync(file, 'load')
    child.kill('SIGHUP')
    await until('loading', 7)
    process.kill(-(child.pid ?? 0), 'SIGHUP')
    await until('loading', 8)
    expect(await send(port)).toMatch(/^200/)
    writeFileSync(file, 'ok')
    // The signal during the replacement causes one more.
    await until('exit', 6)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect([pids('opening').length, pids('exit').length, details('error')]).toEqual([8, 8, []])
  })

  it('SVC-24 takes a worker for failed that a SIGHUP of its own ends while it loads', async () => {
    const { child, until, ended, pids, details } = await start({ workers: 1 }, 'load')
    const [{ pid } = { pid: 0 }] = await until('loading')
    process.kill(pid, 'SIGHUP')
    expect(await ended).toBe(3)
    expect(pids('loading')).toEqual([pid])
    expect([pids('rejected'), details('rejected')]).toEqual([
      [child.pid],
      [`worker ${pid} was ended by SIGHUP before it listened (its standard error has the reason)`],
    ])
  })

  it('SVC-24 ends at a signal after a SIGHUP to the group that ended a worker', async () => {
    const { child, file, until, ended, details } = await start({ workers: 3 }, 'load')
    await until('loading', 3)
    for (const signal of ['SIGHUP', 'SIGTERM'] as const) process.kill(-(child.pid ?? 0), signal)
    // A worker that was started between the two signals has received neither, and is asked to close when it serves.
    writeFileSync(file, 'ok')
    expect(await ended).toBe(0)
    expect([details('rejected'), details('error')]).toEqual([[], []])
  })

  it('SVC-24 keeps the workers when their successor does not start, until one does', async () => {
    const { child, port, file, until, ended, pids, details } = await serving()
    const old = pids('listening').slice()
    writeFileSync(file, 'fail')
    child.kill('SIGHUP')
    await until('error')
    expect(pids('opening').length).toBe(3)
    expect(details('error')).toEqual([
      `the workers are not replaced, and keep serving: worker ${pids('opening')[2]} ended with exit code 1 before it listened (its standard error has the reason)`,
    ])
    const answers = [await send(port), await send(port)]
    expect(answers.toSorted()).toEqual(old.map((pid) => `200 ${pid}`).toSorted())
    writeFileSync(file, 'ok')
    child.kill('SIGHUP')
    await until('exit', 2)
    expect(pids('exit').toSorted()).toEqual(old.toSorted())
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })

  it('SVC-24 ends at a signal while it replaces, and starts no worker afterwards', async () => {
    const { child, file, until, ended, pids, details } = await serving({ closeMs: 300 })
    writeFileSync(file, 'hang')
    child.kill('SIGHUP')
    await until('opening', 3)
    child.kill('SIGTERM')
    expect(await ended).toBe(1)
    expect([pids('opening').length, pids('exit').length]).toEqual([3, 2])
    expect(details('error')).toEqual([expect.stringMatching(/was killed: it did not end within 300 ms$/)])
  })
})

describe('the arguments of serveInCluster', () => {
  it.each<[object, RegExp]>([
    [{ workers: 0 }, /`workers` must be an integer >= 1/],
    [{ workers: 1.5 }, /`workers` must be an integer >= 1/],
    [{ worker: 2 }, /serveInCluster has no option `worker`; did you mean `workers`\?/],
    [{ replaceAt: 'SIGKILL' }, /`replaceAt` must be the name of a signal/],
    [{ replaceAt: 'SIGTERM' }, /`replaceAt` must not be one of `signals`/],
    [{ signals: 'SIGTERM' }, /`signals` must be an array/],
    [{ signals: ['SIGHUP'] }, /`replaceAt` must not be one of `signals`/],
    [{ openMs: 0 }, /`openMs` must be a number of milliseconds/],
    [{ closeMs: -1 }, /`closeMs` must be a number of milliseconds/],
    [{ onError: 'log' }, /`onError` must be a function/],
  ])('are refused: %o', async (options, message) => {
    const open = (): never => {
      throw new Error('opened')
    }
    await expect(serveInCluster(options as ServeInClusterOptions, open)).rejects.toThrow(message)
  })

  it('are refused without a function that opens', async () => {
    await expect(serveInCluster({}, undefined as never)).rejects.toThrow('serveInCluster: `open` must be a function')
  })
})
