import { type SampleDenialsOptions, type SuppressedDenials, sampleDenials } from '../audit/sample-denials.ts'
import { AuditError } from '../errors.ts'
import { startBackgroundTimer } from '../support/background-timer.ts'
import { longestMs } from '../support/options.ts'
import type { GuardDenial } from './result.ts'

/** Options of {@link createDenialLog}. */
export interface DenialLogOptions {
  readonly sampling: SampleDenialsOptions
  /** Records a refusal. Rejects when it is not confirmed. */
  readonly record: (denial: GuardDenial, durationMs: number) => Promise<void>
  /** Records how many were left out. Rejects when it is not confirmed. */
  readonly report: (denials: SuppressedDenials) => Promise<void>
  /** Gets the error of a report that nobody waited for. */
  readonly onError: (error: unknown) => void
}

/** Records refusals, and how many were not. */
export interface DenialLog {
  /** Records a refusal, unless too many were. Rejects when it is not confirmed, and after {@link DenialLog.close}. */
  denied(denial: GuardDenial, durationMs: number): Promise<void>
  /**
   * Waits for the records that are under way, and records how many refusals were left out. Rejects when that is not
   * confirmed. Nothing is recorded afterwards.
   */
  close(): Promise<void>
}

/**
 * Makes the log of the refusals of a guard. Refusals that are left out, or cannot be recorded, are counted. The count is
 * recorded a period later, or at the end: no call has to come for that.
 */
export function createDenialLog({ sampling, record, report, onError }: DenialLogOptions): DenialLog {
  const sampler = sampleDenials(sampling)
  let timer: ReturnType<typeof setTimeout> | undefined
  let closed = false
  /** Records whose answer is not known yet: the refusals of one that fails are counted again. */
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

  async function recordOne(denial: GuardDenial, durationMs: number, invoker: string | undefined): Promise<void> {
    // A timer may not have run, or not in time.
    const reported = sampler.isDue() ? reportAll().catch(onError) : undefined
    try {
      await record(denial, durationMs)
    } catch (error) {
      sampler.lose(invoker)
      begin()
      throw error
    } finally {
      await reported
    }
  }

  return {
    async denied(denial, durationMs) {
      if (closed)
        throw new AuditError('ERR_AUDIT_CLOSED', 'the guard has closed: the refusal of a call is not recorded')
      const invoker = denial.call?.authenticated === true ? denial.call.invoker : undefined
      if (sampler.admit(invoker)) await tracked(recordOne(denial, durationMs, invoker))
      else begin()
    },
    async close() {
      closed = true
      await Promise.all(underWay)
      await reportAll()
    },
  }
}
