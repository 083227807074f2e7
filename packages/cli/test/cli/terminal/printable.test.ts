import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { openJsonlAuditSink } from 'procura/audit/jsonl'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { intent, outcome } from '../../../../../test/audit/events.ts'
import { shortRuns } from '../../../../../test/property/runs.ts'
import { anyText } from '../../../../../test/support/any-text.ts'
import { run } from '../../../src/cli/run.ts'

/** Characters that are not seen, or do something else than being seen. */
const hostile = [
  '\u0007',
  '\b',
  '\t',
  '\n',
  '\r',
  '\u001b[2J',
  '\u007f',
  '\u0085',
  '\u009b2J',
  '\u00a0',
  '\u00ad',
  '\u034f',
  '\u061c',
  '\u115f',
  '\u200b',
  '\u200e',
  '\u2028',
  '\u2800',
  '\u3000',
  '\u2029',
  '\u202e',
  '\u2066',
  '\ufeff',
  '\u{e0041}',
  '\ud800',
]
const all = `a${hostile.join('b')}c`
const unseen = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u00a0\u2800\u3000]/u

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'procura-cli-'))
  const sink = await openJsonlAuditSink({ directory: join(folder, 'log') })
  await sink.append(intent(1, { command: all, vault: all, invoker: `did:web:${all}`, args: { [all]: all } }), {})
  await sink.append(outcome(2, 3, { code: all }), {})
  await sink.close()
})
afterAll(() => rm(folder, { recursive: true }))

/** The printed lines, without the line ends and tabs of the program itself. */
async function cli(words: readonly string[], env: Record<string, string> = {}) {
  const lines: string[] = []
  const add = (line: string): void => void lines.push(line)
  const code = await run(words, {
    env,
    print: add,
    complain: add,
    isTerminal: true,
    readInput: async () => new Uint8Array(),
    askHidden: async (question) => {
      lines.push(question)
      return Buffer.from('secret')
    },
  })
  return { code, lines, shown: lines.map((line) => line.replaceAll('\t', ' ')) }
}

describe('the output of the program', () => {
  it('AUD-26 shows no control or invisible character of a log [attack 80]', async () => {
    const log = join(folder, 'log')
    const ways = [
      ['audit', 'open', log],
      ['audit', 'open', log, '--json'],
      ['log', log, '--ocsf', '--product', all, '--vendor', all],
      ['audit', 'verify', log, '--json'],
    ]
    for (const words of ways) {
      const { code, lines, shown } = await cli(words)
      expect(code, words.join(' ')).toBeLessThan(2)
      expect(lines.length).toBeGreaterThan(0)
      for (const line of shown) expect(line).not.toMatch(unseen)
    }
    // It is the same JSON all the same, and rows have their columns.
    const [record] = (await cli(ways[2] as string[])).lines
    const command = all.replaceAll('\ud800', '\ufffd')
    expect(JSON.parse(record ?? '')).toMatchObject({ api: { operation: command }, unmapped: { vault: command } })
    expect(JSON.parse((await cli(ways[1] as string[])).lines[0] ?? '')).toMatchObject([{ command }])
    expect((await cli(ways[0] as string[])).lines[0]?.split('\t')).toHaveLength(5)
  })

  it('AUD-26 shows no such character of a file of credentials', async () => {
    const at = ['--file', join(folder, 'vault'), '--key-file', join(folder, 'key')]
    await cli(['vault', 'new-key', ...at.slice(2)])
    const origin = ['--origin', 'https://crm.example/', '--query', 'key', '--command', `/a/${all}`]
    const put = ['put', 'crm', '--path-prefix', '/\u202e', ...origin]
    for (const words of [
      put,
      ['put', 'plain', '--leasable'],
      ['list'],
      ['list', '--json'],
      ['remove', all],
      ['rotate', all],
    ]) {
      const { shown } = await cli(['vault', ...words, ...at])
      expect(shown.length).toBeGreaterThan(0)
      for (const line of shown) expect(line).not.toMatch(unseen)
    }
  })

  it('AUD-26 shows no such character of a changed log, a path or the command line', async () => {
    const log = join(folder, 'log')
    const [file = ''] = (await readdir(log)).filter((name) => name.endsWith('.jsonl'))
    const text = await readFile(join(log, file), 'utf8')
    await writeFile(join(log, file), text.replace('/mail', `/${all}`).replace('"intent"', `"${all}"`))
    const ways = [
      ['audit', 'verify', log],
      ['audit', 'open', log],
      ['log', log, '--ocsf', '--product', 'a', '--vendor', 'b'],
    ]
    for (const words of ways) for (const line of (await cli(words)).shown) expect(line).not.toMatch(unseen)

    const word = fc.oneof(
      fc.constantFrom(
        'audit',
        'vault',
        'verify',
        'open',
        '--ocsf',
        'list',
        '--json',
        '--prefix',
        '--hash',
        '--sequence',
        '--help',
      ),
      fc.constantFrom(...hostile).map((one) => `--x${one}`),
      fc.constantFrom(...hostile).map((one) => join(folder, `no${one}where`.replaceAll('\0', ''))),
      anyText({ maxLength: 20 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 6 }), async (words) => {
        for (const line of (await cli(words)).shown) expect(line).not.toMatch(unseen)
      }),
      shortRuns(60),
    )
  })
})
