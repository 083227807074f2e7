/**
 * Selectors that an editor completes: those of the fields of arguments, and of the fields one level below.
 *
 * @module
 */

import type { Invalid, Selected } from './selected.ts'

/** The selectors of fields of `Value`, and of their fields, whose values can be of type `Wanted`. */
export type Completed<Value, Wanted> = unknown extends Value
  ? never
  : {
      readonly [Name in NamesOf<Value>]: Fitting<Value, SelectorTo<Value, Name>, Wanted> | Below<Value, Name, Wanted>
    }[NamesOf<Value>]

type Below<Value, Name extends string, Wanted> =
  NonNullable<FieldOf<Value, Name>> extends infer Inner
    ? {
        readonly [Next in NamesOf<Inner>]: Fitting<Value, `${SelectorTo<Value, Name>}.${Next}`, Wanted>
      }[NamesOf<Inner>]
    : never

/** The selector, if its value can be of the wanted type. */
type Fitting<Value, Text extends string, Wanted> = [Selected<Value, Text>] extends [Invalid]
  ? never
  : unknown extends Selected<Value, Text>
    ? Text
    : [Extract<Selected<Value, Text>, Wanted>] extends [never]
      ? never
      : Text

/** The names of the fields, if they are known. */
type NamesOf<Value> = Value extends Leaf | readonly unknown[]
  ? never
  : string extends keyof Value
    ? never
    : Extract<keyof Value, string>

type FieldOf<Value, Name extends string> = Name extends keyof Value ? Value[Name] : never

/** `.name`, or `.["a name"]`. */
type SelectorTo<Value, Name extends string> = [Selected<Value, `.${Name}`>] extends [Invalid]
  ? `.["${Name}"]`
  : `.${Name}`

type Leaf = string | number | boolean | null | undefined | Uint8Array
