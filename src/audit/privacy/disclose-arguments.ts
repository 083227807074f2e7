import { type IpldMap, type IpldValue, isBytes, isCid, isList } from '../../ipld/value.ts'
import { arrayOf, type OptionCheck, objectValue, readOptions } from '../../support/options.ts'

/**
 * The arguments that may stand in the log in clear: those on the list, and nothing else. PRV-02
 *
 * @param names - for one command, from the configuration of the service: `['amount', 'to.domain']`. A dot leads into a
 * map. A name that is not there, or leads into something else than a map, is left out.
 * @throws ArgumentError when these are no arguments, or no names.
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
