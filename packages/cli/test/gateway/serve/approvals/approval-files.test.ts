import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StoreError } from 'procura/errors'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { errorOf } from '../../../../../../test/support/error-of.ts'
import { approvalFiles } from '../../../../src/gateway/serve/approvals/approval-files.ts'
import { idTexts } from '../../../../src/gateway/serve/approvals/id-texts.ts'

const id = 'a'.repeat(16)
const isAnswer = async (text: string | undefined): Promise<boolean> => text === 'yes' || text === 'no'

describe('the file of an answer', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'procura-answers-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('APR-85 stays the first answer when a paused process, whose lock was taken, goes on [attack 102]', async () => {
    const path = join(folder, `${id}.answer`)
    writeFileSync(path, 'of the agent', { mode: 0o600 })
    let looks = 0
    const paused = approvalFiles(folder).putAnswer(id, 'yes', async (text) => {
      const found = await isAnswer(text)
      looks += 1
      // It has the lock, and has found no answer. Now its lease ends, and another process answers.
      if (looks === 2) {
        endLease(join(folder, '.answers.lock'))
        expect(await approvalFiles(folder).putAnswer(id, 'no', isAnswer)).toBe(true)
      }
      return found
    })
    expect(await paused).toBe(false)
    expect(readFileSync(path, 'utf8')).toBe('no\n')
    expect(readdirSync(join(folder, '.answers.lock')).filter((name) => name.endsWith('.draft'))).toEqual([])
  })
})

describe('a folder in the place of an answer', () => {
  it('APR-85 is named with the next step, and is left as it is [attack 102]', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'procura-answers-'))
    const path = join(folder, `${id}.answer`)
    for (const content of [[], ['a file']]) {
      mkdirSync(path)
      for (const name of content) writeFileSync(join(path, name), '')
      const error = await errorOf(() => approvalFiles(folder).putAnswer(id, 'yes', isAnswer))
      expect(error).toBeInstanceOf(StoreError)
      expect(error).toMatchObject({
        message: `\`${path}\` is a folder in the place of the answer; remove it, and answer the request again`,
        cause: { code: 'EISDIR' },
      })
      expect(readdirSync(path)).toEqual(content)
      expect(await approvalFiles(folder).answer(id)).toBeUndefined()
      rmSync(path, { recursive: true })
    }
    expect(await approvalFiles(folder).putAnswer(id, 'yes', isAnswer)).toBe(true)
    expect(readdirSync(folder).sort()).toEqual(['.answers.lock', `${id}.answer`])
    rmSync(folder, { recursive: true })
  })
})

describe('the first text of a file', () => {
  it('APR-85 is not taken to be there when the file cannot be written, and leaves no draft', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'procura-answers-'))
    const { putFirst } = idTexts(folder)
    await expect(putFirst(join(folder, 'missing', `${id}.answer`), 'yes')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(readdirSync(folder)).toEqual([])
    rmSync(folder, { recursive: true })
  })
})

/** Frees a held lock, as the process does that waits for it when the lease has ended. */
function endLease(lock: string): void {
  const [held] = readdirSync(lock)
  renameSync(join(lock, held as string), join(lock, `${Number.parseInt(held as string, 10) + 1}-left`))
}
