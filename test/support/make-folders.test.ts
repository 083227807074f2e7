import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeFolders, makeFoldersNow } from '../../src/support/make-folders.ts'

let home: string

beforeAll(() => {
  home = fs.mkdtempSync(join(tmpdir(), 'procura-folders-'))
  fs.writeFileSync(join(home, 'file'), '')
  fs.symlinkSync(join(home, 'nowhere'), join(home, 'dangling'))
})
afterAll(() => fs.rmSync(home, { recursive: true }))

async function codeOf(work: () => unknown): Promise<unknown> {
  try {
    await work()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

describe.each([
  ['makeFolders', makeFolders],
  ['makeFoldersNow', async (path: string) => makeFoldersNow(path)],
])('%s', (name, make) => {
  it('makes the parents too, for their owner alone, and keeps those that exist', async () => {
    const first = join(home, name)
    await make(join(first, 'a', 'b'))
    await make(join(first, 'a', 'c'))
    expect(fs.readdirSync(join(first, 'a')).sort()).toEqual(['b', 'c'])
    if (process.platform !== 'win32') expect(fs.statSync(join(first, 'a')).mode & 0o777).toBe(0o700)
  })

  it('is refused below a file and below a link to nothing', async () => {
    expect(await codeOf(() => make(join(home, 'file')))).toBe('EEXIST')
    expect(await codeOf(() => make(join(home, 'file', 'a', 'b')))).toBe('ENOTDIR')
    expect(await codeOf(() => make(join(home, 'dangling', 'a')))).toBe('EEXIST')
  })

  it.runIf(process.platform === 'linux')('returns for a file system that takes no folders', async () => {
    expect(await codeOf(() => make('/proc/procura/a/b'))).toBe('ENOENT')
    expect(await codeOf(() => make('/proc/procura'))).toBe('ENOENT')
  })

  it('returns the first folder that it made', async () => {
    const first = join(home, `${name}-first`)
    expect(await make(join(first, 'a'))).toBe(join(first))
    expect(await make(join(first, 'a', 'b'))).toBe(join(first, 'a', 'b'))
    expect(await make(join(first, 'a', 'b'))).toBeUndefined()
  })
})
