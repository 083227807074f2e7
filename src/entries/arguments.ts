/**
 * `procura/arguments`: types of arguments. Each has a canonical form: one resource has one text, so a policy with
 * `like` cannot be bypassed by another spelling. A plain string is `oneLine()`, or `text()` for several lines. Any
 * other Standard Schema can be used as well, without that guarantee.
 *
 * @module
 */

export type { ArgumentType } from '../core/capability/argument-types/argument-type.ts'
export { argumentsSchema } from '../core/capability/argument-types/arguments-schema.ts'
export { boolean, bytes, integer, number, oneOf, optional, text } from '../core/capability/argument-types/basic.ts'
export { email } from '../core/capability/argument-types/email.ts'
export { hostName } from '../core/capability/argument-types/host-name.ts'
export { ipAddress } from '../core/capability/argument-types/ip-address.ts'
export { listOf } from '../core/capability/argument-types/list-of.ts'
export { oneLine } from '../core/capability/argument-types/one-line.ts'
export { path } from '../core/capability/argument-types/path.ts'
export { segment } from '../core/capability/argument-types/segment.ts'
export { shellWord } from '../core/capability/argument-types/shell-word.ts'
export { url } from '../core/capability/argument-types/url.ts'
export type { OptionalSchema } from '../core/capability/definition.ts'
export type { JsonSchema, StandardSchema } from '../core/capability/standard-schema.ts'
