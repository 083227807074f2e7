// node only: reads files
import { lstat, readdir, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { systemClock } from 'procura'
import { draftsOf } from '../clients/config-file.ts'
import type { Finding } from './finding.ts'

/** Checks that only the user of the gateway has access to its files. WRP-21 */
export async function checkModes(home: string): Promise<readonly Finding[]> {
  if (process.platform === 'win32') return []
  const findings: Finding[] = []
  const names = await readdir(home, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    findings.push({ check: 'modes', thing: home, fault: `cannot be listed (${error.code})`, remedy: 'run chown' })
    return []
  })
  for (const path of [home, ...names.map((name) => join(home, name))]) {
    const status = await lstat(path).catch(() => undefined)
    if (status === undefined || status.isSymbolicLink()) continue
    const thing = path
    if (status.uid !== process.geteuid?.())
      findings.push({ check: 'modes', thing, fault: 'belongs to another user', remedy: 'run chown' })
    if ((status.mode & 0o077) !== 0) {
      const mode = status.isDirectory() ? '700' : '600'
      findings.push({ check: 'modes', thing, fault: 'is open to other users', remedy: `run chmod ${mode}` })
    }
  }
  return findings
}

/** Checks for drafts that a killed `unwrap` left beside a configuration. They can contain secrets. */
export async function checkDrafts(configs: readonly string[]): Promise<readonly Finding[]> {
  const drafts = await Promise.all(configs.map((path) => draftsOf(path)))
  return drafts.flat().map((thing) => ({
    check: 'drafts',
    thing,
    fault: 'was left by a process that was killed, and can contain secrets',
    remedy: 'delete it',
  }))
}

/** Seconds that two clocks may differ. */
const tolerance = 5

/**
 * Compares the clock of this process with the clock of the file system. A wrong clock makes valid delegations invalid.
 * WRP-22
 */
export async function checkClock(home: string): Promise<readonly Finding[]> {
  const path = join(home, `.clock-${process.pid}`)
  try {
    await writeFile(path, '', { mode: 0o600, flag: 'wx' })
    const { mtimeMs } = await stat(path)
    return clockFindings('the file system', mtimeMs / 1_000)
  } catch {
    return []
  } finally {
    await unlink(path).catch(() => undefined)
  }
}

/** The finding about another clock. */
export function clockFindings(thing: string, seconds: number): readonly Finding[] {
  const difference = Math.round(seconds - systemClock.now())
  if (Math.abs(difference) <= tolerance) return []
  const direction = difference > 0 ? 'behind' : 'ahead of'
  return [
    {
      check: 'clock',
      thing: 'the clock of this machine',
      fault: `is ${Math.abs(difference)} seconds ${direction} ${thing}`,
      remedy: 'synchronise the clock, for example with timedatectl set-ntp true',
    },
  ]
}
