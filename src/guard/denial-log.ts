import type { CallFacts, RevocationAge } from '../audit/events/event.ts'
import { type SampleDenialsOptions, type SuppressedDenials, sampleDenials } from '../audit/sample-denials.ts'
import { AuditError } from '../errors.ts'
import { startBackgroundTimer } from '../support/background-timer.ts'
import { longestMs } from '../support/options.ts'
import type { GuardDenial } from './result.ts'

/** Facts of a record that are known beside the decision. */
export type UndecidedFacts = RevocationAge & Pick<CallFacts, 'claimed'>

/** Options of {@link createDenialLog}. */
export interface DenialLogOptions {
  readonly sampling: SampleDenialsOptions
  /** Records a refusal. Rejects when it is not confirmed. */
  readonly record: (denial: GuardDenial, durationMs: number, age: UndecidedFacts | undefined) => Promise<void>
  /** Records the number of omitted refusals. Rejects when it is not confirmed. */
  readonly report: (denials: SuppressedDenials) => Promise<void>
  /** Receives the error of a report that no caller waits for. */
  readonly onError: (error: unknown) => void
}

/** Records refusals, and counts the omitted ones. */
export interface DenialLog {
  /**
   * Records a refusal, unless there are too many. Rejects when it is not confirmed, and after {@link DenialLog.close}.
   */
  denied(denial: GuardDenial, durationMs: number, age: UndecidedFacts | undefined): Promise<void>
  /**
   * Waits for records in progress, and records the number of omitted refusals. Rejects when that is not confirmed.
   * Nothing is recorded afterwards.
   */
  close(): Promise<void>
}

/**
 * Makes the log of the refusals of a guard. Refusals that are omitted, or cannot be recorded, are counted. The count is
 * recorded a period later, or at the end, even without further calls. AUD-42
 */
export function createDenialLog({ sampling, record, report, onError }: DenialLogOptions): DenialLog {
  const sampler = sampleDenials(sampling)
  let timer: ReturnType<typeof setTimeout> | undefined
  let closed = false
  /** Records in progress. The refusals of a record that fails are counted again. */
  const underWay = new Set<Promise<unknown>>()

  async function tracked(work: Promise<void>): Promise<void> {
    const settled = work.catch(() => undefined)
    underWay.add(settled)
    try {
      await work
    } finally {
      underWay.delete(settled)
    }
  }

  /** Starts the timer of the next report. */
  function begin(): void {
    if (closed || timer !== undefined) return
    timer = startBackgroundTimer(() => void reportAll().catch(onError), Math.min(sampler.period * 1_000, longestMs))
  }

  async function reportAll(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const results = await Promise.allSettled(sampler.take().map((denials) => tracked(reportOne(denials))))
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  async function reportOne(denials: SuppressedDenials): Promise<void> {
    try {
      await report(denials)
    } catch (error) {
      sampler.giveBack(denials)
      begin()
      throw error
    }
  }

  async function recordOne(invoker: string | undefined, task: () => Promise<void>): Promise<void> {
    // The timer may not have run, or not in time.
    const reported = sampler.isDue() ? reportAll().catch(onError) : undefined
    try {
      await task()
    } catch (error) {
      sampler.lose(invoker)
      begin()
      throw error
    } finally {
      await reported
    }
  }

  return {
    async denied(denial, durationMs, age) {
      if (closed)
        throw new AuditError('ERR_AUDIT_CLOSED', 'the refusal of a call is not recorded, because the guard is closed')
      const invoker = denial.call?.authenticated === true ? denial.call.invoker : undefined
      if (sampler.admit(invoker)) await tracked(recordOne(invoker, () => record(denial, durationMs, age)))
      else begin()
    },
    async close() {
      closed = true
      await Promise.all(underWay)
      await reportAll()
    },
  }
}
