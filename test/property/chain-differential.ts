/**
 * The library's authorization against the reference: both allow, or both refuse and the library's reason is one of
 * those that the reference collected.
 *
 * @module
 */
import { authorize } from '../../src/core/authorization/authorize.ts'
import type { Decision } from '../../src/core/authorization/decision.ts'
import { type AuthorizeOptions, uncheckedCommands } from '../../src/core/authorization/options.ts'
import type { ReplayStore } from '../../src/core/authorization/replay-store.ts'
import { type CommandDefinition, defineCommand } from '../../src/core/capability/definition.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import type { RevocationRecord } from '../../src/core/revocation/revocation-store.ts'
import { never } from '../../src/time.ts'
import { type Reason, type ReferenceQuestion, referenceAuthorize } from '../reference/chain.ts'
import { fromJson, toJson } from '../reference/dag-json.ts'
import { writeContainer } from '../reference/writer.ts'
import { keys } from './ipld-arbitrary.ts'
import type { Scenario } from './scenario.ts'

// Accepts any signed value, also undefined: Standard Schema v1, marked as optional.
const anything = {
  optional: true,
  '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
} as const

const anyArguments = Object.fromEntries([...keys, 'x'].map((key) => [key, anything]))

/** A definition of a command that takes any of the arguments that scenarios have. */
function openCommand(command: string): CommandDefinition {
  return defineCommand({ command, args: anyArguments })
}

/** The options that make the library answer the same question. */
export function optionsOf(question: ReferenceQuestion): AuthorizeOptions {
  const revoked = (question.revoked ?? []) as readonly RevocationRecord[]
  return {
    audience: question.audience,
    subjects: question.subjects === 'any' ? anySubject : question.subjects,
    commands: question.commands === 'any' ? uncheckedCommands : question.commands.map(openCommand),
    revocations: { findRevocations: (ids) => revoked.filter(({ id }) => ids.includes(id)) },
    replay: replayOf(question),
    clock: { now: () => question.now },
    clockTolerance: question.skew ?? 60,
    maxInvocationLifetime: question.maxLifetime === 'never' ? never : (question.maxLifetime ?? 300),
    minimumNonceBytes: question.minNonce ?? 12,
    accept: question.releaseCandidate === true ? ['1.0.0', '1.0.0-rc.1'] : ['1.0.0'],
    acceptRedundantFields: question.lenient === true,
    onError: (error) => {
      throw error
    },
  }
}

// `spec/replay.md`: the key is the SHA-256 of the signed bytes; the interface requires base64url.
function replayOf({ seen }: ReferenceQuestion): ReplayStore {
  const claimed = new Set([...(seen ?? [])].map((hex) => Buffer.from(hex, 'hex').toString('base64url')))
  return {
    claim: (key) => {
      if (claimed.has(key)) return false
      claimed.add(key)
      return true
    },
  }
}

/** Asks the library. */
export function askLibrary(question: ReferenceQuestion): Promise<Decision> {
  return authorize(writeContainer(question.tokens), optionsOf(question))
}

/**
 * Throws if the two disagree; otherwise returns the reasons of the reference, or an empty list if both allow the call.
 */
export async function expectSameDecision(
  question: ReferenceQuestion,
  scenario?: Scenario,
): Promise<ReadonlySet<Reason>> {
  const reference = referenceAuthorize(question)
  const decision = await askLibrary(question)
  const same = decision.allowed ? reference.allowed : reference.reasons.has(decision.denial.code as Reason)
  if (same) return reference.reasons
  const library = decision.allowed ? 'allowed' : `${decision.denial.code} (${decision.denial.message})`
  const expected = reference.allowed ? 'allowed' : [...reference.reasons].join(', ')
  const written = JSON.stringify(writeQuestion(question))
  throw new Error(`library: ${library}; reference: ${expected}; ${JSON.stringify(toJson(scenario))}; ${written}`)
}

/** A question in the form of a corpus file. */
function writeQuestion(question: ReferenceQuestion): unknown {
  return toJson({ ...question, revoked: question.revoked ?? [], seen: [...(question.seen ?? [])] })
}

/** The same, read back. */
export function readQuestion(written: unknown): ReferenceQuestion {
  const question = fromJson(written) as ReferenceQuestion & { readonly seen: readonly string[] }
  return { ...question, seen: new Set(question.seen) }
}
