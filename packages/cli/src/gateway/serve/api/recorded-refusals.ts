// node only: answers requests of node:http
import type { ServerResponse } from 'node:http'
import type { NodeOutgoing } from 'procura/http/express'
import { type RecordDenialsOptions, recordRefusal } from '../record-denials.ts'
import type { RequestTaker } from './call-taker.ts'

/**
 * Records a request that is refused before the guard is asked: one without a call, or one that cannot be bound. The
 * answer waits for the record. GTW-64
 *
 * @param isAsked - whether the guard was asked, which records its own refusals.
 * @returns the response in its place.
 */
export function recordedRefusals(
  response: ServerResponse,
  { isAsked }: Pick<RequestTaker, 'isAsked'>,
  command: string,
  recording: Omit<RecordDenialsOptions, 'server'>,
): NodeOutgoing {
  return {
    get headersSent() {
      return response.headersSent
    },
    get writableFinished() {
      return response.writableFinished
    },
    get destroyed() {
      return response.destroyed
    },
    get statusCode() {
      return response.statusCode
    },
    set statusCode(status) {
      response.statusCode = status
    },
    setHeader: (name, value) => response.setHeader(name, value),
    write: (chunk) => response.write(chunk),
    destroy: () => response.destroy(),
    once: (event, listener) => response.once(event, listener),
    off: (event, listener) => response.off(event, listener),
    end(chunk?: string) {
      const code = isAsked() || response.statusCode < 400 ? undefined : codeOf(chunk)
      if (code === undefined) return response.end(chunk)
      return recordRefusal(recording, { code, command }).finally(() => response.end(chunk))
    },
  }
}

/** The code of a problem document of an adapter. */
function codeOf(problem: string | undefined): string | undefined {
  try {
    const { code } = JSON.parse(problem ?? '') as { readonly code?: unknown }
    return typeof code === 'string' ? code : undefined
  } catch {
    return undefined
  }
}
