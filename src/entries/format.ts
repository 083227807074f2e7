/**
 * `procura/format`: parts of a custom token format. A format reads bytes into a chain; the rules about chains are the
 * same for all formats. Most services need only `standardFormat`, to list it beside another format.
 *
 * @module
 */

export type { Chain, ChainLink, Link, OpenInvocation } from '../core/authorization/chain.ts'
export { standardFormat } from '../core/authorization/formats/standard-format.ts'
export type { ReadingContext, TokenFormat } from '../core/authorization/formats/token-format.ts'
export { type Steps, wait } from '../core/authorization/machinery/steps.ts'
