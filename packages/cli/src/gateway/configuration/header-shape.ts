import { isProtocolHeader } from '../../support/protocol-headers.ts'
import type { Field, StringShape, TableShape } from './shape.ts'

/** The name of a credential in the vault. */
export const credential: StringShape = {
  kind: 'string',
  noun: 'the name of a credential',
  pattern: '^[a-z0-9][a-z0-9_-]{0,31}\\.[A-Za-z0-9_.-]{1,128}$',
  check: (value) =>
    /^[a-z0-9][a-z0-9_-]{0,31}\.[A-Za-z0-9_.-]{1,128}$/.test(value)
      ? undefined
      : 'must be the name of a credential in the vault, such as "mail.MAIL_KEY"; store the secret itself with `procura vault put`',
}

/** The names of headers that a configuration may set. */
export const headerNames: Omit<TableShape, 'value'> = {
  kind: 'table',
  namePattern: '^[A-Za-z0-9-]{1,64}$',
  checkName: (name) => {
    if (!/^[A-Za-z0-9-]{1,64}$/.test(name)) return 'must be the name of a header'
    return isProtocolHeader(name) ? 'is a header that the gateway sets itself; remove it' : undefined
  },
}

/** Headers that are secret. */
export const secretHeadersField: Field = {
  shape: { ...headerNames, value: credential },
  about:
    'the secret headers: the name of the credential with the whole value; one credential for several headers, whose secret is a JSON object with the value of each',
}

/** The fault of secret headers. A call has one credential, so several headers come from one. */
export function wrongSecretHeaders(secretHeaders: unknown): string | undefined {
  const names = Object.keys(Object(secretHeaders)).map((name) => name.toLowerCase())
  const credentials = Object.values(Object(secretHeaders))
  if (new Set(names).size < names.length) return 'has a header twice in `secretHeaders`; remove one of the two'
  return new Set(credentials).size < 2
    ? undefined
    : 'has several credentials in `secretHeaders`; name one for all headers, whose secret is a JSON object with the value of each header'
}

/** The fault of a server with a login. A call has one credential, and its header is `Authorization`. */
export function wrongLogin({
  login,
  headers,
  secretHeaders,
}: {
  readonly login: unknown
  readonly headers: unknown
  readonly secretHeaders: unknown
}): string | undefined {
  if (login === undefined) return undefined
  if (secretHeaders !== undefined) return 'has `login` and `secretHeaders`; remove one of them'
  const isTwice = Object.keys(Object(headers)).some((name) => name.toLowerCase() === 'authorization')
  return isTwice ? 'has `login` and the header Authorization in `headers`; remove one of them' : undefined
}
