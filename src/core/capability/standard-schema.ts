/**
 * The part of the Standard Schema v1 interface that is used here. Zod, Valibot, ArkType and others implement it, as do
 * the argument types of this library.
 *
 * @module
 */

import type { OptionCheck } from '../../support/options.ts'
import { isPromiseLike } from '../../support/promise.ts'

/** A fault that a schema found. */
export interface SchemaIssue {
  /** The fault, for people. */
  readonly message: string
}

/** The result of a schema: the accepted value, or the issues. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** A JSON Schema, as an object. */
export type JsonSchema = Record<string, unknown>

/** Options of a {@link JsonSchemaConverter}. */
export interface JsonSchemaOptions {
  /** The version: `draft-2020-12`, `draft-07`, `openapi-3.0`, or another one that the library supports. */
  readonly target: 'draft-2020-12' | 'draft-07' | 'openapi-3.0' | ({} & string)
}

/** Gives the JSON Schema of a schema, as `StandardJSONSchemaV1`. */
export interface JsonSchemaConverter {
  /** The JSON Schema of the values that are validated. May throw. */
  readonly input: (options: JsonSchemaOptions) => JsonSchema
  /** The JSON Schema of the results. May throw. */
  readonly output: (options: JsonSchemaOptions) => JsonSchema
}

/** A schema that implements Standard Schema v1, under the key `~standard`. */
export interface StandardSchema<Output = unknown> {
  /** The interface. */
  readonly '~standard': {
    /** The version of the interface. */
    readonly version: 1
    /** The name of the schema library. */
    readonly vendor: string
    /** Validates a value, synchronously or asynchronously. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    /** Gives the JSON Schema, in libraries of Standard Schema 1.1. */
    readonly jsonSchema?: JsonSchemaConverter | undefined
    /** Contains the types only; has no value. */
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

/** The type of the values that a schema accepts. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output']

/** Whether a value is a schema. Schemas of ArkType are functions. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  const standard = (value as Partial<StandardSchema>)['~standard']
  return standard?.version === 1 && typeof standard.validate === 'function'
}

/** Whether a schema is marked as one whose argument may be absent. */
export function isOptional(schema: StandardSchema): boolean {
  return Object.hasOwn(schema, 'optional') && (schema as { readonly optional?: unknown }).optional === true
}

/** The result of a schema for an absent argument: allowed, refused, or replaced by a default. */
export type Absence = 'allowed' | 'refused' | 'default'

/** Validates `undefined`. A schema that throws or rejects refuses it. */
export function absenceOf(schema: StandardSchema): Absence | Promise<Absence> {
  try {
    const answer = schema['~standard'].validate(undefined)
    if (!isPromiseLike(answer)) return readAbsence(answer)
    return Promise.resolve(answer).then(readAbsence, () => 'refused')
  } catch {
    return 'refused'
  }
}

function readAbsence(answer: unknown): Absence {
  try {
    if (typeof answer !== 'object' || answer === null || !('value' in answer)) return 'refused'
    if ((answer as { readonly issues?: unknown }).issues !== undefined) return 'refused'
    return answer.value === undefined ? 'allowed' : 'default'
  } catch {
    // Some schemas compute their result on access.
    return 'refused'
  }
}

/**
 * The message of the first issue. A schema of another library may repeat its input in the message, so its message is
 * used for numbers and booleans only.
 */
export function safeIssue(schema: StandardSchema, value: unknown, issues: readonly SchemaIssue[]): string {
  const isSafe = schema['~standard'].vendor === 'procura' || typeof value === 'number' || typeof value === 'boolean'
  const message = isSafe ? issues[0]?.message : undefined
  return typeof message === 'string' ? message : 'does not match its schema'
}

/** Checks an option that is a schema. */
export const schemaCheck: OptionCheck = (value) =>
  isStandardSchema(value) ? undefined : 'must be a Standard Schema v1, such as `text()` or one of Zod'
