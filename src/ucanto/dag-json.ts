import { encodeBase64 } from '../ipld/base.ts'
import { type IpldMap, type IpldValue, isBytes, isCid, isList } from '../ipld/value.ts'

/**
 * Writes a value in DAG-JSON as the libraries of that ecosystem do: keys in the order of their UTF-16 units, a float
 * with a point, bytes and links as maps with the key `/`. Two values that differ have two texts, if no map in them has
 * that key.
 */
export function dagJson(value: IpldValue): string {
  if (typeof value === 'number') return numberText(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isBytes(value)) return `{"/":{"bytes":"${encodeBase64(value).replaceAll('=', '')}"}}`
  if (isList(value)) return `[${value.map(dagJson).join(',')}]`
  if (isCid(value)) return `{"/":"${value.toString()}"}`
  return mapText(value)
}

function mapText(map: IpldMap): string {
  const entries = Object.keys(map)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${dagJson(map[key] as IpldValue)}`)
  return `{${entries.join(',')}}`
}

function numberText(value: number): string {
  const text = String(value)
  return Number.isSafeInteger(value) || /[.e]/.test(text) ? text : `${text}.0`
}
