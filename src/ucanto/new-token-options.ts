/**
 * What options of new tokens must be.
 *
 * @module
 */

import { lifetimeChecks } from '../envelope/lifetime.ts'
import { ArgumentError } from '../errors.ts'
import { isCid, isPlainObject } from '../ipld/value.ts'
import {
  abortSignal,
  anything,
  arrayOf,
  byteArray,
  didString,
  either,
  maybe,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  oneOfStrings,
  refusePromise,
  withMethod,
} from '../support/options.ts'
import { never } from '../time.ts'
import type { NewToken } from './delegate.ts'
import type { UcantoToken } from './token.ts'

/** A token of this library. */
const tokenCheck: OptionCheck = (value) => {
  const { cid, audience, expiration, capabilities, included, attached } = Object(value) as Partial<UcantoToken>
  const isToken =
    isCid(cid) &&
    typeof audience === 'string' &&
    (expiration === never || typeof expiration === 'number') &&
    Array.isArray(capabilities) &&
    included instanceof Map &&
    attached instanceof Map
  return isToken
    ? undefined
    : 'must be a token of UCAN 0.9.1, as `delegate`, `attenuate`, `invoke` or `decode` gives it'
}

/** Tokens of this library. */
export const tokensCheck: OptionCheck = arrayOf(tokenCheck)

/** A map of the data model; an instance of a class, a `Map` for one, would be written as if it were empty. */
export const mapCheck: OptionCheck = (value) => (isPlainObject(value) ? undefined : 'must be a plain object')

/** For whom conditions are written. */
export const readersCheck: OptionCheck = maybe(oneOfStrings('any', 'procura'))

/** A command as text, or its definition. */
export const commandCheck: OptionCheck = either(nonEmptyString, (value) =>
  typeof Object(value).command === 'string' ? undefined : 'must be a command definition',
)

const absent: OptionCheck = (value) =>
  Object(value).isAbsent === true ? undefined : 'must be what `absentIssuer` gives'

/** The forms of {@link NewToken}. */
export const newTokenChecks: OptionChecks<NewToken> = Object.freeze({
  issuer: either(withMethod('sign'), absent),
  audience: didString,
  ...lifetimeChecks,
  notBefore: anything,
  nonce: anything,
  meta: maybe(mapCheck),
  attached: maybe(arrayOf(byteArray)),
  signal: maybe(abortSignal),
})

/**
 * Returns a token that was passed for one.
 *
 * @throws ArgumentError when it is something else.
 */
export function checkToken(name: string, value: UcantoToken): UcantoToken {
  refusePromise(name, value)
  const fault = tokenCheck(value)
  if (fault !== undefined) throw new ArgumentError(`\`${name}\` ${fault}`)
  return value
}
