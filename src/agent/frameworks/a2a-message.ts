/**
 * The argument that binds a call to one message of A2A.
 *
 * @module
 */

import { text } from '../../core/capability/argument-types/basic.ts'
import type { StandardSchema } from '../../core/capability/standard-schema.ts'
import { canonicalJson } from '../../support/canonical-json.ts'
import { contentDigest } from '../../support/digest.ts'

/** The part of a `SendMessageRequest` of A2A 1.0 that is used. */
export interface A2aSendRequest {
  readonly message?: A2aMessage | undefined
  readonly configuration?: object | undefined
  readonly metadata?: object | undefined
}

/** A message of A2A 1.0. */
export interface A2aMessage {
  readonly messageId: string
  readonly contextId?: string
  readonly taskId?: string
  readonly role?: number
  readonly parts: readonly A2aPart[]
  readonly metadata?: object | undefined
  readonly extensions?: readonly string[]
  readonly referenceTaskIds?: readonly string[]
}

/** A part of a message. */
export interface A2aPart {
  readonly content?: { readonly $case: string; readonly value?: unknown } | undefined
  readonly metadata?: object | undefined
  readonly filename?: string
  readonly mediaType?: string
}

/**
 * Makes the schema of the argument `message`, which binds a call to one message, for the definition of a command.
 *
 * @example
 * ```ts
 * import { defineCommand } from 'procura'
 * import { messageArguments } from 'procura/agent/a2a'
 *
 * const ask = defineCommand({ command: '/agent/ask', args: messageArguments() })
 * ```
 */
export function messageArguments(): { readonly message: StandardSchema<string> } {
  return Object.freeze({ message: text({ maxLength: 64 }) })
}

/**
 * The digest of a message, `sha-256=:…:`. Everything that an executor can act on is in it. A field of protocol
 * buffers that has its default value counts as absent, because a transport may leave it out.
 */
export async function messageDigest({ message, configuration, metadata }: A2aSendRequest): Promise<string> {
  const parts: unknown[] = []
  for (const part of message?.parts ?? []) parts.push(await readPart(part))
  const fields = [
    message?.messageId ?? '',
    message?.contextId ?? '',
    message?.taskId ?? '',
    message?.role ?? 0,
    parts,
    message?.metadata ?? {},
    message?.extensions ?? [],
    message?.referenceTaskIds ?? [],
    withoutDefaults(configuration) ?? {},
    metadata ?? {},
  ]
  return contentDigest(new TextEncoder().encode(canonicalJson(fields)))
}

async function readPart({ content, metadata, filename, mediaType }: A2aPart): Promise<unknown> {
  const { $case: kind = '', value } = content ?? {}
  const shown = value instanceof Uint8Array ? await contentDigest(value) : (value ?? null)
  return [kind, shown, metadata ?? {}, filename ?? '', mediaType ?? '']
}

/** The value without fields that are empty; undefined if nothing remains. */
export function withoutDefaults(value: unknown): unknown {
  if (value === undefined || value === null || value === '' || value === false || value === 0) return undefined
  if (Array.isArray(value)) return value.length === 0 ? undefined : value
  if (typeof value !== 'object') return value
  const fields = Object.entries(value).map(([name, item]) => [name, withoutDefaults(item)] as const)
  const present = fields.filter(([, item]) => item !== undefined)
  return present.length === 0 ? undefined : Object.fromEntries(present)
}
