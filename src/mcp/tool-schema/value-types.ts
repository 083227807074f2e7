/**
 * Argument types for parts of JSON Schema that `procura/arguments` has no type for.
 *
 * @module
 */

import { argumentsSchema } from '../../core/capability/argument-types/arguments-schema.ts'
import { type CommandDefinition, defineCommand } from '../../core/capability/definition.ts'
import type { JsonSchema, StandardSchema } from '../../core/capability/standard-schema.ts'
import { isPromiseLike } from '../../support/promise.ts'

/** Deepest nesting of a value of {@link anyJson}. Tokens have a limit of their own. */
const maxDepth = 32

/**
 * Any value of JSON that a token can contain: well-formed strings, finite numbers, booleans, null, lists and objects.
 */
export function anyJson(): StandardSchema {
  return schemaOf((value) => (isJson(value, 0) ? undefined : 'is not a value of JSON'), {})
}

function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || depth === maxDepth) return false
  if (Array.isArray(value)) return Array.from(value).every((one) => isJson(one, depth + 1))
  // Byte strings and links are values of tokens, and not of JSON.
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) return false
  return Object.values(value).every((one) => isJson(one, depth + 1))
}

/** A value that one of several schemas accepts. */
export function anyOf(alternatives: readonly StandardSchema[]): StandardSchema {
  return schemaOf(
    (value) => (alternatives.some((one) => accepts(one, value)) ? undefined : 'matches none of its alternatives'),
    {},
  )
}

/** A map with any names, whose values match a schema. */
export function mapOf(element: StandardSchema): StandardSchema {
  const isMap = (value: unknown): value is object =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && isJson(value, 0)
  return schemaOf(
    (value) => {
      if (!isMap(value)) return 'is not an object'
      return Object.values(value).every((one) => accepts(element, one)) ? undefined : 'has a value of the wrong type'
    },
    { type: 'object' },
  )
}

/** An object with the given parts; others are refused, or match `others`. */
export function objectOf(args: CommandDefinition['args'], others: StandardSchema | undefined): StandardSchema {
  // The command of the part is never called; its arguments are checked like those of a call.
  const part = defineCommand({ command: '/part', args })
  return argumentsSchema(others === undefined ? part : { ...part, others })
}

/** All schemas of tools are synchronous, and return their input. */
function accepts(schema: StandardSchema, value: unknown): boolean {
  const result = schema['~standard'].validate(value)
  return !isPromiseLike(result) && result.issues === undefined
}

function schemaOf(check: (value: unknown) => string | undefined, json: JsonSchema): StandardSchema {
  const convert = (): JsonSchema => ({ ...json })
  const validate = (value: unknown): { value: unknown } | { issues: readonly { message: string }[] } => {
    const message = check(value)
    return message === undefined ? { value } : { issues: [{ message }] }
  }
  const jsonSchema = { input: convert, output: convert }
  return Object.freeze({ '~standard': Object.freeze({ version: 1, vendor: 'procura', validate, jsonSchema }) })
}
