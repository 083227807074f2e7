/**
 * Telemetry of a guard: spans for tracing, events for metrics. Neither contains arguments, tokens or secrets. A
 * listener cannot change a decision, and no decision waits for its promise.
 *
 * @module
 */

import type { Command } from '../core/capability/command.ts'
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

/** An event for counters and histograms. */
export type GuardEvent =
  | {
      readonly name: 'decided'
      readonly allowed: boolean
      /** The code of the denial. */
      readonly code?: GuardDenialCode
      readonly command?: Command
      readonly durationMs: number
    }
  | {
      /** A call that was refused without a denial of the decision: overload, closing, or an unconfirmed record. */
      readonly name: 'refused'
      readonly code: GuardDenialCode
      /** The command, if the call had been allowed. */
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
      /** An intent without an outcome was closed as `unknown`, for example of a process that was killed. */
      readonly name: 'recovered'
      readonly command: string
      /** The `id` of the intent. */
      readonly intent: string
      /** Whether the log records the release of a credential for it. If false, one may still have been released. */
      readonly released: boolean
    }

/** Listeners of a guard. Errors that they throw or reject with are ignored. */
export interface TelemetryOptions {
  /**
   * Receives a span for each step, with the names of agent tooling: `ucan.verify` (the decision), `audit.intent`,
   * `vault.lease` (the release of a credential), `audit.outcome`. Attributes: `gen_ai.tool.name`, the command of an
   * allowed call; `error.type`, the code of a denial or of an error.
   */
  readonly tracer?: Tracer
  /** Receives an event for each decision, refusal, release and end of a call, and for each recovered intent. */
  readonly onEvent?: (event: GuardEvent) => void
  /** Receives the error of a store, resolver, sink or lease, after which the guard continued or refused the call. */
  readonly onError?: (error: unknown) => void
}

/** Names of the spans of a guard. */
export type SpanName = 'ucan.verify' | 'audit.intent' | 'vault.lease' | 'audit.outcome'

/** Sets an attribute of the current span. */
export type SetAttribute = (name: 'gen_ai.tool.name' | 'error.type', value: string) => void

/** Reports events, errors and spans. It never throws. */
export interface Telemetry {
  /** Whether anybody receives events. */
  readonly isHeard: boolean
  event(event: GuardEvent): void
  error(error: unknown): void
  /** Runs a step in a span, and sets `error.type` if it fails. The step may set further attributes. */
  span<T>(name: SpanName, step: (set: SetAttribute) => Promise<T>): Promise<T>
  /** The same for a step that may end at once. */
  span<T>(name: SpanName, step: (set: SetAttribute) => T | Promise<T>): T | Promise<T>
}

/** Makes the reporter of a guard. */
export function createTelemetry({ tracer, onEvent, onError }: TelemetryOptions): Telemetry {
  return {
    isHeard: onEvent !== undefined,
    event: (event) => quietly(() => onEvent?.(event)),
    error: (error) => quietly(() => onError?.(error)),
    span: <T>(name: SpanName, step: (set: SetAttribute) => T | Promise<T>) =>
      tracer === undefined ? step(ignore) : runInSpan(tracer, name, step),
  } as Telemetry
}

function ignore(): void {}

async function runInSpan<T>(tracer: Tracer, name: SpanName, step: (set: SetAttribute) => T | Promise<T>): Promise<T> {
  const span = quietly(() => tracer.startSpan(name))
  const set: SetAttribute = (attribute, value) => void quietly(() => span?.setAttribute(attribute, value))
  try {
    return await step(set)
  } catch (error) {
    set('error.type', errorCode(error))
    throw error
  } finally {
    quietly(() => span?.end())
  }
}

/**
 * The stable code of an error, for records. Its message is not recorded, because it may contain a secret. A handler can
 * throw any value, even one that throws when it is inspected.
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
