import type { Meter } from 'procura/operations'

/** A meter whose metrics can be read as text. */
export interface TextMeter extends Meter {
  /** The metrics in the text format of Prometheus, version 0.0.4. */
  text(): string
}

/** The values of one instrument, by their labels. */
interface Series {
  readonly head: string
  /** The lines of the values. */
  lines(): readonly string[]
}

type InstrumentOptions = Parameters<Meter['createCounter']>[1]
type GaugeCallback = Parameters<ReturnType<Meter['createObservableGauge']>['addCallback']>[0]

/** Makes a meter that keeps its values itself. The names are those of `prometheusMeter`. */
export function createTextMeter(): TextMeter {
  const series: Series[] = []
  const add = (name: string, type: string, { description }: InstrumentOptions, lines: Series['lines']): void => {
    series.push({ head: `# HELP ${name} ${description}\n# TYPE ${name} ${type}`, lines })
  }

  return {
    createCounter(name, given) {
      const full = nameOf(name, given, '_total')
      const values = new Map<string, number>()
      add(full, 'counter', given, () => linesOf(full, values))
      return { add: (value, attributes) => void addTo(values, labelsOf(attributes), value) }
    },
    createHistogram(name, given) {
      const full = nameOf(name, given)
      const bounds = given.advice?.explicitBucketBoundaries ?? []
      const values = new Map<string, HistogramValues>()
      add(full, 'histogram', given, () =>
        [...values].flatMap(([labels, found]) => histogramLines(full, labels, bounds, found)),
      )
      return {
        record(value, attributes) {
          const labels = labelsOf(attributes)
          const found = values.get(labels) ?? { counts: bounds.map(() => 0), count: 0, sum: 0 }
          values.set(labels, found)
          found.count++
          found.sum += value
          const at = bounds.findIndex((bound) => value <= bound)
          if (at >= 0) found.counts[at] = (found.counts[at] ?? 0) + 1
        },
      }
    },
    createObservableGauge(name, given) {
      const full = nameOf(name, given)
      const callbacks: GaugeCallback[] = []
      add(full, 'gauge', given, () => {
        const values = new Map<string, number>()
        const result: Parameters<GaugeCallback>[0] = {
          observe: (value, attributes) => void values.set(labelsOf(attributes), value),
        }
        for (const callback of callbacks) callback(result)
        return linesOf(full, values)
      })
      return { addCallback: (callback) => void callbacks.push(callback) }
    },
    text: () => `${series.flatMap(({ head, lines }) => [head, ...lines()]).join('\n')}\n`,
  }
}

interface HistogramValues {
  readonly counts: number[]
  count: number
  sum: number
}

function nameOf(name: string, { unit }: InstrumentOptions, end = ''): string {
  return `${name.replaceAll('.', '_')}${unit === 's' ? '_seconds' : ''}${end}`
}

function labelsOf(attributes: Readonly<Record<string, unknown>> = {}): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name.replaceAll('.', '_')}="${escapeLabel(String(value))}"`)
    .join(',')
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function addTo(values: Map<string, number>, labels: string, value: number): void {
  values.set(labels, (values.get(labels) ?? 0) + value)
}

function linesOf(name: string, values: ReadonlyMap<string, number>): readonly string[] {
  return [...values].map(([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}`)
}

function histogramLines(
  name: string,
  labels: string,
  bounds: readonly number[],
  { counts, count, sum }: HistogramValues,
): readonly string[] {
  const before = labels === '' ? '' : `${labels},`
  let below = 0
  const buckets = bounds.map((bound, index) => {
    below += counts[index] ?? 0
    return `${name}_bucket{${before}le="${bound}"} ${below}`
  })
  const of = labels === '' ? '' : `{${labels}}`
  return [
    ...buckets,
    `${name}_bucket{${before}le="+Inf"} ${count}`,
    `${name}_sum${of} ${sum}`,
    `${name}_count${of} ${count}`,
  ]
}
