import { readFileSync } from 'node:fs'
import { root } from '../setup/entries.ts'

interface Attribute {
  readonly type: string
  readonly requirement: 'required' | 'recommended' | 'optional'
  readonly array?: true
  readonly profile?: string
  readonly sibling?: string
  readonly deprecated?: true
  readonly enum?: Readonly<Record<string, string>>
}

interface Shape {
  readonly constraints?: Readonly<Record<string, readonly string[]>>
  readonly attributes: Readonly<Record<string, Attribute>>
}

interface Scalar {
  readonly type?: string
  readonly regex?: string
  readonly max_len?: number
  readonly range?: readonly [number, number]
}

interface Schema {
  readonly class: Shape & { readonly category_uid: number; readonly class_uid: number }
  readonly profiles: readonly string[]
  readonly types: Readonly<Record<string, Scalar>>
  readonly objects: Readonly<Record<string, Shape>>
}

type Fields = Readonly<Record<string, unknown>>

const schema = JSON.parse(readFileSync(`${root}test/fixtures/ocsf/api-activity.json`, 'utf8')) as Schema

/**
 * Finds the faults of an event of the class API Activity, by the compiled schema. Attributes can be missing, unknown,
 * deprecated, or of another profile or type. Numbers can be outside their enumeration, and captions can differ from
 * their number. Constraints can be violated, and identifiers can contradict each other.
 */
export function faultsOfApiActivity(event: unknown): readonly string[] {
  if (!isObject(event)) return ['it is no object']
  const { metadata, activity_id, type_uid, category_uid, class_uid } = event
  const profiles = isObject(metadata) && Array.isArray(metadata['profiles']) ? metadata['profiles'].map(String) : []
  const faults = [...faultsOf(event, schema.class, new Set(profiles), '')]
  for (const profile of profiles) if (!schema.profiles.includes(profile)) faults.push(`no profile ${profile}`)
  if (category_uid !== schema.class.category_uid || class_uid !== schema.class.class_uid) faults.push('another class')
  if (type_uid !== schema.class.class_uid * 100 + Number(activity_id)) faults.push('type_uid does not fit activity_id')
  return faults
}

function* faultsOf(fields: Fields, shape: Shape, profiles: ReadonlySet<string>, path: string): Generator<string> {
  const applies = ({ profile }: Attribute): boolean => profile === undefined || profiles.has(profile)
  for (const [name, attribute] of Object.entries(shape.attributes)) {
    if (attribute.requirement === 'required' && applies(attribute) && !Object.hasOwn(fields, name))
      yield `${path}${name} is missing`
  }
  for (const [name, value] of Object.entries(fields)) {
    const attribute = Object.hasOwn(shape.attributes, name) ? shape.attributes[name] : undefined
    if (attribute === undefined || !applies(attribute)) yield `${path}${name} is unknown`
    else if (attribute.deprecated) yield `${path}${name} is deprecated`
    else yield* faultsOfAttribute(value, attribute, fields, profiles, `${path}${name}`)
  }
  for (const [rule, names] of Object.entries(shape.constraints ?? {})) {
    const present = names.filter((name) => Object.hasOwn(fields, name)).length
    if (rule === 'at_least_one' ? present === 0 : present !== 1) yield `${path} keeps no ${rule} of ${names.join()}`
  }
}

function* faultsOfAttribute(
  value: unknown,
  attribute: Attribute,
  beside: Fields,
  profiles: ReadonlySet<string>,
  path: string,
): Generator<string> {
  if (attribute.array) {
    if (!Array.isArray(value)) yield `${path} is no list`
    else for (const item of value) yield* faultsOfValue(item, attribute, profiles, path)
    return
  }
  yield* faultsOfValue(value, attribute, profiles, path)
  const { enum: choices, sibling } = attribute
  // Identifiers of class and category are enumerated in their definitions, and were compared above.
  if (choices === undefined || /(?:class|category|type)_uid$/.test(path)) return
  const caption = choices[String(value)]
  if (caption === undefined) yield `${path} has ${String(value)}`
  const told = sibling === undefined ? undefined : beside[sibling]
  if (value === 99 && told === undefined) yield `${path} is 99, and ${sibling} does not say what`
  if (value !== 99 && told !== undefined && told !== caption) yield `${path} is ${caption}, ${sibling} ${String(told)}`
}

function* faultsOfValue(
  value: unknown,
  { type }: Attribute,
  profiles: ReadonlySet<string>,
  path: string,
): Generator<string> {
  const scalar = schema.types[type]
  if (scalar !== undefined) {
    if (!isOfScalar(value, type, scalar)) yield `${path} is no ${type}`
  } else if (!isObject(value)) yield `${path} is no object`
  // `object` has no attributes in the schema: it accepts all.
  else if (type !== 'object') yield* faultsOf(value, schema.objects[type] as Shape, profiles, `${path}.`)
}

function isOfScalar(value: unknown, name: string, { type = name, regex, max_len, range }: Scalar): boolean {
  switch (type) {
    case 'boolean_t':
      return typeof value === 'boolean'
    case 'integer_t':
    case 'long_t':
      return Number.isSafeInteger(value) && (range === undefined || within(Number(value), range))
    case 'float_t':
      return Number.isFinite(value)
    case 'json_t':
      return true
    case 'string_t':
      return (
        typeof value === 'string' &&
        value.length <= (max_len ?? Number.POSITIVE_INFINITY) &&
        (regex === undefined || new RegExp(regex).test(value))
      )
    default:
      return false
  }
}

function within(value: number, [least, most]: readonly [number, number]): boolean {
  return value >= least && value <= most
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
