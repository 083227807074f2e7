/**
 * `procura/arguments`: types of arguments. Each has a canonical form, so that one thing has one text and a policy with
 * `like` cannot be talked around. Any other Standard Schema serves as well, but for that.
 *
 * @module
 */

export {
  boolean,
  type BytesOptions,
  bytes,
  integer,
  type NumberOptions,
  number,
  oneOf,
  optional,
  type TextOptions,
  text,
} from '../capability/argument-types/basic.ts'
export { email } from '../capability/argument-types/email.ts'
export { type HostNameOptions, hostName } from '../capability/argument-types/host-name.ts'
export { type IpAddressOptions, ipAddress } from '../capability/argument-types/ip-address.ts'
export { type ListOptions, listOf } from '../capability/argument-types/list-of.ts'
export { type OneLineOptions, oneLine } from '../capability/argument-types/one-line.ts'
export { type PathOptions, path } from '../capability/argument-types/path.ts'
export { type ShellWordOptions, shellWord } from '../capability/argument-types/shell-word.ts'
export { type UrlOptions, type UrlScheme, url } from '../capability/argument-types/url.ts'
export type { OptionalSchema } from '../capability/definition.ts'
export type { SchemaIssue, SchemaOutput, SchemaResult, StandardSchema } from '../capability/standard-schema.ts'
