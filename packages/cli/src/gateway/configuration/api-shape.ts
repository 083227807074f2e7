import { bindToRequest } from 'procura/http/binding'
import { proxyTo } from 'procura/http/proxy'
import { isConfidential } from '#support/loopback.ts'
import { secretHeadersField, wrongSecretHeaders } from './header-shape.ts'
import type { ObjectShape, StringShape } from './shape.ts'

/** The place to which a credential is sent: encrypted, or on this machine. */
const origin: StringShape = {
  kind: 'string',
  noun: 'an origin',
  pattern: '^https?://[^/?#]+$',
  check: (value) => {
    const fault = 'must be an origin of https, such as "https://api.example.com", without a path and a slash at its end'
    if (!/^https?:\/\/[^/?#@\\]+$/.test(value) || !isTaken(() => bindToRequest({ origins: [value] }))) return fault
    return isConfidential(new URL(value))
      ? undefined
      : 'must be an origin of https; plain http is allowed on this machine only'
  },
}

const path: StringShape = {
  kind: 'string',
  noun: 'a path',
  pattern: '^/[^?#]*[^/?#]$',
  check: (value) =>
    isTaken(() => bindToRequest({ origins: ['https://a.example'], mountedAt: value }))
      ? undefined
      : 'must be a path in its one spelling, such as "/v1/contacts", without a slash at its end',
}

const method: StringShape = {
  kind: 'string',
  noun: 'a method',
  choices: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
}

const headerName: StringShape = {
  kind: 'string',
  noun: 'the name of a header',
  pattern: '^[A-Za-z0-9-]{1,64}$',
  check: (value) => (isForwarded(value) ? undefined : 'must be the name of a header that an API may get from an agent'),
}

function isForwarded(name: string): boolean {
  return /^[A-Za-z0-9-]{1,64}$/.test(name) && isTaken(() => proxyTo({ upstream: 'https://a.example', headers: [name] }))
}

function isTaken(attempt: () => unknown): boolean {
  try {
    attempt()
    return true
  } catch {
    return false
  }
}

/** An HTTP API. */
export const apiShape: ObjectShape = {
  kind: 'object',
  fields: {
    origin: { shape: origin, about: 'its origin, such as "https://api.example.com"' },
    secretHeaders: secretHeadersField,
    methods: {
      shape: { kind: 'list', item: method, least: 1 },
      about: 'the methods of requests; default: GET, HEAD, POST, PUT, PATCH and DELETE',
      optional: true,
    },
    paths: {
      shape: { kind: 'list', item: path, least: 1 },
      about: 'the paths of requests, each with all paths below it; default: every path',
      optional: true,
    },
    headers: {
      shape: { kind: 'list', item: headerName, least: 0 },
      about:
        'the headers of an agent that are sent; default: about the body, the answer and its condition, `prefer`, `user-agent` and `idempotency-key`',
      optional: true,
    },
  },
  check: ({ secretHeaders }) =>
    Object.keys(Object(secretHeaders)).length === 0
      ? 'has no header in `secretHeaders`; name one'
      : wrongSecretHeaders(secretHeaders),
}
