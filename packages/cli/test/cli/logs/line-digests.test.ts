import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { beginning, formatRecord, makeRecord } from '../../../../../src/audit/events/record.ts'
import { intent } from '../../../../../test/audit/events.ts'
import { lineDigests } from '../../../src/cli/logs/line-digests.ts'
import { run } from '../../../src/cli/run.ts'

const folder = mkdtempSync(join(tmpdir(), 'procura-digests-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A valid log; two seeds differ in every hash. */
function makeLog(length: number, command: string): string[] {
  const lines: string[] = []
  let last = beginning
  for (let n = 1; n <= length; n += 1) {
    const event = { ...intent(n), command } as never
    last = makeRecord(last, event, (bytes) => createHash('sha256').update(bytes).digest())
    lines.push(formatRecord(last as never))
  }
  return lines
}

async function* reading(lines: readonly string[]): AsyncGenerator<string, void> {
  yield* lines
}

async function readTwice(first: readonly string[], second: readonly string[]) {
  const digests = lineDigests()
  const noted: string[] = []
  for await (const line of digests.note(reading(first))) noted.push(line)
  expect(noted).toEqual(first)
  const passed: string[] = []
  const isSame = await digests.same(reading(second), (line) => void passed.push(line))
  return { isSame, passed }
}

describe('the second reading of a log', () => {
  const lines = Array.from({ length: 700 }, (_, n) => `line ${n}`)

  it.each([0, 1, 255, 256, 257, 512, 700])(
    'passes on %i lines that are the same, and none that were added',
    async (n) => {
      const first = lines.slice(0, n)
      expect(await readTwice(first, first)).toEqual({ isSame: true, passed: first })
      expect(await readTwice(first, [...first, 'more'])).toEqual({ isSame: true, passed: first })
    },
  )

  it('passes on no line of a block with a change, and none behind it', async () => {
    const changes: readonly ((copy: string[], at: number) => unknown)[] = [
      (copy, at) => copy.splice(at, 1, 'other'),
      (copy, at) => copy.splice(at, 1),
      (copy, at) => copy.splice(at, 0, 'more'),
      (copy, at) => copy.splice(at),
      // The same text in other lines.
      (copy, at) => copy.splice(at, 2, `${copy[at]}\n${copy[at + 1]}`, ''),
      (copy, at) => copy.splice(at, 2, `${copy[at]}","${copy[at + 1]}`, ''),
      (copy, at) => copy.splice(at, 2, `${copy[at]}${copy[at + 1]}`, ''),
    ]
    for (const change of changes) {
      for (const at of [0, 1, 255, 256, 257, 511, 512, 690]) {
        const second = [...lines]
        change(second, at)
        const passed = lines.slice(0, at - (at % 256))
        expect(await readTwice(lines, second), String(at)).toEqual({ isSame: false, passed })
      }
    }
  })

  it('is ended, with its files, at a change and behind the last line of the first reading', async () => {
    const digests = lineDigests()
    for await (const line of digests.note(reading(lines.slice(0, 300)))) expect(line).toMatch(/^line/)
    for (const second of [lines, ['other', ...lines]]) {
      let hasEnded = false
      async function* watched(): AsyncGenerator<string, void> {
        try {
          yield* second
        } finally {
          hasEnded = true
        }
      }
      await digests.same(watched(), () => undefined)
      expect(hasEnded).toBe(true)
    }
  })

  it('is compared before `procura audit ocsf` prints it, also if the changed log is valid', async () => {
    const [log, other] = [makeLog(700, '/mail/send'), makeLog(700, '/mail/read')]
    const write = (first: number, some: readonly string[]): void =>
      writeFileSync(
        join(folder, `audit-${String(first).padStart(16, '0')}.jsonl`),
        some.map((line) => `${line}\n`).join(''),
      )
    const ocsf = async (onPrint: (count: number) => void) => {
      write(1, log.slice(0, 300))
      write(301, log.slice(300))
      const [out, err]: [string[], string[]] = [[], []]
      const code = await run(['audit', 'ocsf', folder, '--product', 'Mailer', '--vendor', 'Example'], {
        env: {},
        isTerminal: false,
        print: (line) => onPrint(out.push(line)),
        complain: (line) => void err.push(line),
        readInput: async () => undefined,
        askHidden: async () => undefined,
      })
      return { code, out, err: err.join('\n') }
    }
    const whole = await ocsf(() => undefined)
    expect([whole.code, whole.out.length, whole.err]).toEqual([0, 700, ''])
    // The second file is read again after the first lines are printed.
    const changed = await ocsf((count) => {
      if (count === 1) write(301, other.slice(300))
    })
    expect([changed.code, changed.out]).toEqual([1, whole.out.slice(0, 256)])
    expect(changed.err).toBe(`procura: the log was changed while it was read; run \`procura audit verify ${folder}\``)
  })
})
