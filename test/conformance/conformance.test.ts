import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { inCi } from '../property/runs.ts'
import { root } from '../setup/entries.ts'

interface Report {
  readonly status: number | null
  readonly output: string
  readonly last: string
}

/** Runs the runner as a program; returns its exit code, its output, and the last line of the output. */
function conformance(...args: readonly string[]): Report {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['spec/conformance/run.mjs', ...args], {
    cwd: root,
    encoding: 'utf8',
  })
  return { status, output: stdout + stderr, last: stdout.trimEnd().split('\n').at(-1) ?? '' }
}

/** An implementation in one line of JavaScript: what it answers to a question `q`. */
function answering(answer: string): readonly string[] {
  const script = `require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const q = JSON.parse(line); ${answer} })`
  return ['--', process.execPath, '-e', script]
}

const yes = answering('console.log(JSON.stringify({ id: q.id, allowed: true }))')
const no = answering(`console.log(JSON.stringify({ id: q.id, allowed: false, code: 'no' }))`)

/** The numbers of the last line. */
function countsOf({ last }: Report): readonly number[] {
  return [...last.matchAll(/[0-9]+/g)].map(([number]) => Number(number))
}

describe('conformance', () => {
  it('fails an implementation that accepts everything, and one that refuses everything', () => {
    const files = ['valid', 'hostile', 'policy', 'ucanto']
    const cases = files.map((file) => JSON.parse(readFileSync(`${root}spec/vectors/${file}.json`, 'utf8')).cases.length)
    const all = cases.reduce<number>((sum, count: number) => sum + count, 0)
    const saidYes = conformance(...yes)
    const [allYes, right = 0, wrong = 0] = countsOf(saidYes)
    expect([allYes, right + wrong, saidYes.status]).toEqual([all, all, 1])
    expect(saidYes.output).toContain('expired: the root, by one second: said yes, and it is no (expired)')
    expect(saidYes.output).toContain('policy: second statement false: said yes, and it is no (false)')
    const saidNo = conformance(...no)
    expect([...countsOf(saidNo).slice(0, 3), saidNo.status]).toEqual([all, wrong, right, 1])
  })

  it('tests the given files', () => {
    const { cases } = JSON.parse(readFileSync(`${root}spec/vectors/policy.json`, 'utf8')) as { cases: unknown[] }
    expect(countsOf(conformance('--files', 'policy', ...no))[0]).toBe(cases.length)
  })

  it('compares codes only if an option requires it', () => {
    expect(conformance('--only', 'expired:', ...no)).toMatchObject({ status: 0 })
    const strict = conformance('--codes', '--only', 'expired:', ...no)
    expect(strict.status).toBe(1)
    expect(strict.output).toContain('said no (no), and it is no (expired)')
  })

  it('lets an implementation leave cases out', () => {
    const skipping = answering('console.log(JSON.stringify({ id: q.id, skipped: true }))')
    const { status, last } = conformance('--only', 'limit:', ...skipping)
    expect([status, last]).toEqual([0, '11 cases: 0 right, 0 wrong, 11 left out, 0 with another code'])
  })

  it('takes answers in any order', () => {
    const later = answering(`
      const answer = () => console.log(JSON.stringify({ id: q.id, allowed: true }))
      q.id === 0 ? setTimeout(answer, 100) : answer()`)
    expect(conformance('--files', 'valid', ...later).status).toBe(0)
  })

  // All of them in CI, and every other one elsewhere.
  const misbehaviours = [
    ['ends at once', 'process.exit(0)', '30'],
    ['never answers', 'setTimeout(() => undefined, 1e6)', '0.5'],
    ['answers with something else', 'console.log(q.id, "yes")', '30'],
    ['answers without a verdict', 'console.log(JSON.stringify({ id: q.id, allowed: "true" }))', '30'],
    ['answers without an id', 'console.log(JSON.stringify({ allowed: false }))', '30'],
  ] as const
  const chosen = misbehaviours.filter((_, index) => inCi || index % 2 === 0)
  it.each(chosen)('is missed by an implementation that %s', (_, answer, timeout) => {
    const report = conformance('--only', 'expired:', '--timeout', timeout, ...answering(answer))
    expect([report.status, report.last]).toEqual([1, '12 cases: 0 right, 12 wrong, 0 left out, 0 with another code'])
  })

  it('explains its usage, and a program that cannot be started', () => {
    const mistakes = [['--unknown', 'x'], ['--files', 'valid,other', 'x'], ['--timeout', '0', 'x'], ['--codes'], []]
    for (const wrong of mistakes.filter((_, index) => inCi || index % 3 === 0)) {
      expect(conformance(...wrong), String(wrong)).toMatchObject({
        status: 2,
        output: expect.stringContaining('usage:'),
      })
    }
    const missing = conformance('--only', 'expired:', './no-such-program')
    expect(missing).toMatchObject({
      status: 1,
      output: expect.stringContaining('./no-such-program could not be started'),
    })
  })
})
