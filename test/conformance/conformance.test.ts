import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { root } from '../setup/entries.ts'
import { readVectors } from '../vectors/read.ts'

const tsx = `${root}node_modules/.bin/tsx`
const procura = [tsx, 'test/conformance/procura.ts']
const cases = readVectors('valid.json').length + readVectors('hostile.json').length

/** Runs the runner; the last line of its report, and its exit code. */
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

  it('is missed by an implementation that always says yes', () => {
    const { status, output, last } = conformance(
      ...answering('console.log(JSON.stringify({ id: q.id, allowed: true }))'),
    )
    const valid = readVectors('valid.json').length
    expect([status, last]).toEqual([
      1,
      `${cases} cases: ${valid} right, ${cases - valid} wrong, 0 left out, 0 with another code`,
    ])
    expect(output).toContain('expired: the root, by one second: said yes, and it is no (expired)')
  })

  it('is missed by an implementation that always says no', () => {
    const { status, last } = conformance(...answering('console.log(JSON.stringify({ id: q.id, allowed: false }))'))
    const valid = readVectors('valid.json').length
    expect([status, last]).toEqual([
      1,
      `${cases} cases: ${cases - valid} right, ${valid} wrong, 0 left out, ${cases - valid} with another code`,
    ])
  })

  it('minds other codes only when it is told to', () => {
    const refusing = answering(`console.log(JSON.stringify({ id: q.id, allowed: false, code: 'no' }))`)
    expect(conformance('--only', 'expired:', ...refusing).status).toBe(0)
    const strict = conformance('--only', 'expired:', '--codes', ...refusing)
    expect(strict.status).toBe(1)
    expect(strict.output).toContain('said no (no), and it is no (expired)')
  })

  it('lets an implementation leave cases out', () => {
    const { status, last } = conformance(
      '--only',
      'limit:',
      ...answering('console.log(JSON.stringify({ id: q.id, skipped: true }))'),
    )
    expect([status, last]).toEqual([0, '11 cases: 0 right, 0 wrong, 11 left out, 0 with another code'])
  })

  it.each([
    ['ends at once', 'process.exit(0)', []],
    ['never answers', 'setTimeout(() => undefined, 1e6)', ['--timeout', '0.5']],
    ['answers with something else', 'console.log(q.id, "yes")', []],
    ['answers without a verdict', 'console.log(JSON.stringify({ id: q.id, allowed: "true" }))', []],
    ['answers without an id', 'console.log(JSON.stringify({ allowed: false }))', []],
  ])('is missed by an implementation that %s', (_, answer, options) => {
    const { status, last } = conformance('--only', 'expired:', ...options, ...answering(answer))
    expect([status, last]).toEqual([1, '12 cases: 0 right, 12 wrong, 0 left out, 0 with another code'])
  })

  it('says how it is called, and when nothing can be started', () => {
    expect(conformance()).toMatchObject({ status: 2, output: expect.stringContaining('usage:') })
    expect(conformance('--unknown', 'x')).toMatchObject({ status: 2 })
    expect(conformance('--only', 'no such case', ...procura)).toMatchObject({ status: 1 })
    const missing = conformance('./no-such-program')
    expect(missing.status).not.toBe(0)
    expect(missing.output).toContain('./no-such-program could not be started')
  })
})
