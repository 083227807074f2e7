// node only: reads a git repository, writes a fixture

/**
 * `tsx test/tools/ocsf-schema.ts <git directory of ocsf/ocsf-schema> <commit>`: compiles the class API Activity and
 * every object it reaches, with inheritance and profiles resolved, into `test/fixtures/ocsf/api-activity.json`.
 * Extensions of the schema are left out.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { root } from '../setup/entries.ts'

/** An attribute as the sources have it. */
interface Attribute {
  readonly type?: string
  readonly is_array?: boolean
  readonly requirement?: string
  readonly sibling?: string
  readonly profile?: string | null
  readonly enum?: Readonly<Record<string, { readonly caption: string }>>
  readonly '@deprecated'?: unknown
}

/** A file of the sources: a class, an object or a profile. */
interface Source {
  readonly name: string
  readonly caption: string
  readonly extends?: string
  readonly uid?: number
  readonly annotations?: Attribute
  readonly profiles?: readonly string[]
  readonly constraints?: Readonly<Record<string, readonly string[]>>
  readonly attributes: Readonly<Record<string, Attribute>> & { readonly $include?: readonly string[] }
}

interface Shape {
  readonly attributes: Readonly<Record<string, Attribute>>
  readonly constraints: Readonly<Record<string, readonly string[]>>
  readonly profiles: readonly string[]
}

const [repository = '', commit = ''] = process.argv.slice(2)
const paths = git('ls-tree', '-r', '--name-only', commit).split('\n')
const dictionary = read<{
  readonly attributes: Readonly<Record<string, Attribute>>
  readonly types: { readonly attributes: Readonly<Record<string, ScalarType>> }
}>('dictionary.json')

interface ScalarType {
  readonly type?: string
  readonly regex?: string
  readonly max_len?: number
  readonly range?: readonly number[]
}

/** A class and an object can have the same name. */
const [classes, kinds] = [sourcesIn('events/'), sourcesIn('objects/')]
const event = resolve('api_activity', classes)
const objects: Record<string, unknown> = {}
const waiting = [...objectsIn(event)]
for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
  if (Object.hasOwn(objects, name)) continue
  const shape = resolve(name, kinds)
  objects[name] = brief(shape)
  waiting.push(...objectsIn(shape))
}
const sorted = Object.fromEntries(Object.entries(objects).sort(([a], [b]) => (a < b ? -1 : 1)))
const scalars = Object.fromEntries(
  Object.entries(dictionary.types.attributes).map(([name, { type, regex, max_len, range }]) => [
    name,
    { ...(type && { type }), ...(regex && { regex }), ...(max_len && { max_len }), ...(range && { range }) },
  ]),
)
const fixture = {
  version: read<{ readonly version: string }>('version.json').version,
  commit,
  class: { category_uid: 6, class_uid: 6003, ...brief(event) },
  profiles: event.profiles,
  types: scalars,
  objects: sorted,
}
writeFileSync(`${root}test/fixtures/ocsf/api-activity.json`, `${linesOf(fixture)}\n`)

/** A class or object with everything it inherits and includes. */
function resolve(name: string, known: ReadonlyMap<string, Source>): Shape {
  const source = known.get(name)
  if (source === undefined) throw new Error(`the schema has no ${name}`)
  const base = source.extends === undefined ? undefined : resolve(source.extends, known)
  const attributes = new Map<string, Attribute>(Object.entries(base?.attributes ?? {}))
  const { $include = [], ...own } = source.attributes
  for (const path of $include) {
    const profile = read<Source>(path)
    for (const [key, attribute] of Object.entries(profile.attributes)) {
      attributes.set(key, { ...attributes.get(key), ...profile.annotations, ...attribute, profile: profile.name })
    }
  }
  for (const [key, attribute] of Object.entries(own)) {
    const before = attributes.get(key)
    attributes.set(key, { ...before, ...attribute, enum: { ...before?.enum, ...attribute.enum } })
  }
  for (const [key, attribute] of attributes) {
    const listed = dictionary.attributes[key]
    if (listed === undefined) throw new Error(`the dictionary has no ${key}`)
    attributes.set(key, { ...listed, ...attribute, enum: { ...listed.enum, ...attribute.enum } })
  }
  return {
    attributes: Object.fromEntries(attributes),
    constraints: source.constraints ?? base?.constraints ?? {},
    profiles: [...(base?.profiles ?? []), ...(source.profiles ?? [])],
  }
}

function sourcesIn(folder: string): ReadonlyMap<string, Source> {
  const found = paths.filter((path) => path.startsWith(folder) && path.endsWith('.json'))
  return new Map(found.map((path) => read<Source>(path)).map((source) => [source.name, source]))
}

function objectsIn({ attributes }: Shape): string[] {
  return Object.values(attributes).flatMap(({ type = '' }) => (type in dictionary.types.attributes ? [] : [type]))
}

/** The parts of it that a validator needs, without the texts. */
function brief({ attributes, constraints }: Shape): object {
  const entries = Object.entries(attributes).map(([name, attribute]) => {
    const choices = Object.entries(attribute.enum ?? {}).map(([value, { caption }]) => [value, caption])
    const told = {
      type: attribute.type,
      requirement: attribute.requirement ?? 'optional',
      ...(attribute.is_array && { array: true }),
      ...(typeof attribute.profile === 'string' && { profile: attribute.profile }),
      ...(attribute.sibling !== undefined && { sibling: attribute.sibling }),
      ...(attribute['@deprecated'] !== undefined && { deprecated: true }),
      ...(choices.length > 0 && { enum: Object.fromEntries(choices) }),
    }
    return [name, told] as const
  })
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return { ...(Object.keys(constraints).length > 0 && { constraints }), attributes: Object.fromEntries(entries) }
}

/** JSON with an attribute on each line, so that another version of the schema can be compared. */
function linesOf(value: unknown, depth = 0): string {
  const leaf = typeof value !== 'object' || value === null || Array.isArray(value) || 'requirement' in value
  if (leaf || depth > 4) return JSON.stringify(value)
  const indent = ' '.repeat(depth + 1)
  const fields = Object.entries(value).map(
    ([key, field]) => `${indent}${JSON.stringify(key)}: ${linesOf(field, depth + 1)}`,
  )
  return `{\n${fields.join(',\n')}\n${' '.repeat(depth)}}`
}

function read<T>(path: string): T {
  return JSON.parse(git('show', `${commit}:${path}`)) as T
}

function git(...args: readonly string[]): string {
  return execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8', maxBuffer: 1e8 }).trimEnd()
}
