import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { heldName } from '../../../src/support/file-lock/lock-state.ts'
import { ownIdentity } from '../../../src/support/file-lock/process-identity.ts'

/** Creates the lock of a log as a process leaves it that ended without releasing it; returns the path of its state. */
export function leaveLock(directory: string, change: object): string {
  const folder = join(directory, 'audit.lock')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { mode: 0o700 })
  const path = join(folder, heldName(1, 'a'.repeat(24), { ...ownIdentity(), ...change }))
  writeFileSync(path, '', { mode: 0o600 })
  return path
}
