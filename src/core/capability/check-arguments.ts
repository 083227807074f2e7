import { isPromiseLike } from '../../support/promise.ts'
import { ipldEquals } from '../ipld/equal.ts'
import type { IpldValue } from '../ipld/value.ts'
import type { ArgumentSchemas, CommandDefinition } from './definition.ts'
import { absenceOf, isOptional, type SchemaResult, type StandardSchema, safeIssue } from './standard-schema.ts'

/** Why the arguments of a call do not match the definition of its command. */
export interface ArgumentObjection {
  /** Name of the argument. */
  readonly argument: string
  /** `undeclared`, `missing`, `invalid`, or `transformed`: the schema returns a value other than the signed one. */
  readonly reason: 'undeclared' | 'missing' | 'invalid' | 'transformed'
  /** The requirement in `spec/commands.md`. */
  readonly requirement: string
  /** The message of the schema, without the value, when the reason is `invalid` and the message is safe to show. */
  readonly issue?: string | undefined
}

/**
 * Checks the arguments of a call, exactly as signed, against the definition of its command. Returns the first objection
 * in the order of declaration, or undefined. The result is a promise only when a schema is asynchronous; it never
 * rejects. A schema that throws refuses its argument.
 */
export function checkArguments(
  definition: CommandDefinition,
  args: { readonly [name: string]: IpldValue },
): ArgumentObjection | undefined | Promise<ArgumentObjection | undefined> {
  const schemas = definition.args
  for (const name of Object.keys(args)) {
    if (Object.hasOwn(schemas, name)) continue
    const fault = checkUndeclared(name, args[name] as IpldValue, definition.others)
    if (fault !== undefined) return fault
  }
  return checkFrom(Object.keys(schemas), 0, schemas, args)
}

/** ARG-01: an argument that is not declared is refused, unless the definition has a schema for such arguments. */
function checkUndeclared(
  name: string,
  value: IpldValue,
  others: StandardSchema | undefined,
): ArgumentObjection | undefined {
  if (others === undefined) return objection(name, 'undeclared', 'ARG-01')
  const result = validate(others, value)
  // A schema that has to be waited for is not one of `commandOfTool`.
  return judge(name, value, others, isPromiseLike(result) ? refusal : result)
}

/** Continues synchronously until a schema returns a promise. */
function checkFrom(
  names: readonly string[],
  start: number,
  schemas: ArgumentSchemas,
  args: { readonly [name: string]: IpldValue },
): ArgumentObjection | undefined | Promise<ArgumentObjection | undefined> {
  for (let position = start; position < names.length; position++) {
    const name = names[position] as string
    const schema = schemas[name] as StandardSchema
    const value = Object.hasOwn(args, name) ? args[name] : undefined
    if (value === undefined) {
      const absence = isOptional(schema) ? 'allowed' : absenceOf(schema)
      if (typeof absence !== 'string') {
        return absence.then((settled) =>
          settled === 'allowed' ? checkFrom(names, position + 1, schemas, args) : missing(name),
        )
      }
      if (absence !== 'allowed') return missing(name)
      continue
    }
    const result = validate(schema, value)
    // ARG-06
    if (isPromiseLike(result)) {
      return result
        .catch(() => refusal)
        .then((settled) => judge(name, value, schema, settled) ?? checkFrom(names, position + 1, schemas, args))
    }
    const objection = judge(name, value, schema, result)
    if (objection !== undefined) return objection
  }
  return undefined
}

const refusal: SchemaResult<never> = {
  issues: [
    { message: 'could not be checked, because its schema threw; correct the schema in the definition of the command' },
  ],
}

function validate(schema: StandardSchema, value: IpldValue): SchemaResult<unknown> | Promise<SchemaResult<unknown>> {
  try {
    const result = schema['~standard'].validate(value)
    return isPromiseLike(result) ? Promise.resolve(result) : result
  } catch {
    // ARG-08: a value that cannot be checked is not accepted.
    return refusal
  }
}

function judge(name: string, value: IpldValue, schema: StandardSchema, result: unknown): ArgumentObjection | undefined {
  const answer = (typeof result === 'object' && result !== null ? result : refusal) as SchemaResult<unknown>
  try {
    // ARG-03
    if (answer.issues !== undefined)
      return objection(name, 'invalid', 'ARG-03', safeIssue(schema, value, answer.issues))
    // ARG-04
    return ipldEquals(value, answer.value as IpldValue) ? undefined : objection(name, 'transformed', 'ARG-04')
  } catch {
    // Some schemas compute their issues on access.
    return objection(name, 'invalid', 'ARG-03')
  }
}

/** ARG-02 */
function missing(name: string): ArgumentObjection {
  return objection(name, 'missing', 'ARG-02')
}

function objection(
  argument: string,
  reason: ArgumentObjection['reason'],
  requirement: string,
  issue?: string,
): ArgumentObjection {
  return Object.freeze({ argument, reason, requirement, issue })
}
