// node only: reads and writes files

import { type Did, type IpldMap, parseDid } from 'procura'
import { ArgumentError } from 'procura/errors'
import { openContainer } from 'procura/token'
import { sleep } from '#support/back-off.ts'
import { startDeadline } from '#support/deadline.ts'
import {
  abortSignal,
  milliseconds,
  type OptionChecks,
  objectValue,
  readOptions,
  withDefault,
} from '#support/options.ts'
import { quote } from '#support/quote.ts'
import type { GatewayConfig } from '../../configuration/read-gateway-config.ts'
import { approvalId, codeMs } from './approval-files.ts'
import { randomApprovalId } from './id-texts.ts'
import { pageFiles } from './page-files.ts'
import { runKey } from './page-run.ts'

/** Options of {@link startPageEnrolment}. */
export interface StartPageEnrolmentOptions {
  /** The configuration of the gateway, from `readGatewayConfig`. The gateway must run. */
  readonly config: GatewayConfig
  /** Milliseconds for the person to open the link. Default 600,000, and at most. */
  readonly timeoutMs?: number
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined
}

/** The enrolment of a browser. */
export interface PageEnrolment {
  /** The link to open in the browser. It is for one key, and a secret until then. */
  readonly link: string
  /** Pass it as `meta` of the delegation to the key, which is an approver in this run of the gateway only. */
  readonly meta: IpldMap
  /** Whether the run lasts when the gateway is started again: no other process can listen at the place of the page. */
  readonly isLasting: boolean
  /**
   * Waits for the key of the browser. Compare it with the page before you delegate to it.
   *
   * @throws ArgumentError after `timeoutMs`; the reason of `signal` when it is aborted.
   */
  approver(): Promise<Did>
  /**
   * Stores the delegation of an owner to the key, as a container. The gateway takes it at once.
   *
   * @throws ArgumentError when it is another delegation, or the run of the gateway has ended.
   */
  keep(enrolment: string): Promise<void>
  /** Ends the validity of the link. */
  close(): Promise<void>
}

/** Milliseconds between two looks for the key. */
const lookMs = 200

const checks = Object.freeze({
  config: objectValue,
  timeoutMs: withDefault(milliseconds, codeMs),
  signal: abortSignal,
}) satisfies OptionChecks<StartPageEnrolmentOptions>

/**
 * Begins to make the key of a browser an approver, for the page of a gateway that runs. APR-95
 *
 * @throws ArgumentError when an option is invalid, or the gateway serves no page.
 *
 * @example
 * ```ts
 * import { delegate, encodeContainer } from 'procura'
 * import { readGatewayConfig, startPageEnrolment } from 'procura-cli'
 *
 * const config = await readGatewayConfig('/home/ada/.config/procura/gateway.json')
 * const page = await startPageEnrolment({ config })
 * console.log(page.link)
 * const audience = await page.approver()
 * const grant = await delegate({ issuer: owner, audience, command: '/mcp', meta: page.meta })
 * await page.keep(encodeContainer([grant]))
 * await page.close()
 * ```
 */
export async function startPageEnrolment(options: StartPageEnrolmentOptions): Promise<PageEnrolment> {
  const { config, timeoutMs, signal } = readOptions<StartPageEnrolmentOptions, typeof checks>(
    'startPageEnrolment',
    options,
    checks,
  )
  const files = pageFiles(config.approvalsFolder)
  const [, run, url, lasting] =
    /^([a-z2-7]{16}) (http:\/\/\S{1,128}\/)( lasting)?$/.exec((await files.run()) ?? '') ?? []
  if (run === undefined || url === undefined)
    throw new ArgumentError(
      `the gateway of ${quote(config.path, 256)} serves no page; add \`approvals.page\`, such as "127.0.0.1:7335", run \`procura stop\` if it runs, and \`procura start\``,
    )
  const code = randomApprovalId()
  await files.putCode(code, run)
  return Object.freeze({
    link: `${url}#enroll-${code}`,
    meta: Object.freeze({ [runKey]: run }),
    isLasting: lasting !== undefined,
    async approver() {
      const deadline = startDeadline(signal === undefined ? [] : [signal], Math.min(timeoutMs, codeMs))
      try {
        for (;;) {
          const did = await files.offer(code)
          if (did !== undefined) return parseDid(did)
          signal?.throwIfAborted()
          if (deadline.signal.aborted) throw new ArgumentError('the link was not opened in time; begin again')
          await sleep(lookMs, deadline.signal)
        }
      } finally {
        deadline.end()
      }
    },
    async keep(enrolment: string) {
      const last = (await openContainer(enrolment)).delegations.at(-1)
      if (last?.meta?.[runKey] !== run) throw new ArgumentError('`enrolment` must be a delegation with the `meta`')
      if ((await files.run())?.startsWith(`${run} `) !== true)
        throw new ArgumentError('the gateway has ended, or was started again; nothing is enrolled, begin again')
      await files.putEnrolment(approvalId(last.cid), enrolment)
    },
    close: () => files.removeCode(code),
  })
}
