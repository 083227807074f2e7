/**
 * The results of an implementation as text.
 *
 * @module
 */

/**
 * Writes a table by fault, then every failed case.
 *
 * @param {Awaited<ReturnType<typeof import('./ask.mjs').ask>>} results
 * @param {boolean} codes - whether a refusal with another code is also a failure.
 * @returns {{ text: string, passed: boolean }}
 */
export function reportOf(results, codes) {
  const failed = results.filter(({ outcome, otherCode }) => isFailure(outcome) || (codes && otherCode))
  const rows = [...byFault(results)].map(([fault, some]) => [fault, ...counts(some)])
  const [all, right, wrong, leftOut, otherCode] = counts(results)
  return {
    text: [
      ...table([
        ['fault', 'cases', 'right', 'wrong', 'left out', 'other code'],
        ...rows,
        ['all', all, right, wrong, leftOut, otherCode],
      ]),
      '',
      ...failed.map(({ name, said, expected }) => `${name}: said ${said}, and it is ${wanted(expected)}`),
      ...(failed.length > 0 ? [''] : []),
      `${all} cases: ${right} right, ${wrong} wrong, ${leftOut} left out, ${otherCode} with another code`,
    ].join('\n'),
    passed: failed.length === 0,
  }
}

function wanted({ allowed, code }) {
  return allowed ? 'yes' : `no (${code})`
}

function isFailure(outcome) {
  return outcome === 'wrong' || outcome === 'unanswered'
}

function byFault(results) {
  const groups = new Map()
  for (const result of results) groups.set(result.fault, [...(groups.get(result.fault) ?? []), result])
  return groups
}

function counts(results) {
  const count = (test) => `${results.filter(test).length}`
  return [
    `${results.length}`,
    count(({ outcome }) => outcome === 'right'),
    count(({ outcome }) => isFailure(outcome)),
    count(({ outcome }) => outcome === 'left out'),
    count(({ otherCode }) => otherCode),
  ]
}

/** Columns as wide as their widest entry; numbers to the right. */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  '),
  )
}
