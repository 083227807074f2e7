import { type IpldValue, isBytes, isList, isMap } from '../../ipld/value.ts'

/** Says in a few words what a value is: numbers and booleans as they are, of anything else the kind and size. */
export function showValue(value: IpldValue): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (typeof value === 'string') return `text of ${count(value.length, 'character')}`
  if (isBytes(value)) return count(value.length, 'byte')
  if (isList(value)) return `a list of ${count(value.length, 'element')}`
  return isMap(value) ? `a map of ${count(Object.keys(value).length, 'key')}` : 'a link'
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
