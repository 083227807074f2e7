/**
 * `procura/arguments`: types of arguments. Each has a canonical form: one resource has one text, so a policy with
 * `like` cannot be bypassed by another spelling. A plain string is `oneLine()`, or `text()` for several lines. Any
 * other Standard Schema can be used as well, without that guarantee.
 *
 * @module
 */

export type { ArgumentType } from '../capability/argument-types/argument-type.ts'
export { argumentsSchema } from '../capability/argument-types/arguments-schema.ts'
export { boolean, bytes, integer, number, oneOf, optional, text } from '../capability/argument-types/basic.ts'
export { email } from '../capability/argument-types/email.ts'
export { hostName } from '../capability/argument-types/host-name.ts'
export { ipAddress } from '../capability/argument-types/ip-address.ts'
export { listOf } from '../capability/argument-types/list-of.ts'
export { oneLine } from '../capability/argument-types/one-line.ts'
export { path } from '../capability/argument-types/path.ts'
export { segment } from '../capability/argument-types/segment.ts'
export { shellWord } from '../capability/argument-types/shell-word.ts'
export { url } from '../capability/argument-types/url.ts'
export type { OptionalSchema } from '../capability/definition.ts'
export type {
  JsonSchema,
  JsonSchemaConverter,
  JsonSchemaOptions,
  StandardSchema,
} from '../capability/standard-schema.ts'
