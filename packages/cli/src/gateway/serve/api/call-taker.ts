// node only: works with parts that use files
import type { Authorization } from 'procura'
import type { RequestParts } from 'procura/http/binding'
import type { CallTaker } from 'procura/http/express'
import type { ApiConfig } from '../../configuration/read-gateway-config.ts'
import { ended } from '../server-view.ts'
import type { Snapshots } from '../snapshots.ts'

/** Takes the call of one request. */
export interface RequestTaker extends CallTaker {
  /** Whether the request had a call that was decided, and is on record. */
  readonly isAsked: () => boolean
}

/**
 * Decides about the call, and sends its request.
 *
 * @param begin - called before the call is decided.
 */
export function decidingTaker(
  api: string,
  config: ApiConfig,
  snapshots: Pick<Snapshots, 'current'>,
  begin: () => void,
  admit: (call: Pick<Authorization, 'principals'>) => boolean,
): RequestTaker {
  let isAsked = false
  return {
    isAsked: () => isAsked,
    async call(container, options) {
      begin()
      const present = snapshots.current()
      // GTW-63: the client has signed for the configuration with which its connection began.
      if (present.apis.get(api) !== config) return ended
      isAsked = true
      return present.service.call(container, { ...options, admit })
    },
    revoke: (container, options) => snapshots.current().service.revoke(container, options),
  }
}

/** Records the decision, and sends the request whether it is allowed or not. */
export function observingTaker(
  api: string,
  config: ApiConfig,
  snapshots: Pick<Snapshots, 'current'>,
  begin: () => void,
  onRefusal: (message: string) => void,
): RequestTaker {
  let isAsked = false
  return {
    isAsked: () => isAsked,
    async call(container, options = {}) {
      begin()
      const present = snapshots.current()
      if (present.apis.get(api) !== config) return ended
      isAsked = true
      const { request, ...call } = options
      const decision = await present.guard.dryRun(container, call)
      if (!decision.allowed) {
        const { code, message } = decision.denial
        onRefusal(`dry run: a request would be refused (${code}): ${message}`)
      }
      const received = typeof request === 'function' ? request() : (request as Request)
      return {
        allowed: true,
        recorded: true,
        value: await present.own.forward(api, call.args as unknown as RequestParts, received),
      }
    },
    revoke: (container, options) => snapshots.current().service.revoke(container, options),
  }
}
