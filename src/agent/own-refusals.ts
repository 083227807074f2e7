import type { Denial } from '../core/authorization/denial.ts'
import { callback, maybe, type OptionChecks, readOptions, withMethod } from '../support/options.ts'
import { quietly } from '../support/quietly.ts'
import { secondsOf } from '../support/seconds-of.ts'
import type { AgentRefusal, RefusalRecord } from './agent.ts'
import { pathOf } from './command-path.ts'
import type { AgentAudit, OpenAgentOptions } from './options.ts'
import type { Holder, Intended } from './permission.ts'

/** Records the refusals of an agent. */
export type RecordRefusal = (call: Intended, refusal: AgentRefusal) => Promise<void>

const auditChecks: OptionChecks<AgentAudit> = Object.freeze({
  sink: withMethod('append'),
  pseudonymize: maybe(callback),
})

/**
 * Reports each call that the agent refuses by itself: such a call reaches no service, so no other log has it. A refusal
 * stays one if its record fails. AGT-41
 *
 * @returns undefined when nobody wants the reports.
 */
export function recordingRefusals(
  { did, clock }: Pick<Holder, 'did' | 'clock'>,
  { audit, onRefusal, onError = () => undefined }: Pick<OpenAgentOptions, 'audit' | 'onError' | 'onRefusal'>,
): RecordRefusal | undefined {
  if (audit === undefined && onRefusal === undefined) return undefined
  const given = audit && readOptions('`audit` of openAgent', audit, auditChecks)

  async function append(call: Intended, { denial, closest }: AgentRefusal): Promise<void> {
    if (given === undefined) return
    const { deniedEvent } = await import('../audit/events/describe-call.ts')
    const subject = call.subject ?? closest?.[0]?.issuer
    const event = await deniedEvent({
      // The facts of a signed call do not exist.
      denial: withoutCall(denial),
      time: secondsOf(clock),
      call: {
        ...{ invoker: did, command: pathOf(call.command) },
        ...(subject !== undefined && { subject }),
        ...(closest !== undefined && { chain: closest.map(({ cid }) => String(cid)) }),
      },
      ...(given.pseudonymize !== undefined && { privacy: { pseudonymize: given.pseudonymize } }),
    })
    await given.sink.append({ ...event, authenticated: true }, {})
  }

  return async (call, refusal) => {
    // A question about the command alone is not a call.
    if (call.args === undefined) return
    const report: RefusalRecord = Object.freeze({
      command: pathOf(call.command),
      args: call.args,
      denial: refusal.denial,
      time: secondsOf(clock),
    })
    quietly(() => onRefusal?.(report))
    await append(call, refusal).catch((error: unknown) => quietly(() => onError(error)))
  }
}

function withoutCall({ call: _, ...denial }: Denial): Denial {
  return denial
}
