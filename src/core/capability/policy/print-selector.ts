import { ArgumentError } from '../../../errors.ts'
import type { Selector, SelectorSegment } from './selector.ts'

/**
 * Prints a selector in its shortest form. `parseSelector` parses it to an equal selector.
 *
 * @throws ArgumentError when `selector` is not a list of segments.
 */
export function printSelector(selector: Selector): string {
  if (!Array.isArray(selector) || !selector.every(isSegment)) {
    throw new ArgumentError('printSelector: `selector` must be a list of segments, as parseSelector returns it')
  }
  if (selector.length === 0) return '.'
  let text = ''
  for (const segment of selector) text += printSegment(segment, text === '')
  return text
}

function isSegment(segment: SelectorSegment | null | undefined): segment is SelectorSegment {
  switch (segment?.kind) {
    case 'field':
      return typeof segment.name === 'string'
    case 'index':
      return Number.isSafeInteger(segment.index)
    case 'slice':
      return [segment.start, segment.end].every((bound) => bound === undefined || Number.isSafeInteger(bound))
    default:
      return segment?.kind === 'values'
  }
}

function printSegment(segment: SelectorSegment, first: boolean): string {
  const optional = segment.optional ? '?' : ''
  const dot = first ? '.' : ''
  switch (segment.kind) {
    case 'field':
      if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(segment.name)) return `.${segment.name}${optional}`
      return `${dot}[${JSON.stringify(segment.name)}]${optional}`
    case 'index':
      return `${dot}[${segment.index}]${optional}`
    case 'slice':
      return `${dot}[${segment.start ?? ''}:${segment.end ?? ''}]${optional}`
    case 'values':
      return `${dot}[]${optional}`
  }
}
