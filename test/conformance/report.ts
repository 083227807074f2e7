/**
 * The results of an implementation as text.
 *
 * @module
 */

import type { Outcome, Result } from './conformance.ts'

/** A report, and whether the implementation passed. */
export interface Report {
  readonly text: string
  readonly passed: boolean
}

/**
 * Writes a table by fault, then every case that went wrong.
 *
 * @param codes - whether a refusal by another code is a failure too.
 */
export function reportOf(results: readonly Result[], codes: boolean): Report {
  const failed = results.filter(({ outcome, otherCode }) => isFailure(outcome) || (codes && otherCode))
  const rows = [...byFault(results)].map(([fault, cases]) => [fault, ...counts(cases)])
  const [all, right, wrong, leftOut, otherCode] = counts(results)
  return {
    text: [
      ...table([
        ['fault', 'cases', 'right', 'wrong', 'left out', 'other code'],
        ...rows,
        ['all', all, right, wrong, leftOut, otherCode],
      ]),
      '',
      ...failed.map(({ vector, said }) => `${vector.name}: said ${said}, and it is ${wanted(vector)}`),
      ...(failed.length > 0 ? [''] : []),
      `${results.length} cases: ${right} right, ${wrong} wrong, ${leftOut} left out, ${otherCode} with another code`,
    ].join('\n'),
    passed: failed.length === 0,
  }
}

function wanted({ expected }: Result['vector']): string {
  return expected.allowed ? 'yes' : `no (${expected.code})`
}

function isFailure(outcome: Outcome): boolean {
  return outcome === 'wrong' || outcome === 'unanswered'
}

function byFault(results: readonly Result[]): ReadonlyMap<string, readonly Result[]> {
  const groups = new Map<string, Result[]>()
  for (const result of results) {
    const fault = result.vector.fault ?? '(in order)'
    groups.set(fault, [...(groups.get(fault) ?? []), result])
  }
  return groups
}

function counts(results: readonly Result[]): readonly [string, string, string, string, string] {
  const count = (test: (result: Result) => boolean): string => `${results.filter(test).length}`
  return [
    `${results.length}`,
    count(({ outcome }) => outcome === 'right'),
    count(({ outcome }) => isFailure(outcome)),
    count(({ outcome }) => outcome === 'left out'),
    count(({ otherCode }) => otherCode),
  ]
}

/** Columns as wide as their widest entry; numbers to the right. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  )
}
