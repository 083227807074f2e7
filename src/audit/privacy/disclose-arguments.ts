import { type IpldMap, type IpldValue, isBytes, isCid, isList } from '../../core/ipld/value.ts'
import { arrayOf, type OptionCheck, objectValue, readOptions } from '../../support/options.ts'

/**
 * Returns the arguments that may be recorded in clear: those on the list alone. PRV-02
 *
 * @param names - the list for one command: `['amount', 'to.domain']`. A dot leads into a map. A name without a value is
 *   omitted.
 * @throws ArgumentError when `args` is not an object, or `names` is not an array of strings.
 */
export function discloseArguments(args: IpldMap, names: readonly string[]): IpldMap {
  readOptions('discloseArguments', { args, names }, { args: objectValue, names: arrayOf(nameCheck) })
  const shown = Object.create(null) as { [key: string]: IpldValue }
  for (const name of names) {
    const value = valueAt(args, name.split('.'))
    if (value !== undefined) shown[name] = value
  }
  return Object.freeze(shown)
}

function valueAt(args: IpldMap, path: readonly string[]): IpldValue | undefined {
  let value: IpldValue = args
  for (const key of path) {
    if (typeof value !== 'object' || value === null || isBytes(value) || isCid(value) || isList(value)) return undefined
    if (!Object.hasOwn(value, key)) return undefined
    value = (value as IpldMap)[key] as IpldValue
  }
  return value
}

const nameCheck: OptionCheck = (value) => (typeof value === 'string' ? undefined : 'must be a string')
