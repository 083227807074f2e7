/**
 * Rich authorization requests (RFC 9396), filled with the signed arguments of a call.
 *
 * @module
 */

import { type Command, commandCovers, parseCommand } from '../../../core/capability/command.ts'
import type { IpldValue } from '../../../core/ipld/value.ts'
import { VaultError } from '../../../errors.ts'
import { canonicalJson } from '../../../support/canonical-json.ts'
import { nonEmptyString, type OptionCheck, objectValue } from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import type { PlainValue } from '../../processor.ts'

/**
 * Objects with a `type`, as the authorization server defines them. A string `{name}` is replaced by the argument of
 * that name. Within a longer string, `{name}` is replaced by an argument of plain characters.
 */
export type AuthorizationDetails = readonly { readonly type: string; readonly [field: string]: PlainValue }[]

/** Most levels of objects and arrays in a detail. */
const maxLevels = 16

/**
 * An item of {@link AuthorizationDetails}. A missing value is refused: JSON omits it, and the detail would then request
 * more.
 */
export const detailCheck: OptionCheck = (value) => {
  if (objectValue(value) !== undefined || nonEmptyString(Reflect.get(value as object, 'type')) !== undefined) {
    return 'must be an object with a `type`, which is a non-empty string'
  }
  return isPlain(value, maxLevels)
    ? undefined
    : `must contain only strings, finite numbers, booleans, and at most ${maxLevels} levels of arrays and objects of them`
}

function isPlain(value: unknown, levels: number): boolean {
  if (typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (levels === 0 || typeof value !== 'object' || value === null) return false
  return Object.values(value).every((part) => isPlain(part, levels - 1))
}

/**
 * Returns the details of the longest command that covers a call, as JSON.
 *
 * @throws VaultError `ERR_VAULT_DOWNSCOPE` when no command covers the call, or an argument cannot be inserted.
 */
export function authorizationDetailsFor(
  table: Readonly<Record<string, AuthorizationDetails>>,
  command: Command,
  args: { readonly [name: string]: IpldValue },
): string {
  const covering = Object.keys(table)
    .map((text) => parseCommand(text))
    .filter((candidate) => commandCovers(candidate, command))
    .sort((a, b) => b.length - a.length)[0]
  if (covering === undefined)
    throw refused(`no authorization details are configured for ${quote(command)}; add them to \`authorizationDetails\``)
  return JSON.stringify((table[covering] ?? []).map((entry) => fill(entry, args)))
}

/**
 * Refuses a token with a detail that was not requested. A server must report the granted details (RFC 9396, section 7);
 * a response without them is refused.
 *
 * @throws VaultError `ERR_VAULT_DOWNSCOPE`.
 */
export function checkGrantedDetails(requested: string | undefined, granted: unknown): void {
  if (requested === undefined) return
  const wanted = new Set((JSON.parse(requested) as readonly unknown[]).map(canonicalJson))
  // VLT-40
  if (!Array.isArray(granted) || granted.length === 0 || !granted.every((entry) => wanted.has(canonicalJson(entry)))) {
    throw refused('the token endpoint granted authorization details other than the requested ones')
  }
}

function fill(value: PlainValue, args: { readonly [name: string]: IpldValue }): PlainValue {
  if (typeof value === 'string') return fillText(value, args)
  if (typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map((item: PlainValue) => fill(item, args))
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fill(item as PlainValue, args)]))
}

function fillText(text: string, args: { readonly [name: string]: IpldValue }): PlainValue {
  const whole = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(text)?.[1]
  if (whole !== undefined) return scalar(whole, args)
  return text.replace(/\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_match, name: string) => {
    const value = String(scalar(name, args))
    if (!/^[A-Za-z0-9_~.-]+$/.test(value) || value === '.' || value === '..') {
      throw refused(
        `argument ${quote(name)} has characters with a special meaning, and the authorization details use it within a text`,
      )
    }
    return value
  })
}

function scalar(name: string, args: { readonly [name: string]: IpldValue }): string | number | boolean {
  const value = Object.hasOwn(args, name) ? args[name] : undefined
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  throw refused(
    `argument ${quote(name)} must be a string, a number or a boolean, because the authorization details use it`,
  )
}

function refused(message: string): VaultError {
  return new VaultError('ERR_VAULT_DOWNSCOPE', message)
}
