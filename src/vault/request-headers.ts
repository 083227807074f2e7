import { headerAsRead, kindOfHeader } from './kind-of-header.ts'
import type { Processor } from './processor.ts'

/**
 * Copies the headers of a caller, without those that by their usual names carry authority, smuggle a body, or make a
 * server treat the request as one for another host, path or method than the one that was checked.
 */
export function safeHeaders(
  given: Readonly<Record<string, string>> | Headers | undefined,
  processor: Processor,
): Headers {
  const headers = new Headers(given)
  const written = processor.headers.map(headerAsRead)
  for (const name of [...headers.keys()]) {
    if (kindOfHeader(name) !== undefined || written.includes(headerAsRead(name))) headers.delete(name)
  }
  return headers
}
