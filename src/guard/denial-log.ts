import { type SampleDenialsOptions, type SuppressedDenials, sampleDenials } from '../audit/sample-denials.ts'
import type { GuardDenial } from './result.ts'

/** What a {@link DenialLog} needs of the trail that it is a part of. */
export interface DenialLogOptions {
  readonly sampling: SampleDenialsOptions
  /** Records a refusal. Rejects when it is not confirmed. */
  readonly record: (denial: GuardDenial, durationMs: number) => Promise<void>
  /** Records how many were left out. Rejects when it is not confirmed. */
  readonly tell: (denials: SuppressedDenials) => Promise<void>
  /** Gets what failed when nobody waited for it. */
  readonly onError: (error: unknown) => void
}

/** Records refusals, and how many were not. */
export interface DenialLog {
  /** Records a refusal, unless too many were. */
  denied(denial: GuardDenial, durationMs: number): Promise<void>
  /** Records what was left out and not told yet. Nothing is told afterwards. */
  close(): Promise<void>
}

/**
 * Makes the log of the refusals of a guard. What is left out, or cannot be recorded, is counted, and the count is recorded
 * a period later, or at the end: no call has to come for that.
 */
export function createDenialLog({ sampling, record, tell, onError }: DenialLogOptions): DenialLog {
  const sampler = sampleDenials(sampling)
  let timer: ReturnType<typeof setTimeout> | undefined
  let closed = false

  /** Sees to it that what was left out is told, also when no further call comes. */
  function begin(): void {
    if (closed || timer !== undefined) return
    timer = setTimeout(() => void tellAll().catch(onError), Math.min(sampler.period * 1_000, longestMs))
    // Where timers keep a process from ending, this one does not.
    if (typeof timer === 'object') timer.unref()
  }

  async function tellAll(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const results = await Promise.allSettled(sampler.take().map(tellOne))
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  async function tellOne(denials: SuppressedDenials): Promise<void> {
    try {
      await tell(denials)
    } catch (error) {
      sampler.giveBack(denials)
      begin()
      throw error
    }
  }

  return {
    async denied(denial, durationMs) {
      const invoker = denial.call?.authenticated === true ? denial.call.invoker : undefined
      if (!sampler.admit(invoker)) return begin()
      // A timer may not have run, or not in time.
      const told = sampler.isDue() ? tellAll().catch(onError) : undefined
      try {
        await record(denial, durationMs)
      } catch (error) {
        sampler.lose(invoker)
        begin()
        throw error
      } finally {
        await told
      }
    },
    async close() {
      closed = true
      await tellAll()
    },
  }
}

/** The longest time that timers of the platform measure, in milliseconds. */
const longestMs = 2_147_483_647
