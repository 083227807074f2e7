/**
 * The Standard Schema v1 interface, as far as it is used here. Zod, Valibot, ArkType and others give it; so do the
 * argument types of this library.
 *
 * @module
 */

import type { OptionCheck } from '../support/options.ts'

/** What a schema found wrong. */
export interface SchemaIssue {
  /** What is wrong, for people. */
  readonly message: string
}

/** What a schema answers: the value it accepts, or the issues it has with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** Any schema that follows Standard Schema v1, which is given under the key `~standard`. */
export interface StandardSchema<Output = unknown> {
  /** The schema's side of the interface. */
  readonly '~standard': {
    /** The version of the interface. */
    readonly version: 1
    /** Whose schema it is. */
    readonly vendor: string
    /** Answers for a value, at once or later. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    /** Carries the types; has no value. */
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

/** The type of the values that a schema accepts. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output']

/** Whether a value is a schema. Those of ArkType are functions. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  const standard = (value as Partial<StandardSchema>)['~standard']
  return standard?.version === 1 && typeof standard.validate === 'function'
}

/** Whether a schema says of itself that its argument may be absent. */
export function isOptional(schema: StandardSchema): boolean {
  return Object.hasOwn(schema, 'optional') && (schema as { readonly optional?: unknown }).optional === true
}

/** The answer of a schema about an absent argument: allowed, refused, or replaced by a value of its own. */
export type Absence = 'allowed' | 'refused' | 'default'

/** Asks a schema about `undefined`. One that throws or rejects has refused. */
export function absenceOf(schema: StandardSchema): Absence | Promise<Absence> {
  try {
    const answer = schema['~standard'].validate(undefined)
    if (typeof (answer as { then?: unknown } | null)?.then !== 'function') return readAbsence(answer)
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
    // Some schemas work out what they say when it is read.
    return 'refused'
  }
}

/** What a schema says of a value. Those of other libraries may repeat text that they were given, so of text they say nothing. */
export function tellableIssue(schema: StandardSchema, value: unknown, issues: readonly SchemaIssue[]): string {
  const tellable = schema['~standard'].vendor === 'procura' || typeof value === 'number' || typeof value === 'boolean'
  const message = tellable ? issues[0]?.message : undefined
  return typeof message === 'string' ? message : 'is not of its type'
}

/** What an option that is a schema must look like. */
export const schemaCheck: OptionCheck = (value) =>
  isStandardSchema(value) ? undefined : 'must be a schema of Standard Schema v1'
