import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A new directory that is removed after the test. */
export function temporaryDirectory(): string {
  return directoryIn(tmpdir())
}

/** The same in memory, where that is possible, for a test of many syncs in which nothing loses power. */
export function memoryDirectory(): string {
  return directoryIn(existsSync('/dev/shm') ? '/dev/shm' : tmpdir())
}

function directoryIn(place: string): string {
  const directory = mkdtempSync(join(place, 'procura-audit-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
