/**
 * What a guard tells monitoring: spans for tracing, events for metrics. Neither holds arguments, tokens or secrets, and
 * neither can change or delay a decision.
 *
 * @module
 */

import type { Command } from '../capability/command.ts'
import { quietly } from '../support/quietly.ts'
import type { GuardDenialCode } from './result.ts'

/** The part of an OpenTelemetry span that is used. */
export interface Span {
  setAttribute(name: string, value: string | number | boolean): unknown
  end(): void
}

/** The part of an OpenTelemetry tracer that is used; `trace.getTracer('procura')` is one. */
export interface Tracer {
  startSpan(name: string): Span
}

/** What happened, for counters and histograms. */
export type GuardEvent =
  | {
      readonly name: 'decided'
      readonly allowed: boolean
      /** Why not. */
      readonly code?: GuardDenialCode
      readonly command?: Command
      readonly durationMs: number
    }
  | {
      /** A call that was refused for another reason than the decision: too many, closing, or a record that is not confirmed. */
      readonly name: 'refused'
      readonly code: GuardDenialCode
      /** Of a call that had been allowed. */
      readonly command?: Command
    }
  | { readonly name: 'released'; readonly command: Command; readonly durationMs: number }
  | {
      readonly name: 'finished'
      readonly command: Command
      readonly status: 'ok' | 'error' | 'unknown'
      readonly durationMs: number
    }
  | {
      /** An intent without an outcome was closed as `unknown`: a call in whose midst a process ended, for one. */
      readonly name: 'recovered'
      readonly command: string
      /** The `id` of the intent. */
      readonly intent: string
      /** Whether the log says that a credential was released for it. Without that it may have been all the same. */
      readonly released: boolean
    }

/** Where a guard reports to. What these throw, or reject with, is ignored. */
export interface TelemetryOptions {
  /**
   * Gets a span for each step, under the names that agent tooling uses: `ucan.verify` (the decision), `audit.intent`,
   * `vault.lease` (the release of a credential), `audit.outcome`. Attributes: `gen_ai.tool.name`, the command once it is
   * believed; `error.type`, the code of a denial or of what was thrown.
   */
  readonly tracer?: Tracer
  /** Gets an event for each decision, refusal, release and end of a call, and for each intent that was recovered. */
  readonly onEvent?: (event: GuardEvent) => void
  /** Gets the error when a store, resolver, sink or lease failed and the guard went on, or refused, without it. */
  readonly onError?: (error: unknown) => void
}

/** Names of the spans of a guard. */
export type SpanName = 'ucan.verify' | 'audit.intent' | 'vault.lease' | 'audit.outcome'

/** Sets an attribute of the present span. */
export type SetAttribute = (name: 'gen_ai.tool.name' | 'error.type', value: string) => void

/** Reports without ever failing. */
export interface Telemetry {
  event(event: GuardEvent): void
  error(error: unknown): void
  /** Runs a step in a span, which says how it ended by `error.type`; the step may set attributes itself. */
  span<T>(name: SpanName, step: (set: SetAttribute) => Promise<T>): Promise<T>
}

/** Makes the reporter of a guard. */
export function createTelemetry({ tracer, onEvent, onError }: TelemetryOptions): Telemetry {
  return {
    event: (event) => quietly(() => onEvent?.(event)),
    error: (error) => quietly(() => onError?.(error)),
    async span(name, step) {
      const span = quietly(() => tracer?.startSpan(name))
      const set: SetAttribute = (attribute, value) => void quietly(() => span?.setAttribute(attribute, value))
      try {
        return await step(set)
      } catch (error) {
        set('error.type', errorCode(error))
        throw error
      } finally {
        quietly(() => span?.end())
      }
    },
  }
}

/**
 * The stable code of an error, for records: never its message, which may quote what it should not. Handlers can throw
 * anything, also what throws itself when it is looked at.
 */
export function errorCode(error: unknown): string {
  return quietly(() => codeOf(error)) ?? 'Error'
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { code } = error as { readonly code?: unknown }
  if (typeof code === 'string' && /^[A-Za-z0-9_.-]{1,64}$/.test(code)) return code
  const name: unknown = error instanceof Error ? error.name : undefined
  return typeof name === 'string' && /^[A-Za-z]{1,64}$/.test(name) ? name : undefined
}
