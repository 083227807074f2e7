/**
 * Policy builders with the types of a command's arguments.
 *
 * @module
 */

import { ArgumentError } from '../../../errors.ts'
import type { IpldValue } from '../../ipld/value.ts'
import { isCommand } from '../command.ts'
import type { CommandDefinition } from '../definition.ts'
import { and, eq, every, gt, gte, like, lt, lte, maxSum, ne, not, or, some } from './build.ts'
import { checkDeclared } from './check-declared.ts'
import type { Completed } from './completed.ts'
import type { Invalid, Selected } from './selected.ts'
import type { Statement } from './statement.ts'

/**
 * A selector that selects a value from `Value`. For any other text, the selectors that an editor completes, and a type
 * that no text has, whose name is the fault.
 */
export type SelectorFor<Value, Text extends string> = [Selected<Value, Text>] extends [Invalid]
  ? (string & NoSuchArgument<Text>) | Completed<Value, unknown>
  : Text

/** A selector whose value can be of type `Wanted`. */
export type SelectorOf<Value, Text extends string, Wanted> = [Selected<Value, Text>] extends [Invalid]
  ? (string & NoSuchArgument<Text>) | Completed<Value, Wanted>
  : unknown extends Selected<Value, Text>
    ? Text
    : [Extract<Selected<Value, Text>, Wanted>] extends [never]
      ? (string & AnotherKind<Text, Selected<Value, Text>>) | Completed<Value, Wanted>
      : Text

declare const fault: unique symbol

/** The type of a selector that selects nothing. */
export interface NoSuchArgument<Text extends string> {
  readonly [fault]: Text
}

/** The type of a selector that selects a value of another kind. */
export interface AnotherKind<Text extends string, Found> {
  readonly [fault]: readonly [Text, Found]
}

/** The type of the values that the selected value can be compared with. */
export type ComparableWith<Value, Text extends string> =
  unknown extends Selected<Value, Text> ? IpldValue : Selected<Value, Text>

/** The type of an element of the selected list, or of a value of the selected map. */
export type ElementAt<Value, Text extends string> =
  unknown extends Selected<Value, Text> ? unknown : ElementIn<Exclude<Selected<Value, Text>, null>>

type ElementIn<Value> = Value extends readonly (infer Item)[]
  ? Item
  : Value extends Uint8Array | string | number | boolean
    ? never
    : Value[keyof Value]

type Collection = readonly unknown[] | { readonly [key: string]: unknown }

/** The builders of `procura/policy` for values of type `Value`. A wrong selector or value does not compile. */
export interface PolicyBuilder<Value> {
  /** The selected value equals `value`. Lists and maps are compared by their contents. */
  eq<const Text extends string>(selector: SelectorFor<Value, Text>, value: ComparableWith<Value, Text>): Statement
  /** The selected value is present and does not equal `value`. */
  ne<const Text extends string>(selector: SelectorFor<Value, Text>, value: ComparableWith<Value, Text>): Statement
  /** The selected value is a number < `bound`. */
  lt<const Text extends string>(selector: SelectorOf<Value, Text, number>, bound: number): Statement
  /** The selected value is a number <= `bound`. */
  lte<const Text extends string>(selector: SelectorOf<Value, Text, number>, bound: number): Statement
  /** The selected value is a number > `bound`. */
  gt<const Text extends string>(selector: SelectorOf<Value, Text, number>, bound: number): Statement
  /** The selected value is a number >= `bound`. */
  gte<const Text extends string>(selector: SelectorOf<Value, Text, number>, bound: number): Statement
  /** The selected value is a string that matches `pattern`. */
  like<const Text extends string>(selector: SelectorOf<Value, Text, string>, pattern: string): Statement
  /** The amounts that `selector` selects, in the calls of all holders together, add up to at most `maximum`. */
  maxSum<const Text extends string>(
    selector: SelectorOf<Value, Text, number | string>,
    maximum: string | number,
  ): Statement
  /** All of the statements hold. */
  and(...statements: readonly Statement[]): Statement
  /** At least one of the statements holds. */
  or(...statements: readonly [Statement, ...Statement[]]): Statement
  /** The statement is false. When a value is missing, neither a statement nor its negation holds. */
  not(statement: Statement): Statement
  /**
   * Every element of the selected collection satisfies the statement of `inner`, which receives the builders for an
   * element.
   */
  every<const Text extends string>(
    selector: SelectorOf<Value, Text, Collection>,
    inner: (element: PolicyBuilder<ElementAt<Value, Text>>) => Statement,
  ): Statement
  /** At least one element of the selected collection satisfies the statement of `inner`. */
  some<const Text extends string>(
    selector: SelectorOf<Value, Text, Collection>,
    inner: (element: PolicyBuilder<ElementAt<Value, Text>>) => Statement,
  ): Statement
}

/**
 * Makes the builders for the arguments of a command. The compiler refuses a selector of an argument that the command
 * does not have, and a value of another type. For callers without types, the first field of a selector is also checked
 * when the statement is built.
 *
 * @throws ArgumentError when `definition` was not made by `defineCommand`; so do the builders for a malformed
 *   statement.
 *
 * @example
 * ```ts
 * import { defineCommand } from 'procura'
 * import { email, integer } from 'procura/arguments'
 * import { policyFor } from 'procura/policy'
 *
 * const send = defineCommand({ command: '/mail/send', args: { to: email(), copies: integer() } })
 * const is = policyFor(send)
 * const policy = [is.like('.to', '*@example.com'), is.lte('.copies', 3)]
 * ```
 */
export function policyFor<Args>(definition: CommandDefinition<Args>): PolicyBuilder<Args> {
  if (!isCommand(definition?.command) || typeof definition.args !== 'object' || definition.args === null) {
    throw new ArgumentError('policyFor: `definition` must be made with defineCommand')
  }
  return Object.freeze(
    wrap((statement) => {
      checkDeclared(definition, [statement])
      return statement
    }),
  ) as PolicyBuilder<Args>
}

/** The builders without types. `check` receives each statement with a selector. */
function wrap(check: (statement: Statement) => Statement): PolicyBuilder<unknown> {
  return {
    eq: (selector, value) => check(eq(selector, value as IpldValue)),
    ne: (selector, value) => check(ne(selector, value as IpldValue)),
    lt: (selector, bound) => check(lt(selector, bound)),
    lte: (selector, bound) => check(lte(selector, bound)),
    gt: (selector, bound) => check(gt(selector, bound)),
    gte: (selector, bound) => check(gte(selector, bound)),
    like: (selector, pattern) => check(like(selector, pattern)),
    maxSum: (selector, maximum) => check(maxSum(selector, maximum)),
    and,
    or,
    not,
    every: (selector, inner) => check(every(selector, within(inner))),
    some: (selector, inner) => check(some(selector, within(inner))),
  }
}

/** The statement about an element. Only the types of the caller determine the type of the element. */
function within(inner: (element: never) => Statement): Statement {
  if (typeof inner !== 'function')
    throw new ArgumentError('`inner` must be a function that returns a statement about an element')
  return inner(wrap((statement) => statement) as never)
}
