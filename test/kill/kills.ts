import process from 'node:process'
import { expect } from 'vitest'
import { startWriter, type Writer } from '../audit/jsonl/child.ts'
import { type Command, contained, innermost } from './namespace.ts'
import { type Place, plain } from './places.ts'

/** The results of killing the writers of one place. */
export interface KillReport {
  readonly kills: number
  readonly confirmed: number
  /** Confirmed writes that are missing; the list must be empty. */
  readonly lost: readonly string[]
  /** Results that two writers both received; the list must be empty. */
  readonly twice: readonly string[]
  /** The longest time from a kill until the next writer had the place, in milliseconds. */
  readonly takenAfterMs: number
}

/** Kills writers of a place and collects their output. */
class Killer {
  kills = 0
  takenAfterMs = 0
  readonly #program: string
  readonly #place: Place
  readonly #confirmed: string[] = []
  #started = 0

  constructor(program: string, place: Place) {
    this.#program = program
    this.#place = place
  }

  start(surround: (command: Command) => Command = (command) => command): Writer {
    const [command, ...args] = surround(plain(this.#program, this.#place.task(1 + this.#started++ * 1_000_000)))
    return startWriter(command, args)
  }

  async kill(writer: Writer): Promise<void> {
    // One that lost its place has ended by itself.
    if (writer.child.exitCode === null) this.kills += 1
    writer.child.kill('SIGKILL')
    await writer.ended
    for (const line of writer.lines()) if (line.startsWith('ok ')) this.#confirmed.push(line.slice(3))
  }

  /** Waits until a writer has the place, and has confirmed some. */
  async opened(writer: Writer, some: number, since = performance.now()): Promise<void> {
    await writer.said('open')
    this.takenAfterMs = Math.max(this.takenAfterMs, performance.now() - since)
    const confirmed = (): number => writer.lines().filter((line) => line.startsWith('ok ')).length
    while (confirmed() < some && writer.child.exitCode === null) await pause(2)
    // The last lines of one that ended by itself say why, and may arrive after its end.
    if (confirmed() < some) await writer.ended
    const place = `writer ${this.#started}, after ${this.kills} kills and ${this.#confirmed.length} confirmed writes`
    expect(confirmed(), [place, ...writer.lines().slice(-100)].join('\n')).toBeGreaterThanOrEqual(some)
  }

  async report(): Promise<KillReport> {
    const confirmed = new Set(this.#confirmed)
    const found = await this.#place.finish().catch((cause: Error) => {
      const writes = `${confirmed.size} confirmed writes, of which ${this.#confirmed.at(-1)} is the last`
      throw new Error(`after ${this.kills} kills and ${writes}: ${cause.message}`, { cause })
    })
    return {
      kills: this.kills,
      confirmed: confirmed.size,
      lost: [...confirmed].filter((name) => !found.has(name)),
      twice: this.#confirmed.filter((name, index) => this.#confirmed.indexOf(name) !== index),
      takenAfterMs: Math.round(this.takenAfterMs),
    }
  }
}

/** Kills one writer after another, each at another moment. */
export async function killInTurn(program: string, place: Place, kills: number): Promise<KillReport> {
  const killer = new Killer(program, place)
  for (let round = 0; round < kills; round++) {
    const writer = killer.start()
    await killer.opened(writer, 1 + ((round * 37) % 60))
    await killer.kill(writer)
  }
  return killer.report()
}

/** Kills writers that write at the same time, of which there are always as many. */
export async function killAmong(
  program: string,
  place: Place,
  kills: number,
  many: number,
  surround?: (command: Command) => Command,
): Promise<KillReport> {
  const killer = new Killer(program, place)
  const writers = Array.from({ length: many }, () => killer.start(surround))
  for (let round = 0; round < kills; round++) {
    const index = round % many
    const writer = writers[index] as Writer
    await killer.opened(writer, 1 + ((round * 37) % (place.writes ?? 30)))
    await killer.kill(writer)
    writers[index] = killer.start(surround)
  }
  for (const writer of writers) await killer.kill(writer)
  return killer.report()
}

/**
 * Kills writers that are process 1 of a PID namespace each, on one machine or on machines of other names. In every
 * other round the next one waits already while the one before is killed.
 *
 * @param leaseMs - of the lock: no writer has it while another one lives.
 */
export async function killContained(
  program: string,
  place: Place,
  kills: number,
  leaseMs: number,
): Promise<KillReport> {
  const killer = new Killer(program, place)
  const startContained = (round: number): Writer =>
    killer.start((command) => contained(command, round % 3 === 0 ? `web-${round}` : undefined))
  let holder = startContained(0)
  await killer.opened(holder, 1)
  for (let round = 1; round < kills; round++) {
    const waits = round % 2 === 0
    let next = waits ? startContained(round) : undefined
    await pause((round * 37) % leaseMs)
    expect(next?.lines() ?? []).toEqual([])
    await killer.kill(holder)
    const killed = performance.now()
    next ??= startContained(round)
    await killer.opened(next, 1 + ((round * 37) % 60), killed)
    holder = next
  }
  await killer.kill(holder)
  return killer.report()
}

/**
 * Lets writers stand still, each at another moment, until another one has their place and has written; then they go on
 * beside it. They are process 1 of a PID namespace each.
 */
export async function standStill(program: string, place: Place, times: number): Promise<KillReport> {
  const killer = new Killer(program, place)
  for (let round = 0; round < times; round++) {
    const still = killer.start(contained)
    await killer.opened(still, 1 + ((round * 37) % 30))
    const writing = innermost(still.child.pid ?? 0)
    process.kill(writing, 'SIGSTOP')
    const next = killer.start(contained)
    await killer.opened(next, 1 + ((round * 53) % 30))
    process.kill(writing, 'SIGCONT')
    // Both write, or try to, for a while.
    await pause(30 + ((round * 53) % 60))
    await Promise.all([killer.kill(still), killer.kill(next)])
  }
  return killer.report()
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
