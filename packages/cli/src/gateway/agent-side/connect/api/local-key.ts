// node only: reads and writes files
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import { ArgumentError } from 'procura/errors'
import { createPrivateFile, readPrivateFile } from '#support/private-file.ts'
import { quote } from '#support/quote.ts'

/** The path of the key in the folder of an agent. */
export function localKeyPath(agent: string): string {
  return join(agent, 'local.key')
}

/**
 * Reads the key with which clients of this machine use the listener of an agent. It is made if it is missing. CON-21
 */
export async function localKey(agent: string): Promise<string> {
  const path = localKeyPath(agent)
  const known = await readKey(path)
  if (known !== undefined) return known
  const made = randomBytes(32).toString('base64url')
  try {
    await createPrivateFile(path, Buffer.from(`${made}\n`))
    return made
  } catch (error) {
    // Another process has made it in the meantime.
    const other = await readKey(path)
    if (other !== undefined) return other
    throw error
  }
}

/** Whether a text has the form of a key of 256 bits. */
export function isLocalKey(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text)
}

async function readKey(path: string): Promise<string | undefined> {
  const file = await readPrivateFile(path, { timeoutMs: 10_000 })
  if (file === undefined || file === 'unchanged') return undefined
  const key = Buffer.from(file.bytes).toString('latin1').trim()
  if (isLocalKey(key)) return key
  throw new ArgumentError(`${quote(path, 256)} does not contain a key; remove it, and a new one is made`)
}

/**
 * Whether the value of a header contains the key: whole, behind a scheme (`Bearer KEY`), or as a part of `Basic`. The
 * key is in no other place, such as the query, which clients log.
 */
export function containsKey(value: string, key: string): boolean {
  const [, scheme = '', rest = ''] = /^([A-Za-z]{1,20}) +(\S+)$/.exec(value.trim()) ?? []
  if (isEqual(value.trim(), key)) return true
  if (scheme === '') return false
  if (isEqual(rest, key)) return true
  if (scheme.toLowerCase() !== 'basic') return false
  const pair = Buffer.from(rest, 'base64').toString('latin1')
  const colon = pair.indexOf(':')
  return colon >= 0 && (isEqual(pair.slice(0, colon), key) || isEqual(pair.slice(colon + 1), key))
}

/** In a time that does not depend on the place of the first difference. */
function isEqual(given: string, key: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(key)]
  return one.length === other.length && timingSafeEqual(one, other)
}
