import type { Authorization } from '../../core/authorization/authorization.ts'
import { type Command, commandCovers, isCommand } from '../../core/capability/command.ts'
import { type Did, isDid } from '../../core/did/did.ts'
import { ArgumentError, VaultError } from '../../errors.ts'
import {
  arrayOf,
  didString,
  maybe,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  readOptions,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'

/** One row of a {@link referenceTable}. */
export interface ReferenceRow {
  /** The command that uses the credential, with all commands below it. */
  readonly command: string
  /** The subject to which the credential belongs. Default: every subject without a row of its own. */
  readonly subject?: string
  /** The name of the credential. */
  readonly reference: string
}

/** Returns the credential of a call. It depends only on the subject and command, which were signed and checked. */
export interface ReferenceTable {
  (call: Pick<Authorization, 'command' | 'subject'>): string
  /** All names that it can return, so that `createGuard` can look for them in the vault. */
  readonly references: readonly string[]
}

/**
 * Makes the table by which a service selects credentials. A row for the subject takes precedence over a row for every
 * subject, and a longer command over a shorter one.
 *
 * @returns a function that throws `VaultError` `ERR_VAULT_UNKNOWN_REFERENCE` when no row covers a call.
 * @throws ArgumentError when a row is invalid, or two rows are for the same command and subject.
 */
export function referenceTable(rows: readonly ReferenceRow[]): ReferenceTable {
  const row: OptionChecks<ReferenceRow> = {
    command: nonEmptyString,
    subject: maybe(didString),
    reference: nonEmptyString,
  }
  const wrong = (what: string): ArgumentError => new ArgumentError(`referenceTable: ${what}`)
  readOptions('referenceTable', { rows }, { rows: arrayOf(objectValue) })
  for (const [index, one] of rows.entries()) readOptions(`row ${index + 1}`, one, row, wrong)
  const parsed = rows.map(({ command, subject, reference }, index) => {
    if (!isCommand(command)) throw wrong(`the \`command\` of row ${index + 1} is not a command, such as /mail/send`)
    if (subject === undefined) return { command, subject, reference }
    if (!isDid(subject)) throw wrong(`the \`subject\` of row ${index + 1} is not a DID, such as did:web:example.com`)
    return { command, subject, reference }
  })
  const seen = new Set<string>()
  for (const { command, subject } of parsed) {
    const key = `${subject ?? ''} ${command}`
    if (seen.has(key))
      throw new ArgumentError(
        `referenceTable: two rows are for command ${quote(command)} of the same subject; remove one`,
      )
    seen.add(key)
  }
  parsed.sort(
    (a, b) => Number(a.subject === undefined) - Number(b.subject === undefined) || b.command.length - a.command.length,
  )
  const references = Object.freeze([...new Set(parsed.map(({ reference }) => reference))])
  return Object.freeze(Object.assign((call: Choice) => choose(parsed, call), { references }))
}

type Choice = Pick<Authorization, 'command' | 'subject'>

function choose(
  rows: readonly { readonly command: Command; readonly subject: Did | undefined; readonly reference: string }[],
  { command, subject }: Choice,
): string {
  const row = rows.find((candidate) => {
    if (candidate.subject !== undefined && candidate.subject !== subject) return false
    return commandCovers(candidate.command, command)
  })
  // VLT-26
  if (row === undefined)
    throw new VaultError(
      'ERR_VAULT_UNKNOWN_REFERENCE',
      'no row of the `referenceTable` covers the command and subject of this call; add one',
    )
  return row.reference
}
