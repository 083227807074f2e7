/**
 * Session policies of AWS, compiled from a call: the temporary keys have no more permissions than the call.
 *
 * @module
 */

import { type Command, commandCovers, isCommand } from '../../../core/capability/command.ts'
import type { IpldValue } from '../../../core/ipld/value.ts'
import { ArgumentError, VaultError } from '../../../errors.ts'
import {
  arrayOf,
  maybe,
  nonEmptyArrayOf,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  readOptions,
  readTable,
} from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'

/** The maximum length of a session policy (STS API reference, `AssumeRole`, `Policy`). */
const maxCharacters = 2_048

/**
 * The AWS permissions of a command. In `resources` and in the values of `conditions`, `{name}` is replaced by the
 * argument of that name, which must be one segment, and `{name+}` by an argument that may be a path with slashes.
 */
export interface AwsGrant {
  /** The command, with all commands below it. */
  readonly command: string
  readonly statements: readonly AwsStatement[]
}

/** A statement of a session policy. Its effect is always `Allow`. */
export interface AwsStatement {
  /** For example `s3:GetObject`. */
  readonly actions: readonly string[]
  /** For example `arn:aws:s3:::reports/{key+}`. */
  readonly resources: readonly string[]
  /** Values by operator and condition key, for example `{ StringEquals: { 's3:prefix': ['{folder}'] } }`. */
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
}

/** Compiles calls into session policies. */
export interface SessionPolicies {
  /**
   * Returns the session policy for a call, as JSON.
   *
   * @throws VaultError `ERR_VAULT_DOWNSCOPE` when no grant covers the command, an argument is missing or has characters
   *   with a special meaning, or the policy is too long. The keys are never requested without a policy instead.
   */
  policyFor(call: { readonly command: Command; readonly args: { readonly [name: string]: IpldValue } }): string
}

/**
 * Reads the grants of a role.
 *
 * @param of - the role, for messages.
 * @throws ArgumentError when a grant is invalid.
 */
export function sessionPolicies(grants: readonly AwsGrant[], of: string): SessionPolicies {
  if (grants.length === 0) throw new ArgumentError(`${of}: \`grants\` is empty; list the permissions of each command`)
  const parsed = grants.map((given, index) => {
    const at = `${of}: \`grants[${index}]\``
    const { command, statements } = readOptions(at, given, grantChecks)
    if (!isCommand(command)) throw new ArgumentError(`${at}: \`command\` is not a command, such as /mail/send`)
    return { command, statements: statements.map((statement) => checkStatement(statement, at)) }
  })
  parsed.sort((a, b) => b.command.length - a.command.length)
  return {
    policyFor({ command, args }) {
      const grant = parsed.find((candidate) => commandCovers(candidate.command, command))
      if (grant === undefined) throw refused(`no grant covers command ${quote(command)}; add one to \`grants\``)
      const policy = JSON.stringify({
        Version: '2012-10-17',
        Statement: grant.statements.map((statement) => compileStatement(statement, args)),
      })
      // VLT-19
      if (policy.length > maxCharacters) {
        throw refused(
          `the session policy has ${policy.length} characters, and aws accepts ${maxCharacters}; shorten the \`grants\` of the command`,
        )
      }
      return policy
    },
  }
}

function compileStatement(statement: AwsStatement, args: { readonly [name: string]: IpldValue }): object {
  const fill = (template: string): string => fillTemplate(template, args)
  const conditions = Object.entries(statement.conditions ?? {}).map(([operator, keys]) => [
    operator,
    Object.fromEntries(Object.entries(keys).map(([key, values]) => [key, values.map(fill)])),
  ])
  return {
    Effect: 'Allow',
    Action: statement.actions,
    Resource: statement.resources.map(fill),
    ...(conditions.length > 0 && { Condition: Object.fromEntries(conditions) }),
  }
}

function fillTemplate(template: string, args: { readonly [name: string]: IpldValue }): string {
  return template.replace(placeholder, (_match, name: string, path: string) => {
    const value = Object.hasOwn(args, name) ? args[name] : undefined
    const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
    if (typeof text !== 'string')
      throw refused(`argument ${quote(name)} must be a string or an integer, because the session policy uses it`)
    // VLT-39: no wildcard, policy variable or step to another resource.
    if (!(path === '+' ? isPath(text) : segmentPattern.test(text) && !isDots(text))) {
      throw refused(`argument ${quote(name)} has characters with a special meaning in a session policy`)
    }
    return text
  })
}

function isPath(text: string): boolean {
  return text.split('/').every((segment) => segmentPattern.test(segment) && !isDots(segment))
}

function isDots(segment: string): boolean {
  return segment === '.' || segment === '..'
}

const grantChecks: OptionChecks<AwsGrant> = Object.freeze({ command: nonEmptyString, statements: arrayOf(objectValue) })

const statementChecks: OptionChecks<AwsStatement> = Object.freeze({
  actions: arrayOf(nonEmptyString),
  resources: arrayOf(nonEmptyString),
  conditions: maybe(objectValue),
})

function checkStatement(given: AwsStatement, of: string): AwsStatement {
  const statement = readOptions(of, given, statementChecks)
  const { actions, resources, conditions = {} } = statement
  const wrong = (what: string): ArgumentError => new ArgumentError(`${of}: ${what}`)
  if (actions.length === 0 || resources.length === 0) throw wrong('a statement needs `actions` and `resources`')
  for (const [index, action] of actions.entries()) {
    if (!/^[a-z0-9-]+:[A-Za-z0-9]+\*?$/.test(action))
      throw wrong(`\`actions[${index}]\` is not an action, such as s3:GetObject`)
  }
  const values = conditionValues(conditions, of)
  for (const template of [...resources, ...values]) {
    if (/[{}]/.test(template.replace(placeholder, '')))
      throw wrong('`resources` or `conditions` has a malformed placeholder; write {name} or {name+}')
  }
  for (const [index, resource] of resources.entries()) {
    if (resource !== '*' && !/^arn:[a-z0-9-]+:[a-z0-9-]+:/.test(resource))
      throw wrong(`\`resources[${index}]\` is not an ARN, such as arn:aws:s3:::bucket/{key}`)
  }
  return structuredClone(statement)
}

/** Returns the values of conditions. A condition without a key or a value would not restrict the statement. */
function conditionValues(conditions: NonNullable<AwsStatement['conditions']>, of: string): readonly string[] {
  const operators = readTable(`${of}: \`conditions\``, conditions, objectValue)
  return Object.entries(operators).flatMap(([operator, given]) => {
    const at = `${of}: \`conditions\`: ${quote(operator)}`
    const keys = readTable(at, given, nonEmptyArrayOf(nonEmptyString))
    if (Object.keys(keys).length === 0) throw new ArgumentError(`${at} needs a condition key, such as s3:prefix`)
    return Object.values(keys).flat()
  })
}

function refused(message: string): VaultError {
  return new VaultError('ERR_VAULT_DOWNSCOPE', message)
}

const placeholder = /\{([A-Za-z_][A-Za-z0-9_]*)(\+?)\}/g

/** Text without a special meaning in ARNs and conditions: without `* ? $ { } : / "` and control characters. */
const segmentPattern = /^[A-Za-z0-9 !#&'()+,.;=@_~-]+$/
