import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { createDurableFile, replaceDurableFile, syncFolder } from '../../src/support/durable-file.ts'
import { createFileLock } from '../../src/support/file-lock/file-lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'procura-durable-'))
const path = join(folder, 'kept')

afterEach(() => vi.restoreAllMocks())
afterAll(() => rmSync(folder, { recursive: true }))

/** Notes what is synced, with the size of the file, or the content at the path, at that moment. */
async function noteSyncs(): Promise<string[]> {
  const handle = await open(folder, 'r')
  const prototype = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  const { sync } = prototype
  const synced: string[] = []
  vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    const about = await this.stat()
    synced.push(
      about.isDirectory() ? `folder ${about.ino} with ${readFileSync(path, 'utf8')}` : `file of ${about.size} bytes`,
    )
    await sync.call(this)
  })
  return synced
}

async function inodeOf(place: string): Promise<number> {
  const handle = await open(place, 'r')
  const { ino } = await handle.stat()
  await handle.close()
  return ino
}

describe.skipIf(process.platform === 'win32')('a durable file', () => {
  it('is synced after it was written whole, and its folder after that', async () => {
    const synced = await noteSyncs()
    await createDurableFile(path, 'one')
    expect(synced).toEqual(['file of 3 bytes', `folder ${await inodeOf(folder)} with one`])
    await expect(createDurableFile(path, 'other')).rejects.toThrow('EEXIST')
    expect(readFileSync(path, 'utf8')).toBe('one')
  })

  it('is replaced by one that is synced, and the folder is synced after the replacement', async () => {
    const answer = await createFileLock(join(folder, 'lock')).acquire(1_000)
    if (!('lock' in answer)) throw new Error('the lock is free')
    const synced = await noteSyncs()
    expect(await replaceDurableFile(path, 'twice', answer.lock)).toBe(true)
    expect(synced).toEqual(['file of 5 bytes', `folder ${await inodeOf(folder)} with twice`])
    expect(readFileSync(path, 'utf8')).toBe('twice')
    await answer.lock.release()
  })

  it('lasts with the names of its folder, which can be synced alone', async () => {
    const synced = await noteSyncs()
    await syncFolder(folder)
    expect(synced).toEqual([`folder ${await inodeOf(folder)} with twice`])
  })
})
