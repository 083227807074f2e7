import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import type { Vector } from '../../spec/vectors/generator/vector.ts'
import { root } from '../setup/entries.ts'
import { readVectors } from '../vectors/read.ts'
import { runConformance } from './conformance.ts'
import { reportOf } from './report.ts'

const tsx = `${root}node_modules/.bin/tsx`
const procura = [tsx, 'test/conformance/procura.ts']
const all = [...readVectors('valid.json'), ...readVectors('hostile.json')]
const valid = readVectors('valid.json').length
const cases = all.length

/** Runs the runner as a program: its exit code, what it writes, and the last line of that. */
function conformance(...args: readonly string[]): {
  readonly status: number | null
  readonly output: string
  readonly last: string
} {
  const { status, stdout, stderr } = spawnSync(tsx, ['test/conformance/run.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
  })
  return { status, output: stdout + stderr, last: stdout.trimEnd().split('\n').at(-1) ?? '' }
}

/** The report about an implementation, without a program around it. */
async function report(
  command: readonly string[],
  { only = '', timeout = 30, codes = false, vectors = all as readonly Vector[] } = {},
): Promise<{ readonly passed: boolean; readonly text: string; readonly last: string }> {
  const chosen = vectors.filter(({ name }) => name.includes(only))
  const { passed, text } = reportOf(await runConformance({ command, vectors: chosen, timeout }), codes)
  return { passed, text, last: text.split('\n').at(-1) ?? '' }
}

/** An implementation in one line of JavaScript: what it answers to a question `q`. */
function answering(answer: string): readonly string[] {
  const script = `require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const q = JSON.parse(line); ${answer} })`
  return [process.execPath, '-e', script]
}

describe('conformance', () => {
  it('of this library is complete, codes included', () => {
    const { status, last } = conformance('--codes', ...procura)
    expect([status, last]).toEqual([0, `${cases} cases: ${cases} right, 0 wrong, 0 left out, 0 with another code`])
  })

  it('of this library is complete in 0.9.1 too', async () => {
    const vectors = readVectors('ucanto.json')
    const { passed, last } = await report(procura, { vectors, codes: true })
    const count = vectors.length
    expect([passed, last]).toEqual([true, `${count} cases: ${count} right, 0 wrong, 0 left out, 0 with another code`])
    const all = cases + count
    expect(conformance('--ucanto', process.execPath, '-e', '').last).toContain(`${all} cases: 0 right, ${all} wrong`)
  })

  it('is missed by an implementation that always says yes', () => {
    const { status, output, last } = conformance(
      ...answering('console.log(JSON.stringify({ id: q.id, allowed: true }))'),
    )
    expect([status, last]).toEqual([
      1,
      `${cases} cases: ${valid} right, ${cases - valid} wrong, 0 left out, 0 with another code`,
    ])
    expect(output).toContain('expired: the root, by one second: said yes, and it is no (expired)')
  })

  it('is missed by an implementation that always says no', async () => {
    const { passed, last } = await report(answering('console.log(JSON.stringify({ id: q.id, allowed: false }))'))
    expect([passed, last]).toEqual([
      false,
      `${cases} cases: ${cases - valid} right, ${valid} wrong, 0 left out, ${cases - valid} with another code`,
    ])
  })

  it('minds other codes only when it is told to', async () => {
    const refusing = answering(`console.log(JSON.stringify({ id: q.id, allowed: false, code: 'no' }))`)
    expect(await report(refusing, { only: 'expired:' })).toMatchObject({ passed: true })
    const strict = await report(refusing, { only: 'expired:', codes: true })
    expect(strict.passed).toBe(false)
    expect(strict.text).toContain('said no (no), and it is no (expired)')
  })

  it('lets an implementation leave cases out', async () => {
    const skipping = answering('console.log(JSON.stringify({ id: q.id, skipped: true }))')
    const { passed, last } = await report(skipping, { only: 'limit:' })
    expect([passed, last]).toEqual([true, '11 cases: 0 right, 0 wrong, 11 left out, 0 with another code'])
  })

  it('takes answers in any order', async () => {
    const later = answering(`
      const answer = () => console.log(JSON.stringify({ id: q.id, allowed: true }))
      q.id === 0 ? setTimeout(answer, 100) : answer()`)
    const inOrder = readVectors('valid.json')
    const { passed, last } = await report(later, { vectors: inOrder })
    expect([passed, last]).toEqual([
      true,
      `${inOrder.length} cases: ${inOrder.length} right, 0 wrong, 0 left out, 0 with another code`,
    ])
  })

  it.each([
    ['ends at once', 'process.exit(0)', 30],
    ['never answers', 'setTimeout(() => undefined, 1e6)', 0.5],
    ['answers with something else', 'console.log(q.id, "yes")', 30],
    ['answers without a verdict', 'console.log(JSON.stringify({ id: q.id, allowed: "true" }))', 30],
    ['answers without an id', 'console.log(JSON.stringify({ allowed: false }))', 30],
  ])('is missed by an implementation that %s', async (_, answer, timeout) => {
    const { passed, last } = await report(answering(answer), { only: 'expired:', timeout })
    expect([passed, last]).toEqual([false, '12 cases: 0 right, 12 wrong, 0 left out, 0 with another code'])
  })

  it('says how it is called, and when nothing can be started', () => {
    expect(conformance('--unknown', 'x')).toMatchObject({ status: 2, output: expect.stringContaining('usage:') })
    const missing = conformance('--only', 'expired:', './no-such-program')
    expect(missing).toMatchObject({
      status: 1,
      output: expect.stringContaining('./no-such-program could not be started'),
    })
  })
})
