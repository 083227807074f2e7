import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StoreError } from 'procura/errors'
import { describe, expect, it } from 'vitest'
import { errorOf } from '../../../../../../test/support/error-of.ts'
import { approvalFiles } from '../../../../src/gateway/serve/approvals/approval-files.ts'
import { idTexts } from '../../../../src/gateway/serve/approvals/id-texts.ts'

const id = 'a'.repeat(16)
const isAnswer = async (text: string | undefined): Promise<boolean> => text === 'yes' || text === 'no'

describe('something else in the place of an answer', () => {
  it('APR-85 is named with the next step, and is left as it is [attack 102]', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'procura-answers-'))
    const path = join(folder, `${id}.answer`)
    for (const make of [() => mkdirSync(path), () => writeFileSync(path, 'of the agent', { mode: 0o600 })]) {
      make()
      const error = await errorOf(() => approvalFiles(folder).putAnswer(id, 'yes', isAnswer))
      expect(error).toBeInstanceOf(StoreError)
      expect(error).toMatchObject({
        message: `\`${path}\` is in the place of the answer, and is not one; remove it, and answer the request again`,
      })
      expect(readdirSync(folder)).toEqual([`${id}.answer`])
      rmSync(path, { recursive: true })
    }
    expect(await approvalFiles(folder).putAnswer(id, 'yes', isAnswer)).toBe(true)
    expect(await approvalFiles(folder).putAnswer(id, 'no', isAnswer)).toBe(false)
    expect(readFileSync(path, 'utf8')).toBe('yes\n')
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
