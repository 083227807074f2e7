/**
 * What a credential may be used for: by which calls, and where it may be sent.
 *
 * @module
 */

import { decodedPathProblem } from '../../capability/argument-types/decoded-path.ts'
import { type Command, commandCovers, parseCommand } from '../../capability/command.ts'
import { type Did, parseDid } from '../../did/did.ts'
import { ArgumentError } from '../../errors.ts'
import {
  arrayOf,
  didString,
  flag,
  type MakeError,
  maybe,
  nonEmptyString,
  type OptionChecks,
  readOptions,
  withMethod,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import type { Processor } from '../processor.ts'
import { kindOfHeader } from '../request/kind-of-header.ts'
import { parseOrigins } from './origin.ts'

/**
 * The rules of one credential. They are the service's own configuration: nothing in a request can change them.
 *
 * With `origins` and `processor` the credential is sent by `Vault.use`. With `leasable` it is given to handlers by
 * `Vault.lease`, and nothing bounds where they send it.
 */
export interface CredentialOptions {
  /** Origins that it may be sent to, in full: `https://api.example.com`. Plain `http:` only for this machine. */
  readonly origins?: readonly string[]
  /** How it gets into a request. Needed with `origins`. */
  readonly processor?: Processor
  /** Methods that it may be used with. Default `GET` and `HEAD`. */
  readonly methods?: readonly string[]
  /** The path, and everything below it by whole segments, that it may be used for. Default `/`: the whole origin. */
  readonly pathPrefix?: string
  /**
   * Headers that a caller may send with it, and no others. Default: those whose names do not say that they carry
   * authority or reroute a request. A name that says the former may be listed, such as `Stripe-Account`.
   */
  readonly headers?: readonly string[]
  /** Commands, each with everything below it, whose calls may use it. Default: every command. */
  readonly commands?: readonly string[]
  /** Subjects whose calls may use it. Default: every subject that the service serves. */
  readonly subjects?: readonly string[]
  /** Whether `Vault.lease` gives it out. Default false; needed without `origins`. */
  readonly leasable?: boolean
}

/** Rules that were checked, completed and frozen. */
export interface CredentialRules {
  readonly origins: readonly string[]
  readonly processor: Processor | undefined
  readonly methods: readonly string[]
  readonly pathPrefix: string
  /** In lower case; undefined for the default. */
  readonly headers: readonly string[] | undefined
  readonly commands: readonly Command[] | undefined
  readonly subjects: readonly Did[] | undefined
  readonly leasable: boolean
  /** All of it as JSON in a fixed order: what a store binds to the secret, and what a kept token belongs to. */
  readonly description: string
}

/**
 * Checks and completes the rules of a credential.
 *
 * @throws ArgumentError when they are invalid, with the remedy.
 */
export function parseRules(reference: string, given: CredentialOptions): CredentialRules {
  // VLT-11
  const wrong = (what: string): ArgumentError => new ArgumentError(`credential ${quote(reference)}: ${what}`)
  if (!referencePattern.test(reference)) {
    throw new ArgumentError(
      'the name of a credential must be 1 to 128 of A-Z a-z 0-9 . _ / -, beginning with a letter or digit',
    )
  }
  const rules = readOptions(`credential ${quote(reference)}`, given, ruleChecks)
  const origins = parseOrigins(rules.origins ?? [], wrong)
  const sent = origins.length > 0
  if (rules.origins !== undefined && !sent)
    throw wrong('`origins` is empty; name one, or leave it out and say `leasable: true`')
  if (sent && rules.processor === undefined) throw wrong('`origins` needs a `processor`, for example bearer()')
  if (!sent && rules.processor !== undefined)
    throw wrong('`processor` needs `origins`, or the secret could go anywhere')
  if (!sent && (rules.methods !== undefined || rules.pathPrefix !== undefined || rules.headers !== undefined)) {
    throw wrong('`methods`, `pathPrefix` and `headers` need `origins`')
  }
  // VLT-46
  if (!sent && rules.leasable !== true) {
    throw wrong('name the `origins` that it is sent to, or give it to handlers by `leasable: true`')
  }
  const credential = {
    origins: Object.freeze(origins),
    processor: rules.processor,
    methods: Object.freeze((rules.methods ?? ['GET', 'HEAD']).map((method) => parseMethod(method, wrong))),
    pathPrefix: parsePathPrefix(rules.pathPrefix ?? '/', wrong),
    headers: rules.headers && Object.freeze(rules.headers.map((name) => parseHeader(name, wrong))),
    commands: all('commands', rules.commands, 'is not a command, such as /mail/send', parseCommand, wrong),
    subjects: all('subjects', rules.subjects, 'is not a DID, such as did:web:example.com', parseDid, wrong),
    leasable: rules.leasable ?? false,
  }
  return Object.freeze({ ...credential, description: describe(credential) })
}

/** Whether a call of this subject and command may use the credential. */
export function mayUse(
  credential: CredentialRules,
  call: { readonly subject: Did; readonly command: Command },
): boolean {
  const { commands, subjects } = credential
  if (subjects !== undefined && !subjects.includes(call.subject)) return false
  return commands === undefined || commands.some((command) => commandCovers(command, call.command))
}

function describe(credential: Omit<CredentialRules, 'description'>): string {
  const { origins, processor, methods, pathPrefix, headers, commands, subjects, leasable } = credential
  return JSON.stringify({
    ...(origins.length > 0 && { origins, processor: processor?.description, methods, pathPrefix }),
    ...(headers !== undefined && { headers }),
    ...(commands !== undefined && { commands }),
    ...(subjects !== undefined && { subjects }),
    leasable,
  })
}

/** Reads each text of an option, and shows none: it may be a secret in the wrong place. */
function all<T>(
  option: string,
  texts: readonly string[] | undefined,
  fault: string,
  parse: (text: string) => T,
  wrong: MakeError,
): readonly T[] | undefined {
  if (texts === undefined) return undefined
  const read = texts.map((text, index) => {
    try {
      return parse(text)
    } catch {
      throw wrong(`\`${option}[${index}]\` ${fault}`)
    }
  })
  return Object.freeze(read)
}

/** The forms of {@link CredentialOptions}. */
export const ruleChecks: OptionChecks<CredentialOptions> = Object.freeze({
  origins: maybe(arrayOf(nonEmptyString)),
  processor: maybe(withMethod('apply')),
  methods: maybe(arrayOf(nonEmptyString)),
  pathPrefix: maybe(nonEmptyString),
  headers: maybe(arrayOf(nonEmptyString)),
  commands: maybe(arrayOf(nonEmptyString)),
  subjects: maybe(arrayOf(didString)),
  leasable: maybe(flag),
})

function parseMethod(method: string, wrong: MakeError): string {
  if (!/^[A-Z]{1,20}$/.test(method)) throw wrong('`methods` must be in upper case, such as `POST`')
  if (method === 'CONNECT' || method === 'TRACE' || method === 'TRACK')
    throw wrong(`\`methods\` has ${method}, which is never allowed`)
  return method
}

function parseHeader(name: string, wrong: MakeError): string {
  const lower = name.toLowerCase()
  const kind = kindOfHeader(lower)
  const never = kind === 'framing' || kind === 'rerouting' || ['authorization', 'cookie', 'cookie2'].includes(lower)
  if (never || !/^[a-z0-9!#$&'*+.^_`|~-]+$/.test(lower)) {
    throw wrong('`headers` has a name that a caller may not send, or that is not one of a header')
  }
  return lower
}

function parsePathPrefix(prefix: string, wrong: MakeError): string {
  const base = 'https://localhost'
  const canonical = prefix.startsWith('/') && URL.canParse(prefix, base) && new URL(prefix, base).pathname === prefix
  if (!canonical || prefix.includes('//') || (prefix.length > 1 && prefix.endsWith('/')) || prefix.includes('%')) {
    throw wrong('`pathPrefix` must begin with a slash, end without one, and need no encoding')
  }
  const problem = decodedPathProblem(prefix)
  if (problem !== undefined) throw wrong(`\`pathPrefix\` ${problem}`)
  return prefix
}

/** The form of a reference. */
const referencePattern = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/
