/**
 * What options of new tokens must be.
 *
 * @module
 */

import { lifetimeForms } from '../envelope/lifetime.ts'
import { ArgumentError } from '../errors.ts'
import { isCid } from '../ipld/is-cid.ts'
import { isPlainObject } from '../ipld/plain-object.ts'
import {
  abortSignal,
  anything,
  bytes,
  didText,
  either,
  type Form,
  type Forms,
  having,
  listOf,
  maybe,
  oneOf,
  refusePromise,
  text,
} from '../support/options.ts'
import { never } from '../time.ts'
import type { NewToken } from './delegate.ts'
import type { UcantoToken } from './token.ts'

/** A token of this library. */
const tokenForm: Form = (value) => {
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
export const tokensForm: Form = listOf(tokenForm)

/** A map of the data model; an instance of a class, a `Map` for one, would be written as if it were empty. */
export const mapForm: Form = (value) => (isPlainObject(value) ? undefined : 'must be a plain object')

/** For whom conditions are written. */
export const readersForm: Form = maybe(oneOf('any', 'procura'))

/** A command as text, or its definition. */
export const commandForm: Form = either(text, (value) =>
  typeof Object(value).command === 'string' ? undefined : 'must be a command definition',
)

const absent: Form = (value) => (Object(value).isAbsent === true ? undefined : 'must be what `absentIssuer` gives')

/** The forms of {@link NewToken}. */
export const newTokenForms: Forms<NewToken> = Object.freeze({
  issuer: either(having('sign'), absent),
  audience: didText,
  ...lifetimeForms,
  notBefore: anything,
  nonce: anything,
  meta: maybe(mapForm),
  attached: maybe(listOf(bytes)),
  signal: maybe(abortSignal),
})

/**
 * Returns a token that was passed for one.
 *
 * @throws ArgumentError when it is something else.
 */
export function checkToken(name: string, value: UcantoToken): UcantoToken {
  refusePromise(name, value)
  const fault = tokenForm(value)
  if (fault !== undefined) throw new ArgumentError(`\`${name}\` ${fault}`)
  return value
}
