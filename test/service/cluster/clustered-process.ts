import cluster, { type Worker } from 'node:cluster'
import { readFileSync, unlinkSync, writeSync } from 'node:fs'
import process from 'node:process'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../../src/authorization/memory-stores.ts'
import { defineCommand } from '../../../src/capability/definition.ts'
import { anySubject } from '../../../src/capability/subject.ts'
import { listenForCalls } from '../../../src/http/adapters/listen-for-calls.ts'
import { type ServeInClusterOptions, serveInCluster } from '../../../src/service/cluster/serve-in-cluster.ts'
import { on } from '../../../src/service/on.ts'
import { createService } from '../../../src/service/service.ts'

/**
 * A service in several processes. Each prints one line of JSON for each event. The file of its version, which a test
 * changes, has the way in which the next workers start and close. A call of `/wait` asks the gate of the test, which
 * answers when the call may end.
 */
interface Arguments {
  readonly audience: string
  readonly port: number
  readonly gate: string
  readonly version: string
  readonly options: ServeInClusterOptions
  /** The program has workers of its own too. */
  readonly others?: boolean
  /** The program calls `serveInCluster` once more. */
  readonly again?: boolean
  /** At SIGWINCH, the primary process does this. */
  readonly atWindow?: keyof typeof actions
}

const actions = {
  disconnect: (): void => {
    cluster.disconnect()
    print('changed')
  },
  /** No process gets so long an environment. At the next signal it is short again. */
  lengthen: (): void => {
    if (process.env['LONG'] === undefined) process.env['LONG'] = 'x'.repeat(2_000_000)
    else delete process.env['LONG']
    print('changed')
  },
}

const { audience, port, gate, version, options, others, again, atWindow }: Arguments = JSON.parse(process.argv[2] ?? '')

function print(event: string, detail?: unknown): void {
  writeSync(1, `${JSON.stringify({ pid: process.pid, event, detail })}\n`)
}

const messageOf = (error: unknown): string => (error as Error).message
const onError = (error: unknown): void => print('error', messageOf(error))

async function open(): Promise<{ close(): Promise<void> }> {
  print('opening')
  const kind = readFileSync(version, 'utf8')
  if (kind === 'fail') throw new Error('this version does not start')
  if (kind === 'fail once') {
    // Only one process can remove a file.
    const isFirst = !isRemoved(`${version}.first`)
    if (!isFirst) throw new Error('this process does not start')
  }
  if (kind === 'nothing') return undefined as never
  if (kind === 'hang') await new Promise(() => undefined)
  const sink = memoryAuditSink()
  const service = createService({
    audience,
    subjects: anySubject,
    handlers: [
      on(defineCommand({ command: '/send', args: {} }), () => process.pid),
      on(defineCommand({ command: '/wait', args: {} }), async () => (await fetch(`${gate}/${process.pid}`)).text()),
    ],
    audit: { sink },
    ...memoryStores(),
  })
  const listener = await listenForCalls(service, { port })
  const kinds = (): string =>
    sink
      .records()
      .map(({ event }) => event.kind)
      .join()
  process.once('exit', (code) => print('exit', { code, kinds: kinds() }))
  print('open')
  return {
    close: async () => {
      print('closing')
      if (kind === 'stuck') await new Promise(() => undefined)
      if (kind === 'broken') throw new Error('no disk')
      await listener.close()
      print('closed')
    },
  }
}

function isRemoved(file: string): boolean {
  try {
    unlinkSync(file)
    return true
  } catch {
    return false
  }
}

// The modules of the program take their time.
if (!cluster.isPrimary && readFileSync(version, 'utf8') === 'load') {
  print('loading')
  while (readFileSync(version, 'utf8') === 'load') await new Promise((resolve) => setTimeout(resolve, 10))
}

if (process.env['ROLE'] === 'other') {
  process.on('message', (message) => process.send?.({ echo: message }))
  process.send?.('other')
} else {
  const act = atWindow && cluster.isPrimary ? actions[atWindow] : undefined
  if (act !== undefined) process.on('SIGWINCH', act)
  const other = others === true && cluster.isPrimary ? await startOther() : undefined
  try {
    const { close } = await serveInCluster({ ...options, onError }, open)
    process.on('SIGUSR2', async () => print('result', await close().then(() => 'closed', messageOf)))
    print(cluster.isPrimary ? 'all listen' : 'listening')
  } catch (error) {
    print('rejected', messageOf(error))
    if (cluster.isPrimary) process.exitCode = 3
  }
  if (again === true)
    await serveInCluster({ ...options, onError }, open).then(
      () => print('again'),
      (error: unknown) => print('refused', messageOf(error)),
    )
  if (other !== undefined) askOther(other)
}

/** A worker that the program started itself, with a primary process that sends other messages. */
async function startOther(): Promise<Worker> {
  const other = cluster.fork({ ROLE: 'other' })
  await new Promise<void>((resolve) => other.once('message', () => resolve()))
  return other
}

function askOther(other: Worker): void {
  // Messages of others on the channels of the workers.
  for (const worker of Object.values(cluster.workers ?? {}))
    if (worker !== other) for (const message of ['close', { close: true }, 'listening']) worker?.send(message)
  process.on('SIGWINCH', () => {
    other.once('message', (message) => {
      print('other', message)
      other.disconnect()
    })
    other.send('still there?')
  })
}
