/**
 * Reads the JSON Schema of a tool as argument types.
 *
 * @module
 */

import { boolean, integer, number, oneOf, optional, text } from '../../core/capability/argument-types/basic.ts'
import { email } from '../../core/capability/argument-types/email.ts'
import { hostName } from '../../core/capability/argument-types/host-name.ts'
import { ipAddress } from '../../core/capability/argument-types/ip-address.ts'
import { listOf } from '../../core/capability/argument-types/list-of.ts'
import { url } from '../../core/capability/argument-types/url.ts'
import type { CommandDefinition } from '../../core/capability/definition.ts'
import type { StandardSchema } from '../../core/capability/standard-schema.ts'
import { ArgumentError } from '../../errors.ts'
import { objectValue } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { anyJson, anyOf, mapOf, objectOf } from './value-types.ts'

type Schema = Readonly<Record<string, unknown>>

/** How a schema is read. */
export interface SchemaReading {
  /** The whole schema, for references. */
  readonly root: unknown
  /** Whether a part that is not understood is any value of JSON, instead of an error. */
  readonly isLenient: boolean
  /** The parts that were read. Each reference counts anew, so that a small schema cannot become a huge one. */
  parts: number
}

/** Most parts of a schema, with its references replaced. */
const maxParts = 2_000

/** Deepest nesting of a schema, with its references replaced. */
const maxDepth = 32

/** A part of a schema that is not understood. */
class UnsupportedPart extends ArgumentError {}

/** The arguments of a schema of the whole, and the type of those that it permits without a name. */
export interface ReadArguments {
  readonly args: CommandDefinition['args']
  readonly others: StandardSchema | undefined
}

/** Keywords that have no influence on validity. An absent argument gets no default before it is decided about. */
const annotations: ReadonlySet<string> = new Set([
  ...['$comment', '$defs', '$id', '$schema', 'default', 'definitions', 'deprecated', 'description', 'examples'],
  ...['readOnly', 'title', 'writeOnly'],
])

/** Keywords by which another part of a schema can name further properties. */
const applicators = ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else', 'dependentSchemas', '$ref', '$dynamicRef']

/**
 * Reads an object as arguments. MCP-17: without a permission for others it is closed, so that none escapes the
 * policies.
 */
export function readObject(
  reading: SchemaReading,
  given: unknown,
  place: string,
  depth: number,
  types: CommandDefinition['args'] = {},
): ReadArguments {
  const { properties, required, additionalProperties, schema } = partsOf(reading, given, place)
  const entries = Object.entries(properties).filter(([name]) => !reading.isLenient || name !== '__proto__')
  const more = reading.isLenient ? namesBeside(reading, schema, 0) : []
  const unnamed = [...more, ...required].filter((name) => !entries.some(([known]) => known === name))
  const stray = unnamed[0]
  if (stray !== undefined && !reading.isLenient)
    throw unsupported(
      place,
      `a required argument ${typeof stray === 'string' ? quote(stray) : `that is a ${typeof stray}`} without a schema`,
    )
  // A foreign schema can list any value as a name; only a string can be one.
  const names = unnamed.filter((name) => typeof name === 'string' && name !== '__proto__')
  const all = [...entries, ...names.map((name) => [name as string, {}] as const)]
  const args = all.map(([name, part]) => {
    const own = Object.hasOwn(types, name) ? types[name] : undefined
    const read = own ?? readPart(reading, part, `${quote(name)} in ${place}`, depth + 1)
    return [name, required.includes(name) ? read : optional(read)] as const
  })
  const isOpen = reading.isLenient && Object.hasOwn(schema, 'patternProperties')
  return {
    args: Object.fromEntries(args),
    others: isOpen ? anyJson() : othersOf(reading, additionalProperties, place, depth),
  }
}

interface ObjectParts {
  readonly schema: Schema
  readonly properties: Schema
  readonly required: readonly unknown[]
  readonly additionalProperties: unknown
}

/** The parts of the schema of an object. A lenient reading takes a malformed part for an absent one. */
function partsOf(reading: SchemaReading, given: unknown, place: string): ObjectParts {
  const { isLenient } = reading
  const known = ['type', 'properties', 'required', 'additionalProperties', 'propertyNames']
  const schema = isLenient && objectValue(given) !== undefined ? {} : keywordsOf(reading, given, place, known)
  const { type, properties = {}, required = [], additionalProperties = false, propertyNames = {} } = schema
  const isObject = objectValue(properties) === undefined
  if (!isLenient) {
    if (type !== 'object') throw unsupported(place, '`type` other than `object`')
    if (!isObject || !Array.isArray(required)) throw unsupported(place, 'malformed `properties` or `required`')
    if (Object.keys(Object(propertyNames)).some((name) => name !== 'type')) throw unsupported(place, '`propertyNames`')
  }
  return {
    schema,
    properties: isObject ? (properties as Schema) : {},
    required: Array.isArray(required) ? required : [],
    additionalProperties,
  }
}

function othersOf(reading: SchemaReading, given: unknown, place: string, depth: number): StandardSchema | undefined {
  if (given === false) return undefined
  const of = `additional properties of ${place}`
  if (given !== true && objectValue(given) === undefined) return readPart(reading, given, of, depth + 1)
  if (reading.isLenient) return anyJson()
  throw unsupported(place, '`additionalProperties` without a type')
}

/** Names of properties in the parts of a composed schema. */
function namesBeside(reading: SchemaReading, schema: Schema, depth: number): readonly string[] {
  if (depth > maxDepth || !countPart(reading)) return []
  const parts = applicators.flatMap((keyword) => {
    const part = Object.hasOwn(schema, keyword) ? schema[keyword] : []
    if (keyword === '$ref') return typeof part === 'string' ? [resolve(reading.root, part)] : []
    return Array.isArray(part) ? part : keyword === 'dependentSchemas' ? Object.values(Object(part)) : [part]
  })
  return parts.flatMap((part) => {
    if (objectValue(part) !== undefined) return []
    const { properties } = part as Schema
    const own = objectValue(properties) === undefined ? Object.keys(properties as object) : []
    return [...own, ...namesBeside(reading, part as Schema, depth + 1)]
  })
}

/** Reads a part. MCP-29: where it is not understood, a lenient reading takes any value of JSON. */
function readPart(reading: SchemaReading, given: unknown, place: string, depth: number): StandardSchema {
  try {
    if (depth > maxDepth || !countPart(reading)) throw unsupported(place, 'too many parts, or parts too deep')
    return readValue(reading, given, place, depth)
  } catch (error) {
    if (reading.isLenient && error instanceof ArgumentError) return anyJson()
    throw error
  }
}

function countPart(reading: SchemaReading): boolean {
  reading.parts += 1
  return reading.parts <= maxParts
}

function readValue(reading: SchemaReading, given: unknown, place: string, depth: number): StandardSchema {
  const { type, enum: listed, const: only, anyOf: any, oneOf: one, $ref, nullable } = Object(given) as Schema
  if (nullable === true) {
    const { nullable: _, ...rest } = given as Schema
    return anyOf([readPart(reading, rest, place, depth), oneOf([null])])
  }
  if (typeof $ref === 'string') {
    keywordsOf(reading, given, place, ['$ref'])
    const target = resolve(reading.root, $ref)
    if (target === undefined) throw unsupported(place, `the reference ${quote($ref)}`)
    return readPart(reading, target, place, depth + 1)
  }
  if (listed !== undefined || only !== undefined) {
    keywordsOf(reading, given, place, ['type', 'enum', 'const'])
    return oneOf((listed ?? [only]) as readonly string[])
  }
  const alternatives = any ?? (reading.isLenient ? one : undefined)
  if (Array.isArray(alternatives) && alternatives.length > 0) {
    // With a type beside them the parts may have none of their own.
    keywordsOf(reading, given, place, ['anyOf'])
    return anyOf(alternatives.map((part) => readPart(reading, part, place, depth + 1)))
  }
  if (Array.isArray(type) && type.length > 0) {
    return anyOf(type.map((name) => readPart(reading, withType(given as Schema, name), place, depth + 1)))
  }
  return readTyped(reading, given, place, depth)
}

/** The keywords of a schema with several types that concern one of them. Each keyword concerns one type. */
function withType(schema: Schema, type: unknown): Schema {
  const isFor = (keyword: string): boolean =>
    !concerns.has(keyword) || concerns.get(keyword) === (type === 'integer' ? 'number' : type)
  return { ...Object.fromEntries(Object.entries(schema).filter(([keyword]) => isFor(keyword))), type }
}

const concerns: ReadonlyMap<string, string> = new Map(
  Object.entries({
    string: 'minLength maxLength format pattern',
    number: 'minimum maximum exclusiveMinimum exclusiveMaximum multipleOf',
    array: 'items minItems maxItems uniqueItems prefixItems contains',
    object: 'properties required additionalProperties propertyNames patternProperties minProperties maxProperties',
  }).flatMap(([type, keywords]) => keywords.split(' ').map((keyword) => [keyword, type] as const)),
)

function readTyped(reading: SchemaReading, given: unknown, place: string, depth: number): StandardSchema {
  const { type } = Object(given) as Schema
  if (type === 'string') return readText(reading, given, place)
  if (type === 'boolean' || type === 'null') {
    keywordsOf(reading, given, place, ['type'])
    return type === 'null' ? oneOf([null]) : boolean()
  }
  if (type === 'integer' || type === 'number') {
    const { minimum: min, maximum: max } = keywordsOf(reading, given, place, ['type', 'minimum', 'maximum'])
    const bounds = {
      ...(min !== undefined && { min: min as number }),
      ...(max !== undefined && { max: max as number }),
    }
    return type === 'integer' ? integer(bounds) : number(bounds)
  }
  if (type === 'array') {
    const known = ['type', 'items', 'minItems', 'maxItems']
    const { items, minItems, maxItems } = keywordsOf(reading, given, place, known)
    return listOf(readPart(reading, items, `the items of ${place}`, depth + 1), lengths(minItems, maxItems))
  }
  if (type === 'object') return readNested(reading, given, place, depth)
  throw unsupported(place, type === undefined ? 'no `type`' : '`type` in this form')
}

function readNested(reading: SchemaReading, given: unknown, place: string, depth: number): StandardSchema {
  const schema = Object(given) as Schema
  const isComposed = applicators.some((keyword) => Object.hasOwn(schema, keyword))
  const hasNames = ['properties', 'additionalProperties'].some((keyword) => Object.hasOwn(schema, keyword))
  // An object whose schema names no property is a map with any values.
  if (reading.isLenient && (isComposed || !hasNames)) return mapOf(anyJson())
  const { args, others } = readObject(reading, given, place, depth)
  return others !== undefined && Object.keys(args).length === 0 ? mapOf(others) : objectOf(args, others)
}

/** The formats that have an argument type: such strings have one spelling. MCP-18 */
const formats: ReadonlyMap<unknown, () => StandardSchema> = new Map<unknown, () => StandardSchema>([
  ['email', () => email()],
  ['hostname', () => hostName()],
  ['ipv4', () => ipAddress({ version: 4 })],
  ['ipv6', () => ipAddress({ version: 6 })],
  ['uri', () => url({ schemes: ['http', 'https'] })],
])

function readText(reading: SchemaReading, given: unknown, place: string): StandardSchema {
  const { format } = Object(given) as Schema
  const { minLength, maxLength } = keywordsOf(reading, given, place, [
    ...['type', 'minLength', 'maxLength', 'format'],
    // The pattern of a known format describes the same strings, for validators that do not know the format.
    ...(formats.has(format) ? ['pattern'] : []),
  ])
  const known = formats.get(format)
  if (known !== undefined) return known()
  if (format === undefined || reading.isLenient) return text(lengths(minLength, maxLength))
  throw unsupported(place, `the format ${quote(String(format))}`)
}

/** Lengths of a string. Without `maxLength`, only the token bounds it. */
function lengths(least: unknown, most: unknown): { readonly minLength?: number; readonly maxLength: number } {
  return {
    ...(least !== undefined && { minLength: least as number }),
    maxLength: (most ?? Number.POSITIVE_INFINITY) as number,
  }
}

/** The target of a reference within the schema, by the names of its path. */
function resolve(root: unknown, reference: string): unknown {
  if (reference !== '#' && !reference.startsWith('#/')) return undefined
  let part = root
  for (const escaped of reference.split('/').slice(1)) {
    const name = escaped.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof part !== 'object' || part === null || !Object.hasOwn(part, name)) return undefined
    part = (part as Schema)[name]
  }
  return part
}

/** A schema whose keywords are all understood. Keywords that only restrict are ignored by a lenient reading. */
function keywordsOf(reading: SchemaReading, given: unknown, place: string, known: readonly string[]): Schema {
  if (objectValue(given) !== undefined) throw unsupported(place, 'a schema that is not an object')
  const isKnown = (name: string): boolean => known.includes(name) || annotations.has(name) || name.startsWith('x-')
  const unknown = Object.keys(given as Schema).find((name) => !isKnown(name))
  if (unknown !== undefined && !reading.isLenient) throw unsupported(place, quote(unknown))
  return given as Schema
}

function unsupported(place: string, found: string): UnsupportedPart {
  return new UnsupportedPart(
    `commandOfTool: ${place} has ${found}, which is not supported; pass a type for the argument in \`types\`, or define the command with defineCommand`,
  )
}
