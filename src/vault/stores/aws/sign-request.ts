import { encodeHex } from '../../../core/ipld/hex.ts'
import { VaultError } from '../../../errors.ts'
import { sha256Bytes } from '../../../support/digest.ts'
import type { Timestamp } from '../../../time.ts'
import type { OutgoingRequest } from '../../processor.ts'
import { type AwsKeys, amzDate, authorizationHeader } from './sigv4.ts'

/** Headers that signing adds. */
export const awsHeaders: readonly string[] = Object.freeze([
  'authorization',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
])

/**
 * Signs a request to an AWS service. AWS computes the canonical form of the query that it receives, so the query is
 * sent as it is.
 *
 * @throws VaultError `ERR_VAULT_ORIGIN_REFUSED` when the query is not percent-encoded UTF-8, which has no such form.
 */
export async function signAwsRequest(
  request: OutgoingRequest,
  keys: AwsKeys,
  options: { readonly region: string; readonly service: string; readonly time: Timestamp },
): Promise<OutgoingRequest> {
  const url = new URL(request.url)
  const query = parametersOf(url)
  const headers = new Headers(request.headers)
  const s3 = options.service === 's3'
  const bodyHash = encodeHex(await sha256Bytes(request.body ?? new Uint8Array(0)))
  headers.set('x-amz-date', amzDate(options.time))
  if (keys.sessionToken !== undefined) headers.set('x-amz-security-token', keys.sessionToken)
  if (s3) headers.set('x-amz-content-sha256', bodyHash)
  const signable = {
    method: request.method,
    // Every service except S3, whose keys may have empty segments, treats several slashes as one.
    path: s3 ? url.pathname : url.pathname.replaceAll(/\/{2,}/g, '/'),
    query,
    headers: [['host', url.host] as const, ...[...headers].filter(([name]) => isSigned(name))],
    bodyHash,
  }
  const pathRule = s3 ? 'encoded-once' : 'encoded-twice'
  headers.set('authorization', await authorizationHeader(signable, keys, options, pathRule))
  return { ...request, url, headers }
}

function parametersOf({ search, searchParams }: URL): readonly (readonly [string, string])[] {
  try {
    decodeURIComponent(search)
  } catch {
    throw new VaultError('ERR_VAULT_ORIGIN_REFUSED', 'the query must be percent-encoded UTF-8, because AWS decodes it')
  }
  return [...searchParams]
}

/** Signs the headers with a meaning for AWS. Platforms and proxies may add or change others. */
function isSigned(name: string): boolean {
  return name === 'content-type' || name.startsWith('x-amz-')
}
