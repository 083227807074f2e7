import { maybe, numberFrom, readOptions } from '../../support/options.ts'
import { type SchemaResult, type StandardSchema, schemaCheck, tellableIssue } from '../standard-schema.ts'
import { issue, schemaOf } from './argument-type.ts'

/** Options of {@link listOf}. */
export interface ListOptions {
  /** Elements, at least. Default 0. */
  readonly minLength?: number
  /** Elements, at most. Default 1,024. */
  readonly maxLength?: number
}

/**
 * A list whose elements all are of a type. Any Standard Schema serves; with one that answers later, so does the list.
 *
 * @throws ArgumentError when `element` is no Standard Schema, or an option is not of its type.
 */
export function listOf<Output>(
  element: StandardSchema<Output>,
  options: ListOptions = {},
): StandardSchema<readonly Output[]> {
  readOptions('listOf', { element }, { element: schemaCheck })
  const { minLength = 0, maxLength = 1024 } = readOptions('listOf', options, {
    minLength: maybe(numberFrom(0)),
    maxLength: maybe(numberFrom(0)),
  })
  return schemaOf<readonly Output[]>((value) => {
    // ARG-23
    if (!Array.isArray(value)) return issue('is not a list')
    if (value.length < minLength) return issue(`has fewer than ${minLength} elements`)
    if (value.length > maxLength) return issue(`has more than ${maxLength} elements`)
    // A list with holes has no item there to some functions of the platform, and to others undefined.
    const results = Array.from(value, (item) => answerOf(element, item))
    const settled = results.filter((result): result is SchemaResult<Output> => !('then' in result))
    const collect = (results: readonly SchemaResult<Output>[]) => collected(element, value, results)
    return settled.length === results.length ? collect(settled) : Promise.all(results).then(collect)
  })
}

/** What fails at once counts as refused, so that no answer of another element that comes later is left to nobody. */
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

/** Puts together what the schema gave back, so that a change it made is seen. */
function collected<Output>(
  element: StandardSchema<Output>,
  values: readonly unknown[],
  results: readonly SchemaResult<Output>[],
): SchemaResult<readonly Output[]> {
  const outputs: Output[] = []
  for (const result of results) {
    const place = outputs.length
    if (result.issues !== undefined)
      return issue(`has an element (${place}) that ${tellableIssue(element, values[place], result.issues)}`)
    outputs.push(result.value)
  }
  return { value: outputs }
}
