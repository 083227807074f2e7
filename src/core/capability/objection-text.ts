import { quote } from '../../support/quote.ts'
import type { ArgumentObjection } from './check-arguments.ts'

/** The fault of an argument, for people; without the value. */
export function objectionText({
  argument,
  reason,
  issue,
}: Pick<ArgumentObjection, 'argument' | 'reason' | 'issue'>): string {
  return `argument ${quote(argument)} ${issue ?? faults[reason]}`
}

const faults: Readonly<Record<ArgumentObjection['reason'], string>> = Object.freeze({
  undeclared: 'is not declared',
  missing: 'is missing',
  invalid: 'does not match its schema',
  transformed: 'is changed by its schema',
})
