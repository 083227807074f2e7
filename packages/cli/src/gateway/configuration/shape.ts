/**
 * The shapes of a configuration file. The reader and the published JSON Schema are both made of them, so they agree.
 *
 * @module
 */

/** A string of a configuration file. */
export interface StringShape {
  readonly kind: 'string'
  /** The requirement of every value, as it follows `must be`: `a path`. */
  readonly noun: string
  /** A regular expression that every valid value matches, for editors. */
  readonly pattern?: string
  /** The only values. */
  readonly choices?: readonly string[]
  /** Returns the fault of a value, such as `must be an absolute path`. It does not contain the value. */
  readonly check?: (value: string) => string | undefined
}

/** A number or a boolean of a configuration file, which has one value. */
export interface ConstantShape {
  readonly kind: 'constant'
  /** The only value. */
  readonly value: number | boolean
}

/** A whole number of a configuration file. */
export interface IntegerShape {
  readonly kind: 'integer'
  readonly least: number
  readonly most: number
}

/** A list. */
export interface ListShape {
  readonly kind: 'list'
  readonly item: Shape
  /** The least number of items. */
  readonly least: number
}

/** An object whose names the user chooses. */
export interface TableShape {
  readonly kind: 'table'
  readonly value: Shape
  /** A regular expression that every valid name matches, for editors. */
  readonly namePattern: string
  /** Returns the fault of a name, such as `must begin with a letter`. */
  readonly checkName: (name: string) => string | undefined
}

/** A field of an object. */
export interface Field {
  readonly shape: Shape
  /** Its meaning, for editors. */
  readonly about: string
  readonly optional?: true
}

/** An object with the listed fields. */
export interface ObjectShape {
  readonly kind: 'object'
  readonly fields: Readonly<Record<string, Field>>
  /** Returns the fault of an object whose fields are valid, such as `must have a or b`. */
  readonly check?: (value: Readonly<Record<string, unknown>>) => string | undefined
}

/** An object of one of several shapes, which its field `type` selects. */
export interface VariantsShape {
  readonly kind: 'variants'
  readonly variants: Readonly<Record<string, ObjectShape>>
}

/** The shape of a value of a configuration file. */
export type Shape = StringShape | ConstantShape | IntegerShape | ListShape | TableShape | ObjectShape | VariantsShape
