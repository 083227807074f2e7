/**
 * `procura/arguments`: types of arguments. Each has a canonical form, so that one thing has one text and a policy with
 * `like` cannot be talked around. Any other Standard Schema serves as well, but for that.
 *
 * @module
 */

export type { OptionalSchema } from '../definition.ts'
export type { SchemaIssue, SchemaOutput, SchemaResult, StandardSchema } from '../standard-schema.ts'
export { boolean } from './boolean.ts'
export { type BytesOptions, bytes } from './bytes.ts'
export { email } from './email.ts'
export { type HostNameOptions, hostName } from './host-name.ts'
export { integer } from './integer.ts'
export { type IpAddressOptions, ipAddress } from './ip-address.ts'
export { type ListOptions, listOf } from './list-of.ts'
export { type NumberOptions, number } from './number.ts'
export { type OneLineOptions, oneLine } from './one-line.ts'
export { oneOf } from './one-of.ts'
export { optional } from './optional.ts'
export { type PathOptions, path } from './path.ts'
export { type ShellWordOptions, shellWord } from './shell-word.ts'
export { type TextOptions, text } from './text.ts'
export { type UrlOptions, type UrlScheme, url } from './url.ts'
