import type { Measurement } from './measure.ts'
import type { Table } from './suite.ts'

/** A table in Markdown that is also aligned for a terminal: the first column to the left, all others to the right. */
export function printTable(table: Table): string {
  const { columns, rows } = table
  return written(
    table,
    columns.map((column, at) => Math.max(column.length, ...rows.map((row) => row[at]?.length ?? 0))),
  )
}

/** A table in Markdown without the spaces of {@link printTable}, for a page of the package. */
export function pageTable(table: Table): string {
  return written(
    table,
    table.columns.map(() => 0),
  )
}

function written({ title, columns, rows, notes = [] }: Table, widths: readonly number[]): string {
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, at) => pad(cells[at] ?? '', width, at)).join(' | ')} |`
  const dashes = widths.map((width, at) =>
    at === 0 ? '-'.repeat(Math.max(width, 3)) : `${'-'.repeat(Math.max(width - 1, 2))}:`,
  )
  const rule = `| ${dashes.join(' | ')} |`
  const heading = title === '' ? [] : [`### ${title}`, '']
  return [...heading, line(columns), rule, ...rows.map(line), ...notes.flatMap((note) => ['', note])].join('\n')
}

/** A table of measurements: one row a contender. */
export function timesTable(title: string, measurements: readonly Measurement[], notes: readonly string[] = []): Table {
  const base = measurements.find(({ ratio }) => ratio === 1)?.name ?? ''
  return {
    title,
    columns: ['what', 'median', 'quartiles', `× ${base}`],
    rows: measurements.map(({ name, median, quartiles: [lower, upper], ratio }) => [
      name,
      time(median),
      `${time(lower)} – ${time(upper)}`,
      number(ratio),
    ]),
    notes,
  }
}

/** The ratio of the contender of that name to the base; `NaN` when it was not measured. */
export function ratioOf(measurements: readonly Measurement[], name: string): number {
  return measurements.find((measurement) => measurement.name === name)?.ratio ?? Number.NaN
}

/** Microseconds for people: three digits and a unit. */
export function time(microseconds: number): string {
  if (microseconds < 1) return `${number(microseconds * 1000)} ns`
  if (microseconds < 1000) return `${number(microseconds)} µs`
  if (microseconds < 1_000_000) return `${number(microseconds / 1000)} ms`
  return `${number(microseconds / 1_000_000)} s`
}

/** A number with three digits, or all of them when it has more before the point. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  return value.toLocaleString('en-US', {
    minimumFractionDigits: 0,
    maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3,
  })
}

function pad(text: string, width: number, at: number): string {
  return at === 0 ? text.padEnd(width) : text.padStart(width)
}
