import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Table } from './suite.ts'
import { pageTable } from './table.ts'

const begin = '<!-- written by hand from here -->'
const end = '<!-- written by hand up to here -->'

/**
 * Writes the results page. The text between the two marks of the present page is kept; the rest is written again.
 *
 * @param first - the tables above the kept text.
 * @param rest - the tables below it.
 */
export function writeResults(path: string, first: readonly Table[], rest: readonly Table[]): void {
  const page = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  const byHand = from < 0 || to < from ? '' : page.slice(from + begin.length, to).trim()
  const parts = [
    '# Results',
    'Written by `npm run bench -- --write`. Ratios are between turns of the same round, and hold from run to run; times depend on the machine.',
    '![The time to decide about one call, beside other libraries](cost-per-call.svg)',
    ...first.map(pageTable),
    begin,
    byHand,
    end,
    '## All tables',
    ...rest.map(pageTable),
  ]
  writeFileSync(path, `${parts.filter((part) => part !== '').join('\n\n')}\n`)
}
