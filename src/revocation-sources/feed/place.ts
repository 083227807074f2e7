import type { Place } from './head-watch.ts'

/** Shows a place as the id of an event. */
export function showPlace({ journal, sequence }: Place): string {
  return `${journal}:${sequence}`
}

/** Reads a place; undefined for any other text. */
export function parsePlace(text: string | null | undefined): Place | undefined {
  const [, journal, digits] = /^([0-9a-f.-]{1,80}):(\d{1,15})$/.exec(text ?? '') ?? []
  return journal === undefined ? undefined : { journal, sequence: Number(digits) }
}
