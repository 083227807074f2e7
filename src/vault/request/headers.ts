import type { Processor } from '../processor.ts'
import type { CredentialRules } from '../rules/credential-rules.ts'
import { headerAsRead, kindOfHeader } from './kind-of-header.ts'

/**
 * Copies the headers of a caller that may be sent: those that the credential lists, or without a list all but those that
 * by their usual names carry authority, smuggle a body, or make a server treat the request as another one.
 */
export function safeHeaders(
  given: Readonly<Record<string, string>> | Headers | undefined,
  { headers: listed, processor }: Pick<CredentialRules, 'headers'> & { readonly processor: Processor },
): Headers {
  const headers = new Headers(given)
  const written = processor.headers.map(headerAsRead)
  // ORG-15
  const isSent = (name: string): boolean => listed?.includes(name) ?? kindOfHeader(name) === undefined
  for (const name of [...headers.keys()]) {
    if (!isSent(name) || written.includes(headerAsRead(name))) headers.delete(name)
  }
  return headers
}
