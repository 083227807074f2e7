// node only: bundles a program
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { bundleProcura } from './bundle-program.ts'

/** Bundles `procura` before the tests of a file, and removes it after them. The function returns its path. */
export function bundledProcura(): () => string {
  const folder = mkdtempSync(join(tmpdir(), 'program-'))
  let program: string
  beforeAll(async () => {
    program = await bundleProcura(folder)
  }, 60_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return () => program
}
