/**
 * JSON Schema of argument types: the interface `StandardJSONSchemaV1` of Standard Schema 1.1.
 *
 * @module
 */

import { ArgumentError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'
import type { JsonSchema, JsonSchemaConverter, JsonSchemaOptions, StandardSchema } from '../standard-schema.ts'

/** The versions of JSON Schema. The schemas of this library are the same in all of them. */
const targets: ReadonlySet<string> = new Set(['draft-2020-12', 'draft-07', 'openapi-3.0'])

/** Makes the converter of a schema whose input is its output. ARG-25 */
export function converterOf(make: (options: JsonSchemaOptions) => JsonSchema): JsonSchemaConverter {
  const convert = (options: JsonSchemaOptions): JsonSchema => {
    const target = options?.target
    if (targets.has(target)) return make(options)
    throw new ArgumentError(
      `JSON Schema has no supported target ${quote(String(target))}; use 'draft-2020-12', 'draft-07' or 'openapi-3.0'`,
    )
  }
  return Object.freeze({ input: convert, output: convert })
}

/**
 * The JSON Schema of any Standard Schema, as a part of another one.
 *
 * @param named - names the argument in the error.
 * @throws ArgumentError when its library does not support JSON Schema, or the schema has references.
 */
export function partOf(schema: StandardSchema, options: JsonSchemaOptions, named: string): JsonSchema {
  const { jsonSchema, vendor } = schema['~standard']
  if (typeof jsonSchema?.input !== 'function') {
    throw new ArgumentError(
      `${named} has a schema of ${quote(vendor)} without JSON Schema; use a type of procura/arguments, or a schema with \`~standard.jsonSchema\``,
    )
  }
  const { $schema: _, ...part } = jsonSchema.input(options)
  // A reference such as `#/$defs/a` begins at the root of the document.
  if (!JSON.stringify(part).includes('"$ref":"#')) return part
  throw new ArgumentError(
    `${named} has a JSON Schema with references, which cannot be a part of another one; use a schema without recursion`,
  )
}

/** Strings by their length. JSON Schema counts characters, of which a UTF-16 code unit can be half a one. */
export function stringOf(minLength: number, maxLength: number): JsonSchema {
  return {
    type: 'string',
    ...(minLength > 0 && { minLength: Math.ceil(minLength / 2) }),
    ...(Number.isFinite(maxLength) && { maxLength: Math.floor(maxLength) }),
  }
}
