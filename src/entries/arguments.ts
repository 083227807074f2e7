/**
 * `procura/arguments`: types of arguments. Each has a canonical form, so that one thing has one text and a policy with
 * `like` cannot be talked around. Any other Standard Schema serves as well, but for that.
 *
 * @module
 */

export { boolean } from '../capability/argument-types/boolean.ts'
export { type BytesOptions, bytes } from '../capability/argument-types/bytes.ts'
export { email } from '../capability/argument-types/email.ts'
export { type HostNameOptions, hostName } from '../capability/argument-types/host-name.ts'
export { integer } from '../capability/argument-types/integer.ts'
export { type IpAddressOptions, ipAddress } from '../capability/argument-types/ip-address.ts'
export { type ListOptions, listOf } from '../capability/argument-types/list-of.ts'
export { type NumberOptions, number } from '../capability/argument-types/number.ts'
export { type OneLineOptions, oneLine } from '../capability/argument-types/one-line.ts'
export { oneOf } from '../capability/argument-types/one-of.ts'
export { optional } from '../capability/argument-types/optional.ts'
export { type PathOptions, path } from '../capability/argument-types/path.ts'
export { type ShellWordOptions, shellWord } from '../capability/argument-types/shell-word.ts'
export { type TextOptions, text } from '../capability/argument-types/text.ts'
export { type UrlOptions, type UrlScheme, url } from '../capability/argument-types/url.ts'
export type { OptionalSchema } from '../capability/definition.ts'
export type { SchemaIssue, SchemaOutput, SchemaResult, StandardSchema } from '../capability/standard-schema.ts'
