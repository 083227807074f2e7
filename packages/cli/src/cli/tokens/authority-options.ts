// node only: reads files
import { anyCommand, never, type Policy, systemClock } from 'procura'
import { describePolicy, lintPolicy, parsePolicy } from 'procura/policy'
import type { Host } from '../host.ts'
import { readInput } from '../terminal/read-input.ts'
import { readDuration, readMoment, showDate } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf, textsOf } from '../verb.ts'
import { readPolicyTexts } from './policy-text.ts'

/**
 * The policy of a new delegation, from `--policy` and `--policy-file`. Its mistakes are reported before it is signed.
 */
export async function policyOf(flags: Flags, host: Host): Promise<Policy> {
  const file = textOf(flags, 'policy-file')
  const read = file === undefined ? [] : await readPolicyFile(file, host)
  const policy = parsePolicy([...readPolicyTexts(textsOf(flags, 'policy')), ...read])
  for (const words of describePolicy(policy)) host.complain(`policy: ${words}`)
  for (const { message } of lintPolicy(policy)) host.complain(`warning: ${message}`)
  return policy
}

async function readPolicyFile(path: string, host: Host): Promise<Policy> {
  const text = new TextDecoder().decode(await readInput(path, 'the policy', host))
  try {
    return parsePolicy(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError('--policy-file must be a list of statements in JSON')
    throw error
  }
}

/** The command of a new delegation; undefined if neither option is given. */
export function commandOf(flags: Flags): string | undefined {
  const command = textOf(flags, 'command')
  if (flags['any-command'] !== true) {
    if (command === '/') throw new UsageError('--command / is every command; write --any-command if that is meant')
    return command
  }
  if (command !== undefined) throw new UsageError('pass --command or --any-command, not both')
  return anyCommand
}

/** The time bounds of a new delegation. */
export interface Lifetime {
  readonly expiration?: number | typeof never
  readonly expiresIn?: number
  readonly notBefore?: number
}

/** The time bounds that the options give. */
export function lifetimeOf(flags: Flags): Lifetime {
  const [length, until, from] = [textOf(flags, 'expires-in'), textOf(flags, 'expires'), textOf(flags, 'not-before')]
  const isEndless = flags['never-expires'] === true
  if ([length !== undefined, until !== undefined, isEndless].filter(Boolean).length > 1)
    throw new UsageError('pass one of --expires-in, --expires and --never-expires')
  const now = systemClock.now()
  const end = until === undefined ? undefined : readMoment('expires', until, now)
  if (end !== undefined && end < now)
    throw new UsageError(
      `--expires is in the past (${showDate(end)}); nothing would be valid; a duration such as 8h is for --expires-in`,
    )
  return {
    ...(length !== undefined && { expiresIn: readDuration('expires-in', length) }),
    ...(end !== undefined && { expiration: end }),
    ...(isEndless && { expiration: never }),
    ...(from !== undefined && { notBefore: readMoment('not-before', from, now) }),
  }
}
