/**
 * Selectors as types: the type that a selector selects from arguments of a known type.
 *
 * @module
 */

declare const invalid: unique symbol

/** The type that an invalid selector selects. No value has it. */
export interface Invalid {
  readonly [invalid]: true
}

/**
 * The type of the value that the selector `Text` selects from a value of type `Value`. {@link Invalid} when the text is
 * malformed or the type has no such value. With `?` it may also be `null`. Escapes in bracketed keys are not decoded.
 */
export type Selected<Value, Text extends string> = Text extends ''
  ? Invalid
  : Text extends '.' | `.${Marks}`
    ? Value
    : Walk<Value, Text>

/** Up to four question marks. */
type Marks = '?' | '??' | '???' | '????'

type Walk<Value, Text extends string> = Text extends ''
  ? Value
  : Text extends `.[${infer Rest}` | `[${infer Rest}`
    ? Bracket<Value, Rest>
    : Text extends `.${infer Rest}`
      ? Dotted<Value, Rest, ''>
      : Invalid

/** Parses a name up to the character that ends it. */
type Dotted<Value, Text extends string, Name extends string> = Text extends `${infer First}${infer Rest}`
  ? First extends '.' | '[' | '?'
    ? Named<Value, Name, Text>
    : First extends NameCharacter
      ? Dotted<Value, Rest, `${Name}${First}`>
      : Invalid
  : Named<Value, Name, ''>

type Named<Value, Name extends string, Rest extends string> = Name extends '' | `${Digit}${string}`
  ? Invalid
  : Optional<Field<Value, Name>, Rest>

type Bracket<Value, Text extends string> = Text extends `"${infer Name}"]${infer Rest}`
  ? Optional<Field<Value, Name>, Rest>
  : Text extends `]${infer Rest}`
    ? Optional<Values<Value>, Rest>
    : Text extends `${infer Inner}]${infer Rest}`
      ? Optional<IsInteger<Inner> extends true ? Element<Value> : Range<Value, Inner>, Rest>
      : Invalid

/** Parses the question marks after a segment; with one, a missing value is `null`. */
type Optional<Value, Rest extends string> = [Value] extends [Invalid]
  ? Invalid
  : Rest extends `?${infer More}`
    ? Walk<Value | null, SkipMarks<More>>
    : Walk<Value, Rest>

type SkipMarks<Text extends string> = Text extends `?${infer More}` ? SkipMarks<More> : Text

/** The value under a key; for a union, of the members that have the key. */
type Field<Value, Name extends string> = unknown extends Value ? unknown : OrInvalid<FieldOf<Value, Name>>

type FieldOf<Value, Name extends string> = Value extends Scalar | Uint8Array | readonly unknown[]
  ? never
  : Name extends keyof Value
    ? Exclude<Value[Name], undefined>
    : never

type Element<Value> = unknown extends Value ? unknown : OrInvalid<ElementOf<Value>>

type ElementOf<Value> = Value extends Uint8Array ? number : Value extends readonly (infer Item)[] ? Item : never

type Values<Value> = unknown extends Value ? unknown : OrInvalid<ValuesOf<Value>>

type ValuesOf<Value> = Value extends readonly unknown[]
  ? Value
  : Value extends Scalar | Uint8Array
    ? never
    : readonly Value[keyof Value][]

type Range<Value, Inner extends string> = Inner extends `${infer Start}:${infer End}`
  ? IsBound<Start> | IsBound<End> extends true
    ? Inner extends ':'
      ? Invalid
      : unknown extends Value
        ? unknown
        : OrInvalid<RangeOf<Value>>
    : Invalid
  : Invalid

type RangeOf<Value> = Value extends Uint8Array
  ? Uint8Array
  : Value extends readonly (infer Item)[]
    ? readonly Item[]
    : never

type OrInvalid<Value> = [Value] extends [never] ? Invalid : Value

type IsBound<Text extends string> = Text extends '' ? true : IsInteger<Text>

/** Whether the text is the canonical spelling of an integer. */
type IsInteger<Text extends string> = Text extends '-0'
  ? false
  : Text extends `${infer Value extends bigint}`
    ? `${Value}` extends Text
      ? true
      : false
    : false

type Scalar = string | number | boolean | null | undefined

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9'

type NameCharacter = Lower | Uppercase<Lower> | Digit | '_'

// biome-ignore format: one line reads better than twenty-six
type Lower = 'a' | 'b' | 'c' | 'd' | 'e' | 'f' | 'g' | 'h' | 'i' | 'j' | 'k' | 'l' | 'm' | 'n' | 'o' | 'p' | 'q' | 'r' | 's' | 't' | 'u' | 'v' | 'w' | 'x' | 'y' | 'z'
