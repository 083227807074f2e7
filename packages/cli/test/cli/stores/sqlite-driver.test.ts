import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { sqliteDriver } from '../../../src/cli/stores/sqlite-driver.ts'

class OfNode {}

vi.mock('node:sqlite', () => ({ DatabaseSync: OfNode }))

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'procura-driver-'))
  vi.spyOn(process, 'cwd').mockReturnValue(folder)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

/** Installs a package whose database has its name. */
async function install(name: string): Promise<void> {
  const place = join(folder, 'node_modules', name)
  await mkdir(place, { recursive: true })
  await writeFile(join(place, 'package.json'), '{ "main": "driver.cjs" }')
  await writeFile(join(place, 'driver.cjs'), `exports.Database = class { static of = '${name}' }`)
}

async function found(): Promise<string> {
  const { open } = await sqliteDriver<object>()
  return (open as unknown) === OfNode ? 'node:sqlite' : (open as unknown as { readonly of: string }).of
}

describe('the driver of --sqlite [CLI-10]', () => {
  it('is that of Node where the project has node-sqlite3-wasm only because this package needs it', async () => {
    await install('node-sqlite3-wasm')
    expect(await found()).toBe('node:sqlite')
    await writeFile(join(folder, 'package.json'), '{ "dependencies": { "procura": "1" } }')
    expect(await found()).toBe('node:sqlite')
    await writeFile(join(folder, 'package.json'), 'no JSON')
    expect(await found()).toBe('node:sqlite')
  })

  it.each(['dependencies', 'devDependencies'])('is node-sqlite3-wasm where %s of the project name it', async (of) => {
    await install('node-sqlite3-wasm')
    await writeFile(join(folder, 'package.json'), JSON.stringify({ [of]: { 'node-sqlite3-wasm': '0.8' } }))
    expect(await found()).toBe('node-sqlite3-wasm')
  })

  it('is better-sqlite3 where it is installed', async () => {
    await install('better-sqlite3')
    await install('node-sqlite3-wasm')
    expect(await found()).toBe('better-sqlite3')
  })
})
