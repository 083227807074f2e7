/**
 * The picture of the cost of a call, beside other libraries.
 *
 * @module
 */

import type { Measurement } from './measure.ts'
import { time } from './table.ts'

/** Names of figures that the picture shows begin with this. */
const costPrefix = 'cost of '

/**
 * Microseconds by name, for the picture.
 *
 * Other libraries have rounds of their own, which may be disturbed when those of Procura are not. So the time of each is
 * its ratio to the verification of its rounds, times the verification of Procura's.
 *
 * @param own - the rounds of Procura; the first measurement is the verification.
 * @param others - the rounds of other libraries; names that `own` has too are left out.
 */
export function costsOf(own: readonly Measurement[], others: readonly Measurement[]): Record<string, number> {
  const verification = own[0]?.median ?? Number.NaN
  const costs: Record<string, number> = {}
  for (const { name, ratio } of others) costs[`${costPrefix}${name}`] = ratio * verification
  for (const { name, median } of own) costs[`${costPrefix}${name}`] = median
  return costs
}

/** A bar: its label, its figure, and what the reader has to know of it. */
interface Bar {
  readonly label: string
  readonly figure: string
  readonly kind: 'floor' | 'own' | 'peer'
}

const bars: readonly Bar[] = [
  { label: 'one Ed25519 verification, nothing else', figure: 'one raw verification', kind: 'floor' },
  { label: 'procura, delegations met before', figure: 'warm: delegations met before, new call', kind: 'own' },
  { label: 'procura, the same with sodium-native', figure: 'warm, sodium-native', kind: 'own' },
  { label: 'procura, nobody met before', figure: 'cold: nobody met before', kind: 'own' },
  { label: 'jose, one JWT without a chain', figure: 'jose, one JWT', kind: 'peer' },
  { label: 'macaroon, a bearer token', figure: 'macaroon', kind: 'peer' },
  { label: 'biscuit, a bearer token, met before', figure: 'biscuit, warm', kind: 'peer' },
  { label: 'ucans', figure: 'ucans', kind: 'peer' },
  { label: 'iso-ucan, delegations met before', figure: 'iso-ucan, warm', kind: 'peer' },
  { label: 'iso-ucan, nobody met before', figure: 'iso-ucan, cold', kind: 'peer' },
  { label: 'ucanto', figure: 'ucanto', kind: 'peer' },
]

const width = 760
const labelWidth = 270
const barRoom = 400
const rowHeight = 26
const top = 58

/**
 * The picture as SVG: bars on a logarithmic scale, readable on light and on dark. Figures that are missing have no bar.
 */
export function drawCosts(figures: Readonly<Record<string, number>>): string {
  const shown = bars
    .map((bar) => ({ ...bar, cost: figures[`${costPrefix}${bar.figure}`] ?? Number.NaN }))
    .filter(({ cost }) => Number.isFinite(cost))
  const costs = shown.map(({ cost }) => Math.log10(cost))
  const low = Math.floor(Math.min(1, ...costs))
  const high = Math.ceil(Math.max(low + 1, ...costs))
  const placeOf = (logarithm: number) => labelWidth + ((logarithm - low) / (high - low)) * barRoom
  const height = top + shown.length * rowHeight + 36
  const lines = Array.from({ length: high - low + 1 }, (_, at) => {
    const x = placeOf(low + at).toFixed(1)
    return `<line class="grid" x1="${x}" y1="${top - 6}" x2="${x}" y2="${height - 30}"/><text class="small" x="${x}" y="${height - 14}" text-anchor="middle">${time(10 ** (low + at))}</text>`
  })
  const rows = shown.map(({ label, cost, kind }, at) => {
    const y = top + at * rowHeight
    const end = placeOf(Math.log10(cost))
    return [
      `<text x="${labelWidth - 10}" y="${y + 14}" text-anchor="end">${label}</text>`,
      `<rect class="${kind}" x="${labelWidth}" y="${y + 2}" width="${Math.max(1, end - labelWidth).toFixed(1)}" height="16" rx="2"/>`,
      `<text class="small" x="${(end + 6).toFixed(1)}" y="${y + 14}">${time(cost)}</text>`,
    ].join('')
  })
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">`,
    '<title id="title">Time to decide about one call with a chain of three delegations, on a logarithmic scale</title>',
    `<style>${style}</style>`,
    '<text class="head" x="10" y="22">Time to decide about one call, a chain of three delegations</text>',
    '<text class="small" x="10" y="40">Shorter is better; each line of the scale is ten times the one before. One core.</text>',
    ...lines,
    ...rows,
    '</svg>',
  ].join('\n')}\n`
}

const style = [
  'text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}',
  '.head{font-size:15px;font-weight:600}.small{font-size:11px;fill:#59636e}',
  '.grid{stroke:#d1d9e0}.floor{fill:#8c959f}.own{fill:#0969da}.peer{fill:#bf8700}',
  '@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.grid{stroke:#3d444d}',
  '.floor{fill:#7d8590}.own{fill:#4493f8}.peer{fill:#d29922}}',
].join('')
