import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { describe, expect, it } from 'vitest'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqlitePersonalKeyStore } from '../../src/stores/sqlite/sqlite-personal-key-store.ts'
import { sqliteProcessedSets } from '../../src/stores/sqlite/sqlite-processed-sets.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import { clock } from '../support/actors.ts'
import { foundIn, playSession } from './busy-session.ts'

const secret = Buffer.from('canary secret of stores, 32 bytes')

describe('STO-01 a database in SQLite after a busy session', () => {
  it('has no principal, delegation, call, command, argument, person, event or secret in any file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'procura-privacy-'))
    const open = () => new sqlite.Database(join(folder, 'state.db'))
    const connections = [open(), open(), open(), open()] as const
    const [database, forStores, forKeys, forSets] = connections
    prepareSqliteStores({ database, secret, epoch: 0 })
    const texts = await playSession(
      {
        stores: sqliteStores({ database: forStores, secret, clock }),
        keys: sqlitePersonalKeyStore({ database: forKeys, secret }),
        processed: sqliteProcessedSets({ database: forSets, secret, clock }),
      },
      secret,
    )
    const read = () => Buffer.concat(readdirSync(folder).flatMap((name) => readWhole(join(folder, name))))
    expect(read().length).toBeGreaterThan(50_000)
    expect(foundIn(read(), texts)).toEqual([])
    // The search finds them in each form.
    for (const text of texts.filter(({ length }) => length > 9)) {
      const bytes = Buffer.from(text, 'latin1')
      for (const form of ['latin1', 'hex', 'base64', 'base64url'] as const)
        expect(foundIn(Buffer.from(`ab${bytes.toString(form)}cd`, 'latin1'), [text]), `${text} ${form}`).toEqual([text])
    }
    for (const connection of connections) connection.close()
    rmSync(folder, { recursive: true })
  })
})

/** The contents of a file. A lock of this driver is a folder. */
function readWhole(path: string): readonly Buffer[] {
  try {
    return [readFileSync(path)]
  } catch {
    return []
  }
}
