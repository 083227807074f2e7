import { quote } from '../../errors.ts'
import { type IpldValue, isBytes, isList } from '../../ipld/value.ts'
import { isMap } from './collection.ts'

/**
 * How much of a value is shown. `full`: text up to 64 characters, the kind and size of what is larger. `brief`: numbers
 * and booleans, of text and bytes only the kind and size. `type`: kinds only.
 */
export type ValueDetail = 'full' | 'brief' | 'type'

/** Says in a few words what a value is. The result is bounded, whatever the value. */
export function showValue(value: IpldValue, detail: ValueDetail): string {
  if (value === null) return 'null'
  switch (typeof value) {
    case 'boolean':
      return detail === 'type' ? 'a boolean' : String(value)
    case 'number':
      return detail === 'type' ? 'a number' : String(value)
    case 'string':
      if (detail === 'type') return 'text'
      return detail === 'full' ? quote(value) : `text of ${count(value.length, 'character')}`
  }
  if (isBytes(value)) return detail === 'type' ? 'bytes' : count(value.length, 'byte')
  if (isList(value)) return detail === 'type' ? 'a list' : `a list of ${count(value.length, 'element')}`
  if (isMap(value)) return detail === 'type' ? 'a map' : `a map of ${count(Object.keys(value).length, 'key')}`
  return detail === 'full' ? `the link ${quote(String(value))}` : 'a link'
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
