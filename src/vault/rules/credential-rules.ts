/**
 * The rules of a credential: which calls may use it, and where it may be sent.
 *
 * @module
 */

import { decodedPathProblem } from '../../core/capability/argument-types/decoded-path.ts'
import { type Command, commandCovers, parseCommand } from '../../core/capability/command.ts'
import { type Did, parseDid } from '../../core/did/did.ts'
import { ArgumentError } from '../../errors.ts'
import {
  arrayOf,
  didString,
  flag,
  type MakeError,
  maybe,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  readOptions,
  suchAs,
  withMethod,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import type { Processor } from '../processor.ts'
import { kindOfHeader } from '../request/headers.ts'
import { parseOrigins } from './origin.ts'

/**
 * The rules of one credential. They are configuration of the service: a request cannot change them.
 *
 * With `origins` and `processor`, `Vault.use` sends the credential. With `leasable`, `Vault.lease` returns it to
 * handlers, and nothing limits where they send it.
 */
export interface CredentialOptions {
  /**
   * Origins that it may be sent to, in full: `https://api.example.com`. Plain `http:` is for loopback only.
   * Default: none; the credential must then be `leasable`.
   */
  readonly origins?: readonly string[]
  /** The processor that puts it into requests. Required with `origins`. */
  readonly processor?: Processor
  /** Methods of requests that may use it. Default `GET` and `HEAD`. */
  readonly methods?: readonly string[]
  /** The path that it may be used for, with all paths below it by whole segments. Default `/`: the whole origin. */
  readonly pathPrefix?: string
  /**
   * The headers that a caller may send with it. Default: all headers except those whose names suggest that they carry
   * authority or reroute a request. The list may contain a name that suggests authority, such as `Stripe-Account`.
   */
  readonly headers?: readonly string[]
  /** Commands whose calls may use it, each with all commands below it. Default: every command. */
  readonly commands?: readonly string[]
  /** Subjects whose calls may use it. Default: every subject that the service serves. */
  readonly subjects?: readonly string[]
  /** Whether `Vault.lease` returns it. Default false; it must be true without `origins`. */
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
  /** All rules as JSON in a fixed order. Stores bind it to the secret, and derived secrets belong to it. */
  readonly description: string
}

type RuleValues = Omit<CredentialRules, 'description'>
type RuleName = keyof RuleValues

/** One rule: the option that a program sets, and its value in the checked rules. */
interface Rule<Name extends RuleName> {
  readonly check: OptionCheck
  readonly parse: (option: NonNullable<CredentialOptions[Name]>, wrong: MakeError) => RuleValues[Name]
  /** The value when the option is missing. */
  readonly default: RuleValues[Name]
  /** The value as JSON; undefined when the description omits the rule. */
  readonly describe: (value: RuleValues[Name], isSent: boolean) => unknown
}

type RuleTable = { readonly [Name in RuleName]: Rule<Name> }

/**
 * Every rule of a credential, in the order of the description. The check of options, the description and the reader of
 * stored rules all follow this table: a rule that was missing in one of them would be lost without an error when a
 * store writes the rules and reads them again.
 */
const ruleTable: RuleTable = {
  origins: {
    check: suchAs(arrayOf(nonEmptyString), "`['https://api.example.com']`"),
    parse: (origins, wrong) => Object.freeze(parseOrigins(origins, wrong)),
    default: Object.freeze([]),
    describe: (origins, isSent) => (isSent ? origins : undefined),
  },
  processor: {
    check: processorCheck,
    parse: (processor) => processor,
    default: undefined,
    describe: (processor) => processor?.description,
  },
  methods: {
    check: arrayOf(nonEmptyString),
    parse: (methods, wrong) => Object.freeze(methods.map((method) => parseMethod(method, wrong))),
    default: Object.freeze(['GET', 'HEAD']),
    describe: (methods, isSent) => (isSent ? methods : undefined),
  },
  pathPrefix: {
    check: nonEmptyString,
    parse: parsePathPrefix,
    default: '/',
    describe: (prefix, isSent) => (isSent ? prefix : undefined),
  },
  headers: {
    check: arrayOf(nonEmptyString),
    parse: (headers, wrong) => Object.freeze(headers.map((name) => parseHeader(name, wrong))),
    default: undefined,
    describe: (headers) => headers,
  },
  commands: {
    check: arrayOf(nonEmptyString),
    parse: (commands, wrong) =>
      parseEach(commands, parseCommand, (at) => wrong(`\`commands[${at}]\` is not a command, such as /mail/send`)),
    default: undefined,
    describe: (commands) => commands,
  },
  subjects: {
    check: arrayOf(didString),
    parse: (subjects, wrong) =>
      parseEach(subjects, parseDid, (at) => wrong(`\`subjects[${at}]\` is not a DID, such as did:web:example.com`)),
    default: undefined,
    describe: (subjects) => subjects,
  },
  leasable: {
    check: flag,
    parse: (leasable) => leasable,
    default: false,
    describe: (leasable) => leasable,
  },
}

/** A processor. The names that it lists are read for every request, and its description is stored with the secret. */
function processorCheck(value: unknown): string | undefined {
  const fault = withMethod('apply')(value)
  if (fault !== undefined) return fault
  const { headers, parameters, description } = value as Partial<Processor>
  const isListed = [headers, parameters].every((names) => arrayOf(nonEmptyString)(names) === undefined)
  return isListed && nonEmptyString(Object(description).type) === undefined
    ? undefined
    : 'must be a processor, with `headers` and `parameters` as lists of names, and a `description` with a `type`'
}

const ruleNames = Object.keys(ruleTable) as readonly RuleName[]

/** The checks of {@link CredentialOptions}. */
export const ruleChecks: OptionChecks<CredentialOptions> = Object.freeze(
  tableOfRules((name) => maybe(ruleTable[name].check)),
)

/**
 * Checks and completes the rules of a credential.
 *
 * @throws ArgumentError when they are invalid, with the remedy.
 */
export function parseRules(reference: string, given: CredentialOptions): CredentialRules {
  // VLT-11
  const wrong = (what: string): ArgumentError => new ArgumentError(`credential ${quote(reference)}: ${what}`)
  if (!isReference(reference)) {
    throw new ArgumentError(
      'the name of a credential must be 1 to 128 of A-Z a-z 0-9 . _ / -, and begin with a letter or digit',
    )
  }
  const options = readOptions(`credential ${quote(reference)}`, given, ruleChecks)
  checkTogether(options, wrong)
  const rules = tableOfRules((name) => parseRule(name, options, wrong)) as unknown as RuleValues
  return Object.freeze({ ...rules, description: describeRules(rules) })
}

/** Whether a call of this subject and command may use the credential. */
export function mayUse(rules: CredentialRules, call: { readonly subject: Did; readonly command: Command }): boolean {
  const { commands, subjects } = rules
  if (subjects !== undefined && !subjects.includes(call.subject)) return false
  return commands === undefined || commands.some((command) => commandCovers(command, call.command))
}

/** Refuses rules that contradict each other. */
function checkTogether({ origins, leasable, ...options }: CredentialOptions, wrong: MakeError): void {
  const { processor, methods, pathPrefix, headers } = options
  if (origins?.length === 0) throw wrong('`origins` is empty; list one, or omit it and set `leasable: true`')
  if (origins !== undefined && processor === undefined)
    throw wrong('`origins` needs a `processor`, for example bearer()')
  if (origins !== undefined) return
  if (processor !== undefined) throw wrong('`processor` needs `origins`: the origins that the secret may be sent to')
  if (methods !== undefined || pathPrefix !== undefined || headers !== undefined) {
    throw wrong('`methods`, `pathPrefix` and `headers` need `origins`')
  }
  // VLT-46
  if (leasable !== true)
    throw wrong('list the `origins` that it may be sent to, or set `leasable: true` to hand it to handlers')
}

function parseRule<Name extends RuleName>(name: Name, options: CredentialOptions, wrong: MakeError): RuleValues[Name] {
  const rule: Rule<Name> = ruleTable[name]
  const option = options[name]
  return option === undefined ? rule.default : rule.parse(option, wrong)
}

function describeRules(rules: RuleValues): string {
  const isSent = rules.origins.length > 0
  const describeRule = <Name extends RuleName>(name: Name): unknown => {
    const rule: Rule<Name> = ruleTable[name]
    return rule.describe(rules[name], isSent)
  }
  return JSON.stringify(tableOfRules(describeRule))
}

function tableOfRules<Value>(make: (name: RuleName) => Value): Readonly<Record<RuleName, Value>> {
  return Object.fromEntries(ruleNames.map((name) => [name, make(name)])) as Record<RuleName, Value>
}

/** Parses each string of a list. The error shows no string: it may be a secret in the wrong place. */
function parseEach<T>(
  texts: readonly string[],
  parse: (text: string) => T,
  invalidAt: (index: number) => Error,
): readonly T[] {
  const read = texts.map((text, index) => {
    try {
      return parse(text)
    } catch {
      throw invalidAt(index)
    }
  })
  return Object.freeze(read)
}

function parseMethod(method: string, wrong: MakeError): string {
  if (!/^[A-Z]{1,20}$/.test(method)) throw wrong('`methods` must be in upper case, such as `POST`')
  if (method === 'CONNECT' || method === 'TRACE' || method === 'TRACK')
    throw wrong(`\`methods\` must not contain ${method}`)
  return method
}

function parseHeader(name: string, wrong: MakeError): string {
  const lower = name.toLowerCase()
  const kind = kindOfHeader(lower)
  const never = kind === 'framing' || kind === 'rerouting' || ['authorization', 'cookie', 'cookie2'].includes(lower)
  if (never || !/^[a-z0-9!#$&'*+.^_`|~-]+$/.test(lower)) {
    throw wrong('`headers` contains a name that is malformed, or that a caller may never send')
  }
  return lower
}

function parsePathPrefix(prefix: string, wrong: MakeError): string {
  const base = 'https://localhost'
  const canonical = URL.canParse(prefix, base) && new URL(prefix, base).pathname === prefix
  if (!canonical || prefix.includes('//') || (prefix.length > 1 && prefix.endsWith('/')) || prefix.includes('%')) {
    throw wrong('`pathPrefix` must begin with a slash, end without one, and need no percent-encoding')
  }
  const problem = decodedPathProblem(prefix)
  if (problem !== undefined) throw wrong(`\`pathPrefix\` ${problem}`)
  return prefix
}

/** Whether a string has the form of a name of a credential. */
export function isReference(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/.test(name)
}
