import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { explainPolicy } from '../../../../src/core/capability/policy/explain.ts'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'
import type { IpldValue } from '../../../../src/core/ipld/value.ts'
import { parseDagJson } from '../../../reference/dag-json.ts'

const page = readFileSync(new URL('../../../../spec/policy.md', import.meta.url), 'utf8')
const row = /^\| `(?<statement>\[.*\])` \| `(?<args>\{.*\})` \| (?<outcome>true|false|unresolved) \|$/
const rows = page
  .slice(page.indexOf('## Truth table'))
  .split('\n')
  .flatMap((line) => {
    const { statement, args, outcome } = row.exec(line)?.groups ?? {}
    return statement === undefined || args === undefined ? [] : [{ statement, args, outcome }]
  })

describe('truth table of spec/policy.md', () => {
  it('POL-10 has a verdict for every kind of failure, and only "true" permits [attack 48]', () => {
    expect(rows.length).toBeGreaterThanOrEqual(80)
    for (const outcome of ['true', 'false', 'unresolved']) expect(rows.map((one) => one.outcome)).toContain(outcome)
    const lines = page
      .slice(page.indexOf('| statement |'))
      .split('\n')
      .filter((line) => line.startsWith('|'))
    expect(rows.length, 'rows that are read').toBe(lines.length - 2)
  })

  it.each(rows.map(({ statement, args, outcome }) => [statement, args, outcome] as const))(
    '%s over %s is %s',
    (statement, args, outcome) => {
      const explained = explainPolicy(parsePolicy([parseDagJson(statement)]), parseDagJson(args) as IpldValue)
      expect(explained.outcome).toBe(outcome)
      expect(explained.allowed).toBe(outcome === 'true')
    },
  )
})
