// node only: uses Buffer
import { CID } from 'multiformats/cid'
import type { IpldMap } from 'procura'

/** Turns a value of a token into JSON data, with bytes and links as in DAG-JSON. */
export function plainValue(value: unknown): unknown {
  if (value instanceof Uint8Array) return { '/': { bytes: Buffer.from(value).toString('base64').replace(/=+$/, '') } }
  const link = CID.asCID(value)
  if (link !== null) return { '/': link.toString() }
  if (Array.isArray(value)) return value.map(plainValue)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plainValue(item)]))
}

/** Shows arguments, one line for each. Long values are cut. */
export function showArguments(args: IpldMap): readonly string[] {
  return Object.entries(args).map(([name, value]) => {
    const text = JSON.stringify(plainValue(value))
    return `${name} = ${text.length > 200 ? `${text.slice(0, 200)}… (${text.length} characters)` : text}`
  })
}
