import { spawn } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileLock, type FileLock, type LockTiming } from '../../../src/support/file-lock/file-lock.ts'
import type { HeldLock } from '../../../src/support/file-lock/held-lock.ts'
import { heldName } from '../../../src/support/file-lock/lock-state.ts'
import { hasEnded, ownIdentity } from '../../../src/support/file-lock/process-identity.ts'

const timing: LockTiming = { renewMs: 15, leaseMs: 150, pollMs: 5 }
/** A holder that stands still: it never renews. */
const still: LockTiming = { ...timing, renewMs: 1_000_000 }

let parent: string
let folder: string

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'procura-lock-'))
  folder = join(parent, 'x.lock')
})
afterEach(() => rmSync(parent, { recursive: true, force: true }))

async function take(lock: FileLock, waitMs = 0): Promise<HeldLock> {
  const answer = await lock.acquire(waitMs)
  if (!('lock' in answer)) throw new Error(`held by ${JSON.stringify(answer.holder)}`)
  return answer.lock
}

/** Lays a state of a holder that is not there. */
function leave(change: object, number = 1): void {
  mkdirSync(folder, { mode: 0o700 })
  writeFileSync(join(folder, heldName(number, 'a'.repeat(24), { ...ownIdentity(), ...change })), '', { mode: 0o600 })
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('a lock between processes', () => {
  it('is held by one, and given back, its number growing', async () => {
    const one = await take(createFileLock(folder, timing))
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^1-held-/)])
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    // A busy machine may renew late, and a short lease would then end.
    expect(await createFileLock(folder, { ...timing, leaseMs: 20_000 }).acquire(500)).toEqual({
      holder: { process: process.pid, host: hostname(), isThisProcess: true, isNear: true, renewed: true },
    })
    one.release()
    expect(one.isHeld()).toBe(false)
    expect(readdirSync(folder)).toEqual(['2-free'])
    const two = await take(createFileLock(folder, timing))
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^3-held-/)])
    one.release()
    expect(two.isHeld()).toBe(true)
    two.release()
    expect(readdirSync(parent)).toEqual(['x.lock'])
  })

  it('reports whether the previous holder released it with all its work done', async () => {
    const lock = createFileLock(folder, timing)
    const taken: boolean[] = []
    for (const settled of [false, true, true]) {
      const held = await take(lock)
      taken.push(held.takenOver)
      held.release({ settled })
    }
    // of a new lock too: it can be one whose folder was removed while somebody held it
    expect(taken).toEqual([true, true, false])
  })

  it('has one holder at a time, with many waiting for it', async () => {
    let inside = 0
    let most = 0
    let turns = 0
    const work = async (): Promise<void> => {
      const lock = createFileLock(folder, { ...timing, pollMs: 1 })
      for (let turn = 0; turn < 5; turn++) {
        const held = await take(lock, 30_000)
        inside += 1
        most = Math.max(most, inside)
        await pause(0)
        expect(held.isHeld()).toBe(true)
        turns += 1
        inside -= 1
        held.release()
      }
    }
    await Promise.all(Array.from({ length: 8 }, work))
    expect([most, turns]).toEqual([1, 40])
    expect(readdirSync(parent)).toEqual(['x.lock'])
    expect(readdirSync(folder)).toEqual(['80-free'])
  })

  it('VLT-24 keeps a live holder for longer than a lease, because it renews the lock, however many wait for it', async () => {
    const held = await take(createFileLock(folder, timing))
    const began = performance.now()
    expect(await createFileLock(folder, timing).acquire(2 * timing.leaseMs)).toMatchObject({
      holder: { renewed: true },
    })
    expect(performance.now() - began).toBeGreaterThan(1.9 * timing.leaseMs)
    expect(held.isHeld()).toBe(true)
    held.release()
  })

  it('is kept while this process stands still: no time is counted in which the holder could not be seen', async () => {
    const held = await take(createFileLock(folder, timing))
    const waiting = createFileLock(folder, timing).acquire(timing.leaseMs)
    for (let turn = 0; turn < 3; turn++) {
      await pause(timing.pollMs)
      // as a machine that sleeps: neither the holder nor the one that waits can do anything
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * timing.leaseMs)
    }
    expect(await waiting).toMatchObject({ holder: { isThisProcess: true } })
    expect(held.isHeld()).toBe(true)
    held.release()
  })
})

describe('the lock of a process that has ended', () => {
  it('is taken at once where that is certain: number gone, or given to another one, also to this one', async () => {
    const dead = spawn(process.execPath, ['-e', ''])
    await new Promise((resolve) => dead.on('exit', resolve))
    for (const holder of [{ process: Number(dead.pid) }, { started: '1' }, { process: 1, started: '999999999999' }]) {
      leave(holder)
      const began = performance.now()
      const held = await take(createFileLock(folder))
      expect(performance.now() - began).toBeLessThan(1_000)
      held.release()
      rmSync(folder, { recursive: true })
    }
  })

  it('is taken when its lease has passed where that is not certain: another machine, boot or PID namespace', async () => {
    const others = [
      { scope: 'f'.repeat(16), process: 1 },
      { scope: 'f'.repeat(16), process: 2 ** 22 - 1 },
      { scope: '', process: 2 ** 22 - 1, started: '' },
      { started: '' },
    ]
    for (const holder of others) {
      expect(hasEnded({ ...ownIdentity(), ...holder }, ownIdentity())).toBe(false)
      leave(holder)
      const began = performance.now()
      const held = await take(createFileLock(folder, timing), 10_000)
      expect(performance.now() - began).toBeGreaterThan(timing.leaseMs * 0.9)
      held.release()
      rmSync(folder, { recursive: true })
    }
  })

  it('is waited for until its lease has passed, when it is silent for longer than one that lives is waited for', async () => {
    leave({ scope: 'f'.repeat(16) })
    const held = await take(createFileLock(folder, { renewMs: 50, leaseMs: 500, pollMs: 5 }), 300)
    held.release()
  })

  it('is waited for as long as asked, and no longer, while its holder renews it', async () => {
    const slow: LockTiming = { renewMs: 50, leaseMs: 500, pollMs: 5 }
    const held = await take(createFileLock(folder, slow))
    const began = performance.now()
    expect(await createFileLock(folder, slow).acquire(300)).toMatchObject({ holder: { renewed: true } })
    expect(performance.now() - began).toBeLessThan(300 + 2 * slow.leaseMs)
    held.release()
  })

  it('is taken when its lease has passed, also from a holder that renewed it during the wait and then ended', async () => {
    leave({ scope: 'f'.repeat(16), process: 77 })
    const path = join(folder, heldName(1, 'a'.repeat(24), { ...ownIdentity(), scope: 'f'.repeat(16), process: 77 }))
    const taking = take(createFileLock(folder, timing), 20 * timing.leaseMs)
    for (let count = 1; count <= 3; count++) {
      await pause(2 * timing.renewMs)
      writeFileSync(path, `${count}`, { flag: 'r+' })
    }
    ;(await taking).release()
  })

  it('is taken by one of the waiting processes', async () => {
    leave({ scope: 'f'.repeat(16) })
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => createFileLock(folder, timing).acquire(2 * timing.leaseMs)),
    )
    const held = answers.flatMap((answer) => ('lock' in answer ? [answer.lock] : []))
    expect(held).toHaveLength(1)
    expect(held[0]?.isHeld()).toBe(true)
    held[0]?.release()
  })

  it('is watched over several tries that each wait for less than a lease', async () => {
    leave({ scope: 'f'.repeat(16) })
    const lock = createFileLock(folder, timing)
    let tries = 0
    for (let answer = await lock.acquire(0); !('lock' in answer); answer = await lock.acquire(0)) {
      tries += 1
      await pause(timing.pollMs)
    }
    // A pause between two looks, also a long one, counts for one renewal at most.
    expect(tries).toBeGreaterThanOrEqual(timing.leaseMs / timing.renewMs)
  })
})

describe('a holder that stood still', () => {
  it('loses the lock, and publishes nothing after the next one has it', async () => {
    const place = join(parent, 'place')
    const late = await take(createFileLock(folder, still))
    const draft = late.draft()
    writeFileSync(draft, 'late')
    const next = await take(createFileLock(folder, timing), 10_000)
    expect(readdirSync(folder).filter((name) => name.endsWith('.draft'))).toEqual([])
    expect([late.isHeld(), next.isHeld()]).toEqual([false, true])
    expect(late.publish(draft, place)).toBe(false)
    // between the question whether it holds the lock and the rename it can stand still as well
    expect(() => renameSync(draft, place)).toThrow('ENOENT')
    late.release()
    expect(next.isHeld()).toBe(true)
    const own = next.draft()
    writeFileSync(own, 'next')
    expect(next.publish(own, place)).toBe(true)
    next.release()
    expect(readdirSync(parent).sort()).toEqual(['place', 'x.lock'])
  })

  it('keeps the lock when no other process has taken it meanwhile', async () => {
    const held = await take(createFileLock(folder, still))
    await pause(2 * timing.leaseMs)
    expect(held.isHeld()).toBe(true)
    held.release()
  })

  it('has lost a lock whose folder was removed, and does not remove the lock of another process', async () => {
    const held = await take(createFileLock(folder, timing))
    rmSync(folder, { recursive: true })
    const next = await take(createFileLock(folder, timing))
    expect([held.isHeld(), next.isHeld()]).toEqual([false, true])
    held.release()
    expect(next.isHeld()).toBe(true)
    next.release()
  })

  it('throws errors that are unrelated to the lock', async () => {
    const held = await take(createFileLock(folder, timing))
    expect(() => held.publish(held.draft(), join(parent, 'place'))).toThrow('ENOENT')
    held.release()
  })
})

describe('drafts', () => {
  it('of an ended process are removed; drafts of a process that may be alive are kept', async () => {
    const started = { started: '1' }
    for (const [holder, left] of [
      [started, 0],
      [{ scope: 'f'.repeat(16) }, 1],
    ] as const) {
      leave(holder)
      writeFileSync(join(folder, '1-00.draft'), 'secret')
      await createFileLock(folder, timing).removeDrafts()
      expect(readdirSync(folder).filter((name) => name.endsWith('.draft'))).toHaveLength(left)
      rmSync(folder, { recursive: true })
    }
    await createFileLock(folder, timing).removeDrafts()
    expect(readdirSync(parent)).toEqual([])
  })
})

describe('a process that stands still while it takes a lock', () => {
  it('removes no drafts of later holders', async () => {
    leave({ started: '1' }, 7)
    for (const name of ['7-00.draft', '8-00.draft', '9-00.draft']) writeFileSync(join(folder, name), '')
    const held = await take(createFileLock(folder, timing))
    expect(readdirSync(folder).filter((name) => name.endsWith('.draft'))).toEqual(['8-00.draft', '9-00.draft'])
    held.release()
  })
})

describe('a place that cannot be used', () => {
  it('is refused: a file, a link, a folder that others may write', async () => {
    writeFileSync(folder, '')
    await expect(createFileLock(folder).acquire(0)).rejects.toMatchObject({ code: 'ERR_LOCK_FOLDER' })
    rmSync(folder)
    mkdirSync(join(parent, 'elsewhere'))
    symlinkSync(join(parent, 'elsewhere'), folder)
    await expect(createFileLock(folder).acquire(0)).rejects.toMatchObject({ code: 'ERR_LOCK_FOLDER' })
    rmSync(folder)
    mkdirSync(folder)
    chmodSync(folder, 0o770)
    await expect(createFileLock(folder).acquire(0)).rejects.toMatchObject({ code: 'ERR_LOCK_FOLDER' })
    chmodSync(folder, 0o700)
    const held = await take(createFileLock(folder))
    held.release()
    rmSync(folder, { recursive: true })
    await expect(createFileLock(join(parent, 'none', 'x.lock')).acquire(0)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is refused: a state that this user cannot read and write', async () => {
    leave({ started: '1' })
    const [state = ''] = readdirSync(folder)
    for (const mode of [0o000, 0o400]) {
      chmodSync(join(folder, state), mode)
      await expect(createFileLock(folder).acquire(0)).rejects.toMatchObject({
        code: 'ERR_LOCK_FOLDER',
        message: 'this user must be able to read and write its files; run chown -R and chmod 600 for them',
      })
    }
    chmodSync(join(folder, state), 0o600)
    const held = await take(createFileLock(folder))
    held.release()
  })
})

describe('a lock whose files somebody has removed or added', () => {
  it('is taken when its state is gone and drafts are left', async () => {
    const before = await take(createFileLock(folder, timing))
    const draft = before.draft()
    writeFileSync(draft, '')
    for (const name of readdirSync(folder).filter((found) => !found.endsWith('.draft'))) rmSync(join(folder, name))
    const held = await take(createFileLock(folder, { renewMs: 50, leaseMs: 300, pollMs: 5 }), 10_000)
    expect([before.isHeld(), held.isHeld(), held.takenOver]).toEqual([false, true, true])
    expect(before.publish(draft, join(parent, 'place'))).toBe(false)
    held.release()
    expect(readdirSync(folder)).toEqual(['2-free'])
  })

  it('is refused when its state is gone and other files are there, which are left', async () => {
    mkdirSync(folder, { mode: 0o700 })
    writeFileSync(join(folder, 'notes.txt'), '')
    writeFileSync(join(folder, '1-00.draft'), '')
    // A busy machine counts a long gap between two looks as a short one, and so waits longer than a lease.
    await expect(createFileLock(folder, timing).acquire(10_000)).rejects.toMatchObject({
      code: 'ERR_LOCK_FOLDER',
      message: 'it contains other files and no state of a lock; remove them',
    })
    expect(readdirSync(folder).sort()).toEqual(['1-00.draft', 'notes.txt'])
  })

  it('has one holder after an old state was put back, and reports that there may be another one', async () => {
    const before = await take(createFileLock(folder, timing))
    writeFileSync(join(folder, '40-free'), '', { mode: 0o600 })
    const held = await take(createFileLock(folder, timing))
    expect([before.isHeld(), held.isHeld(), held.takenOver]).toEqual([false, true, true])
    held.release()
    expect(readdirSync(folder)).toEqual(['42-free'])
  })
})
