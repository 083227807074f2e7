/**
 * Histories of a service in files, which is killed while it writes, and opened again with another clock tolerance.
 *
 * @module
 */

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { maxUses } from '../../src/core/capability/policy/build.ts'
import { encodeContainerBytes } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { revoke } from '../../src/core/revocation/revoke.ts'
import { temporaryDirectory } from '../audit/jsonl/temporary.ts'
import { actor } from '../support/actors.ts'
import { type AskedProcess, askProcess } from '../support/ask-process.ts'
import { bundleProgram } from '../support/bundle-program.ts'
import type { FileProcess } from './file-process.ts'

const [owner, agent, audience] = (await Promise.all(
  ['file owner', 'file agent', 'file service'].map((name) => actor(name)),
)) as [Signer, Signer, Signer]
const pay = defineCommand({ command: '/pay', args: { name: text() } })

/** The sums of all histories. */
export interface FileCounts {
  histories: number
  kills: number
  /** Calls that had their effect. */
  executed: number
  /** Answers that were refusals. */
  refused: number
  /** Revocations that were confirmed. */
  revoked: number
  /** Revocations that were refused because the disk was full, or lost with the process. */
  unconfirmed: number
}

const tolerances = [0, 60, 300] as const
const jumps = [1, 59, 61, 240, 299, 300, 301, 359, 361, 599, 601, 661, 3_600, 10_000] as const
const historySeconds = 50_000
const steps = 24
/** The maximum of each second delegation, within one life of the process. */
const mostUses = 3

/** A delegation with its calls. */
interface Grant {
  readonly name: string
  readonly isLimited: boolean
  readonly revocation: Uint8Array
  /** Whether its revocation was confirmed. */
  isRevoked: boolean
  readonly make: () => Promise<Call>
}

interface Call {
  readonly name: string
  readonly grant: Grant
  readonly bytes: Uint8Array
  /** Whether the revocation had been confirmed before it was sent for the first time. */
  isLate: boolean
}

/** Plays histories in lanes, each with a folder of its own. */
export async function playFileHistories(histories: number, firstSeed: number, lanes: number): Promise<FileCounts> {
  const folder = temporaryDirectory()
  const program = await bundleProgram(
    fileURLToPath(new URL('./file-process.ts', import.meta.url)),
    join(folder, 'file-process.mjs'),
  )
  const counts: FileCounts = { histories: 0, kills: 0, executed: 0, refused: 0, revoked: 0, unconfirmed: 0 }
  let next = 0
  const play = async (lane: number): Promise<void> => {
    const directory = join(folder, `lane-${lane}`)
    mkdirSync(directory)
    const life = new Life(program, directory)
    try {
      for (let at = next++; at < histories; at = next++) {
        await playHistory(life, firstSeed + at, 1_500_000_000 + at * historySeconds, counts)
        counts.histories += 1
      }
    } finally {
      await life.end()
    }
  }
  await Promise.all(Array.from({ length: lanes }, (_, lane) => play(lane)))
  expect(counts.kills).toBeGreaterThanOrEqual(histories)
  return counts
}

/** The process of a lane, and those that were killed before it. */
class Life {
  readonly #program: string
  readonly #place: Pick<FileProcess, 'directory' | 'effects'>
  #process: AskedProcess | undefined

  constructor(program: string, folder: string) {
    this.#program = program
    this.#place = { directory: join(folder, 'log'), effects: join(folder, 'effects') }
  }

  get isOver(): boolean {
    return this.#process === undefined
  }

  async ask(method: string, ...values: readonly unknown[]): Promise<unknown> {
    return this.#process?.ask(method, ...values)
  }

  async begin(clockTolerance: number, now: number): Promise<void> {
    this.#process = await askProcess(this.#program, { ...this.#place, clockTolerance, now } satisfies FileProcess)
  }

  /** The names of the calls that had their effect, in order. */
  effects(): readonly string[] {
    const { effects } = this.#place
    return existsSync(effects) ? readFileSync(effects, 'utf8').split('\n').slice(0, -1) : []
  }

  async end(): Promise<void> {
    await this.#process?.end()
    this.#process = undefined
  }
}

/**
 * Plays a history. Expects that no call has its effect twice, that no call has one after the revocation of its
 * delegation was confirmed, and that no life of the process exceeds a limit.
 *
 * @param start - the time at which it begins; the clock is right.
 */
async function playHistory(life: Life, seed: number, start: number, counts: FileCounts): Promise<void> {
  const random = numbersFrom(seed)
  const pick = <T>(all: readonly T[]): T => all[random(all.length)] as T
  const title = `history ${seed}`
  let world = start
  let offset = 0
  const calls: Call[] = []
  let before = life.effects().length
  const grants = await Promise.all([0, 1, 2].map((n) => makeGrant(`${seed}-${n}`, n === 1, start, random, () => world)))

  const setClock = (): Promise<unknown> => life.ask('at', world + offset)
  const checkLimits = (): void => {
    const all = life.effects()
    for (const { isLimited, name } of grants) {
      const uses = all.slice(before).filter((one) => one.startsWith(`${name}/`)).length
      if (isLimited) expect(uses, `${title}, uses of a limit`).toBeLessThanOrEqual(mostUses)
    }
    before = all.length
  }
  const send = async (call: Call): Promise<void> => {
    const { isRevoked } = call.grant
    const answer = await life.ask('call', call.bytes).catch(() => 'lost')
    if (answer === true) expect(isRevoked, `${title}, ${call.name} after its revocation`).toBe(false)
    else counts.refused += 1
  }
  const sendNew = async (): Promise<void> => {
    const grant = pick(grants)
    const call = await grant.make()
    call.isLate = grant.isRevoked
    calls.push(call)
    await Promise.all(Array.from({ length: 1 + random(3) }, () => send(call)))
  }
  const sendAgain = async (): Promise<void> => {
    if (calls.length > 0) await send(pick(calls))
  }
  const end = async (grant: Grant): Promise<void> => {
    const answer = await life.ask('revoke', grant.revocation).catch(() => 'lost')
    // The refusal of a further copy states that the revocation applies.
    if (answer === true || answer === 'overloaded') {
      if (!grant.isRevoked) counts.revoked += 1
      grant.isRevoked = true
    } else counts.unconfirmed += 1
  }
  /** A disk that is full, or fails, while many copies of a revocation arrive. */
  const fill = async (): Promise<void> => {
    const cut = random(3) === 0 ? { truncate: 'EIO' } : {}
    await life.ask('fail', { ...cut, ...(random(3) === 0 ? { sync: 'EIO' } : { room: random(400) }) })
    const grant = pick(grants)
    for (let copies = random(2) * 12; copies >= 0; copies--) await end(grant)
    if (random(3) > 0) await life.ask('fail', {})
  }
  /** Kills the process while calls and revocations are in progress. */
  const kill = async (): Promise<void> => {
    const work: (() => Promise<void>)[] = [sendNew, sendNew, sendAgain, () => end(pick(grants))]
    const running = Promise.all(work.filter(() => random(4) > 0).map((one) => one()))
    await new Promise((resolve) => setTimeout(resolve, random(12)))
    offset = random(3) === 0 ? pick(jumps) * (random(3) === 0 ? -1 : 1) : 0
    await life.end()
    await running
    checkLimits()
    await life.begin(pick(tolerances), world + offset)
    counts.kills += 1
  }

  if (life.isOver) await life.begin(pick(tolerances), world)
  const last = random(steps)
  for (let step = 0; step < steps; step++) {
    const choice = random(16)
    if (step === last) await kill()
    else if (choice < 3) world += random(150)
    else if (choice < 5) offset = random(3) > 0 ? 0 : pick(jumps) * (random(3) === 0 ? -1 : 1)
    else if (choice === 5) await fill()
    else if (choice === 6) await life.ask('fail', {})
    else if (choice < 9) await end(pick(grants))
    else if (choice < 13) await sendNew()
    else await sendAgain()
    await setClock()
  }
  // With a right clock and an empty disk, everything is sent again, and after everything has ended once more.
  offset = 0
  await life.ask('fail', {})
  for (const later of [0, 700]) {
    world += later
    await setClock()
    for (const call of calls) await send(call)
  }
  checkLimits()
  const executed = life.effects().filter((name) => name.startsWith(`${seed}-`))
  expect(new Set(executed).size, `${title}, calls that were executed twice`).toBe(executed.length)
  for (const { isLate, name } of calls) if (isLate) expect(executed, title).not.toContain(name)
  counts.executed += executed.length
}

async function makeGrant(
  name: string,
  isLimited: boolean,
  start: number,
  random: (bound: number) => number,
  world: () => number,
): Promise<Grant> {
  const clock = { now: () => start }
  const delegation = await delegate({
    issuer: owner,
    audience: agent.did,
    command: pay,
    policy: isLimited ? [maxUses(mostUses)] : [],
    expiration: start + 60 + random(2_000),
    clock,
  })
  const revocation = encodeContainerBytes([await revoke({ issuer: owner, delegation }), delegation])
  let made = 0
  const grant: Grant = {
    name,
    isLimited,
    revocation,
    isRevoked: false,
    async make() {
      const call = `${name}/${made++}`
      // The clock of the agent is right, or as wrong as a tolerance permits.
      const time = world() + random(3) * (random(600) - 300)
      const invocation = await invoke({
        issuer: agent,
        audience: audience.did,
        command: pay,
        args: { name: call },
        proofs: [delegation],
        expiresIn: 5 + random(295),
        clock: { now: () => time },
      })
      return { name: call, grant, bytes: encodeContainerBytes([invocation, delegation]), isLate: false }
    },
  }
  return grant
}

function numbersFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}
