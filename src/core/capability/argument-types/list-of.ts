import { numberFrom, readOptions, withDefault } from '../../../support/options.ts'
import { type SchemaResult, type StandardSchema, safeIssue, schemaCheck } from '../standard-schema.ts'
import { type ArgumentType, issue, schemaOf } from './argument-type.ts'
import { partOf } from './json-schema.ts'

/** Options of {@link listOf}. */
export interface ListOptions {
  /** Fewest elements. Default 0. */
  readonly minLength?: number
  /** Most elements. Default 1,024. */
  readonly maxLength?: number
}

/**
 * A list whose elements all match a schema. Any Standard Schema is allowed; with an asynchronous one the list is
 * asynchronous as well.
 *
 * @throws ArgumentError when `element` is not a Standard Schema, or an option is invalid.
 */
export function listOf<Output>(
  element: StandardSchema<Output>,
  options: ListOptions = {},
): ArgumentType<readonly Output[]> {
  readOptions('listOf', { element }, { element: schemaCheck })
  const { minLength, maxLength } = readOptions('listOf', options, {
    minLength: withDefault(numberFrom(0), 0),
    maxLength: withDefault(numberFrom(0), 1024),
  })
  const validate = (value: unknown): SchemaResult<readonly Output[]> | Promise<SchemaResult<readonly Output[]>> => {
    // ARG-23
    if (!Array.isArray(value)) return issue('is not a list')
    if (value.length < minLength) return issue(`has fewer than ${minLength} elements`)
    if (value.length > maxLength) return issue(`has more than ${maxLength} elements`)
    // Some functions of the platform skip the holes of an array. `Array.from` turns them into undefined.
    const results = Array.from(value, (item) => answerOf(element, item))
    const settled = results.filter((result): result is SchemaResult<Output> => !('then' in result))
    const collect = (results: readonly SchemaResult<Output>[]) => collected(element, value, results)
    return settled.length === results.length ? collect(settled) : Promise.all(results).then(collect)
  }
  return schemaOf<readonly Output[]>(validate, (options) => ({
    type: 'array',
    items: partOf(element, options, 'the element of a list'),
    ...(minLength > 0 && { minItems: Math.ceil(minLength) }),
    ...(Number.isFinite(maxLength) && { maxItems: Math.floor(maxLength) }),
  }))
}

/** An exception counts as a refusal, so that pending answers of other elements are still awaited. */
function answerOf<Output>(
  element: StandardSchema<Output>,
  item: unknown,
): SchemaResult<Output> | Promise<SchemaResult<Output>> {
  try {
    return Object(element['~standard'].validate(item) ?? notChecked)
  } catch {
    return notChecked
  }
}

const notChecked: SchemaResult<never> = issue('could not be checked')

/** Collects the outputs of the schema, so that a changed element is noticed. */
function collected<Output>(
  element: StandardSchema<Output>,
  values: readonly unknown[],
  results: readonly SchemaResult<Output>[],
): SchemaResult<readonly Output[]> {
  const outputs: Output[] = []
  for (const result of results) {
    const place = outputs.length
    if (result.issues !== undefined)
      return issue(`has an element (${place}) that ${safeIssue(element, values[place], result.issues)}`)
    outputs.push(result.value)
  }
  return { value: outputs }
}
