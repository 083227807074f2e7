import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleWriter } from './child.ts'
import { standStill } from './stand-still.ts'

let folder: string
let writer: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-still-'))
  writer = await bundleWriter(folder)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a writer that stands still while another one takes the lock, and goes on', () => {
  async function check(at: number, operation: string): Promise<void> {
    const report = await standStill(writer, join(folder, String(at)), at)
    expect(report).toMatchObject({ operation, refused: 14 })
    expect(report.confirmed).toHaveLength(7)
  }

  it('AUD-38 does not replace a file that the other one has written', () => check(7, 'syncNow'))

  it('AUD-38 writes to no file of the log', () => check(19, 'write'))

  it('AUD-39 confirms nothing that the other one may not have', () => check(20, 'sync'))
})
