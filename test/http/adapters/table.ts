// node only: makes bytes
/**
 * The requests of the table, as bytes.
 *
 * @module
 */

import { encodeContainer } from '../../../src/core/container/container.ts'
import { revoke } from '../../../src/core/revocation/revoke.ts'
import { call, chainOf } from '../../support/service.ts'
import { alice, bob, chosenVectors, containerOf, kinds, limitedContainer } from './routes.ts'

/** A request, and its response in short. */
export interface Row {
  readonly title: string
  /** Sent one after the other, each on a connection of its own; the response to the last one counts. */
  readonly requests: readonly (string | Uint8Array)[]
  /** Whether the client ends its side after the last byte. */
  readonly ends?: boolean
  readonly status: number
  /** The `code` of the problem document. */
  readonly code?: string
  /** How many handlers start. */
  readonly runs: number
}

type HeaderLines = readonly string[]

function request(path: string, lines: HeaderLines, body: string | Uint8Array = '', method = 'POST'): Uint8Array {
  const bytes = Buffer.from(body as string, 'latin1')
  const hasLength = lines.some((line) => /^(?:content-length|transfer-encoding):/i.test(line))
  const length = hasLength || (bytes.length === 0 && method !== 'POST') ? [] : [`content-length: ${bytes.length}`]
  const head = [`${method} ${path} HTTP/1.1`, 'host: service.example', 'connection: close', ...lines, ...length]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), bytes])
}

const bearer = (container: string): string => `authorization: Bearer ${container}`
const named = (container: string): string => `x-ucan-container: ${container}`
const inBody = 'content-type: application/x-ucan-container'
const jwt = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl'

/** All rows. */
export async function makeTable(): Promise<readonly Row[]> {
  const one = await containerOf()
  const binary = Buffer.concat([Buffer.from('@'), Buffer.from(one.slice(1), 'base64url')])
  return [
    ...(await allowed(one, binary)),
    ...unreadable(one, binary),
    ...(await denied()),
    ...(await besideOauth()),
    ...(await revocations()),
  ]
}

const row = (title: string, bytes: string | Uint8Array, status: number, more: Partial<Row> = {}): Row => ({
  ...{ title, requests: [bytes], status, runs: status < 400 ? 1 : 0 },
  ...more,
})

async function allowed(one: string, binary: Uint8Array): Promise<readonly Row[]> {
  const fresh = (): Promise<string> => containerOf()
  const [a, b, c, d, e, f, g] = await Promise.all(Array.from({ length: 7 }, fresh))
  const chunked = `${one.length.toString(16)}\r\n${one}\r\n0\r\n\r\n`
  const drip = [...(c as string)].map((character) => `1\r\n${character}\r\n`).join('')
  const statuses: Readonly<Record<string, number>> = {
    ...{
      nothing: 204,
      response: 201,
      empty: 202,
      redirect: 302,
      throws: 500,
      circular: 500,
      missing: 404,
      consumed: 500,
      network: 500,
      control: 500,
    },
  }
  return [
    row('a bearer token', request('/mail', [bearer(a as string)]), 200),
    row('a header of its own', request('/mail', [named(b as string)]), 200),
    row('a body of text, in chunks', request('/mail', [inBody, 'transfer-encoding: chunked'], chunked), 200),
    row(
      'a body of text, a byte a chunk',
      request('/mail', [inBody, 'transfer-encoding: chunked'], `${drip}0\r\n\r\n`),
      200,
    ),
    row(
      'a body of bytes',
      request('/mail', [inBody], Buffer.concat([Buffer.from('@'), Buffer.from((d as string).slice(1), 'base64url')])),
      200,
    ),
    row(
      'a media type in capitals, with a parameter',
      request('/mail', ['content-type: Application/X-UCAN-Container; v=1'], e),
      200,
    ),
    row(
      'JSON beside the header',
      request('/mail', [bearer(f as string), 'content-type: application/json'], '{"to":"eve"}'),
      200,
    ),
    row(
      'GET, a query and the scheme in small letters',
      request('/mail?to=eve', [`authorization: bearer   ${g}`], '', 'GET'),
      200,
    ),
    row('PUT', request('/mail', [named(await fresh())], '', 'PUT'), 200),
    row('the route of its command', request('/send', [named(await fresh())]), 200),
    row(
      'a call that is sent again with a header in capitals',
      request('/mail', [`X-UCAN-CONTAINER: ${await fresh()}`]),
      200,
    ),
    row('the other form of the bytes that were sent before', request('/mail', [inBody], binary), 401, {
      code: 'replayed',
    }),
    ...(await Promise.all(
      kinds.map(async (kind) =>
        row(
          `a result: ${kind}`,
          request('/mail', [bearer(await containerOf(`/mail/${kind}`))]),
          statuses[kind] ?? 200,
          {
            runs: 1,
            ...(statuses[kind] === 500 && { code: 'handler_failed' }),
          },
        ),
      ),
    )),
  ]
}

function unreadable(one: string, binary: Uint8Array): readonly Row[] {
  const missing = { code: 'container_missing' }
  const faulty = { code: 'container_unreadable' }
  const long = `C${'A'.repeat(9_000)}`
  const wrong = (title: string, lines: HeaderLines, body: string | Uint8Array = ''): Row =>
    row(title, request('/mail', lines, body), 400, faulty)
  return [
    row('no container', request('/mail', []), 401, missing),
    row('no container, GET', request('/mail', [], '', 'GET'), 401, missing),
    row('a container in the URL', request(`/mail?container=${one}`, []), 401, missing),
    row('a container in a cookie', request('/mail', [`cookie: container=${one}`]), 401, missing),
    row('a container in a form', request('/mail', ['content-type: text/plain'], `container=${one}`), 401, missing),
    row('another scheme', request('/mail', ['authorization: Basic YTpi']), 401, missing),
    wrong('the scheme without a token', ['authorization: Bearer']),
    wrong('the scheme and two tokens', [`authorization: Bearer ${one} ${one}`]),
    wrong('a tab after the scheme', [`authorization: Bearer\t${one}`]),
    wrong('the scheme in another value', [`authorization: Basic Bearer ${one}`]),
    wrong('two bearer tokens', [bearer(one), bearer(one)]),
    wrong('two headers', [named(one), named(one)]),
    wrong('two values in a header', [`x-ucan-container: ${one}, ${one}`]),
    wrong('a bearer token and a header', [bearer(one), named(one)]),
    wrong('a bearer token and a body', [bearer(one), inBody], one),
    wrong('a header and a body', [named(one), inBody], one),
    wrong('a header with underscores', [`x_ucan_container: ${one}`]),
    wrong('a header with dots', [`x.ucan.container: ${one}`]),
    wrong('an empty header', ['x-ucan-container: ']),
    wrong('a header that is no text form', ['x-ucan-container: {"a":1}']),
    wrong('an OAuth token', [`authorization: Bearer ${jwt}`]),
    wrong('an encoded body', [inBody, 'content-encoding: gzip'], one),
    wrong('two types of the body', [inBody, inBody], one),
    row('a header that is too long', request('/mail', [named(long)]), 431, faulty),
    row('a bearer token that is too long', request('/mail', [bearer(long)]), 431, faulty),
    row('a header that is too long for the route', request('/small', [named(one)]), 431, faulty),
    row('a body that is too long for the route', request('/small', [inBody], one), 413, faulty),
    row('a body that is announced as too long', request('/mail', [inBody, 'content-length: 400000'], one), 413, faulty),
    row(
      'a body in chunks that is too long',
      request('/mail', [inBody, 'transfer-encoding: chunked'], `61A80\r\n${'C'.repeat(400_000)}\r\n0\r\n\r\n`),
      413,
      faulty,
    ),
    row('an empty body', request('/mail', [inBody]), 400, { code: 'unsupported' }),
    row('a body cut short', request('/mail', [inBody], binary.subarray(0, -20)), 400, { code: 'malformed' }),
    row('a container cut short', request('/mail', [named(one.slice(0, -30))]), 400, { code: 'malformed' }),
    row('text that is no container', request('/mail', [bearer('zzzz')]), 400, { code: 'unsupported' }),
  ]
}

async function denied(): Promise<readonly Row[]> {
  const statuses: Readonly<Record<string, number>> = {
    ...{ too_large: 413, proof_missing: 510, revocation_unknown: 503, replay_unknown: 503 },
    ...Object.fromEntries(
      [
        'malformed',
        'unsupported',
        'chain_too_long',
        'invocation_missing',
        'invocation_ambiguous',
        'arguments_invalid',
      ].map((code) => [code, 400]),
    ),
    ...Object.fromEntries(
      [
        ...['principal_misaligned', 'subject_misaligned', 'root_not_subject', 'subject_not_accepted'],
        ...['command_not_covered', 'command_unknown', 'policy_unsatisfied', 'policy_over_budget'],
      ].map((code) => [code, 403]),
    ),
  }
  const vectors = [...chosenVectors()].map(([code, { container }]) =>
    row(`a vector: ${code}`, request(`/vector/${code}`, [named(container as string)]), statuses[code] ?? 401, { code }),
  )
  const at = async (path: string, status: number, code: string, container?: string): Promise<Row> =>
    row(code, request(path, [named(container ?? (await containerOf()))]), status, { code })
  const twice = request('/mail', [named(await containerOf())])
  return [
    ...vectors,
    row('sent twice', twice, 401, { requests: [twice, twice], code: 'replayed', runs: 1 }),
    row('another command', request('/send', [named(await containerOf('/mail/json'))]), 403, {
      code: 'command_mismatch',
    }),
    row('a command without a handler', request('/mail', [named(await containerOf('/mail/none'))]), 403, {
      code: 'command_unknown',
    }),
    await at('/audit', 503, 'audit_unavailable'),
    await at('/deadline', 503, 'deadline_exceeded'),
    await at('/audience-unknown', 503, 'audience_unknown'),
    await at('/subject-unknown', 503, 'subject_unknown'),
    await at('/not-accepted', 403, 'subject_not_accepted'),
    await at('/credential-missing', 403, 'credential_missing'),
    await at('/credential-unknown', 503, 'credential_unknown'),
    await at('/internal', 503, 'internal_error'),
    await at('/closed', 503, 'closed'),
    await at('/overloaded', 503, 'overloaded'),
    await at('/unlimited', 403, 'limit_unsupported', await limitedContainer(['limit/uses', 5])),
    await at('/exhausted', 403, 'limit_exhausted', await limitedContainer(['limit/uses', 1])),
    await at('/busy', 429, 'limit_busy', await limitedContainer(['limit/concurrent', 1])),
    await at('/limit-unknown', 503, 'limit_unknown', await limitedContainer(['limit/uses', 9])),
  ]
}

async function besideOauth(): Promise<readonly Row[]> {
  const at = (title: string, lines: HeaderLines, status: number, code?: string): Row =>
    row(title, request('/oauth', lines), status, { ...(code !== undefined && { code }) })
  const one = await containerOf()
  return [
    at('an OAuth token beside a header', [`authorization: Bearer ${jwt}`, named(one)], 200),
    at('an OAuth token alone', [`authorization: Bearer ${jwt}`], 401, 'container_missing'),
    at('a container as the token', [bearer(await containerOf())], 200),
    at('a container beside a container', [bearer(one), named(one)], 400, 'container_unreadable'),
    at(
      'a container in disguise beside a header',
      [`authorization: Bearer .${one}`, named(one)],
      400,
      'container_unreadable',
    ),
  ]
}

async function revocations(): Promise<readonly Row[]> {
  const chain = await chainOf(bob, alice)
  const proofs = await chainOf(alice, bob)
  const revocation = await revoke({ issuer: alice, delegation: proofs[0] as never })
  const own = await revoke({ issuer: bob, delegation: chain[0] as never })
  const sent = encodeContainer([revocation, ...proofs])
  const at = (title: string, container: string, status: number, code?: string, path = '/revocations'): Row =>
    row(title, request(path, [inBody], container), status, { runs: 0, ...(code !== undefined && { code }) })
  return [
    at('a revocation', sent, 204),
    at('the same again', sent, 204),
    at('a revocation of a stranger', encodeContainer([own, ...chain]), 403, 'subject_not_accepted'),
    at('a call', encodeContainer([await call({ issuer: bob, proofs }), ...proofs]), 400, 'malformed'),
    at('a revocation for a service without a registry', sent, 400, 'unsupported', '/no-revocations'),
  ]
}
