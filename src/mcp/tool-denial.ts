import type { Denial } from '../core/authorization/denial.ts'
import type { GuardDenial } from '../guard/result.ts'

/**
 * A refusal of a tool call, for programs. It is in `_meta` of the result, under the key of the container with
 * `.denial`.
 */
export interface ToolDenial {
  /**
   * A code of the guard (`GuardDenialCode`), or one of this adapter: `container_missing`, `container_unreadable`,
   * `tool_unknown`, `tool_changed`, `task_unsupported`.
   */
  readonly code: string
  /** The reason, for people. It contains no argument value and no token. */
  readonly message: string
  /** The position in the chain, from 0. */
  readonly at?: number
  /** The requirement in `spec/`. */
  readonly requirement?: string
  /** The argument at fault. */
  readonly argument?: string
  /** True if an approval could permit the call. */
  readonly approvable?: true
  /** CIDs of missing proofs. */
  readonly missing?: readonly string[]
}

/** The result of a tool call that was refused. */
export interface DenialResult {
  readonly content: readonly [{ readonly type: 'text'; readonly text: string }]
  readonly isError: true
  readonly _meta: { readonly [key: string]: ToolDenial }
}

/** The denial of a guard or of an agent, as it is sent. */
export function toolDenialOf({
  code,
  message,
  at,
  requirement,
  detail,
  approvable,
  missing,
}: Denial | GuardDenial): ToolDenial {
  const argument = detail?.kind === 'argument' ? detail.argument : undefined
  return {
    ...{ code, message },
    ...(at !== undefined && { at }),
    ...(requirement !== undefined && { requirement }),
    ...(argument !== undefined && { argument }),
    ...(approvable !== undefined && { approvable: true }),
    ...(missing !== undefined && { missing: missing.map(String) }),
  }
}

/** A denial as the result of a tool, with one line for the model. MCP-05 */
export function denialResult(key: string, denial: ToolDenial): DenialResult {
  return {
    content: [{ type: 'text', text: `Denied (${denial.code}): ${denial.message}. ${adviceFor(denial)}` }],
    isError: true,
    _meta: { [`${key}.denial`]: denial },
  }
}

/** Codes of faults that pass: the same request can succeed later. */
const passing: ReadonlySet<string> = new Set([
  'audience_unknown',
  'audit_unavailable',
  'closed',
  'credential_unknown',
  'deadline_exceeded',
  'limit_busy',
  'limit_unknown',
  'overloaded',
  'replay_unknown',
  'revocation_unknown',
  'subject_unknown',
])

function adviceFor({ approvable, code }: ToolDenial): string {
  if (approvable) {
    const approval = 'An approval by somebody with the authority could permit this call; ask for it'
    // Other arguments do not change the command.
    return code === 'command_not_covered' ? `${approval}.` : `${approval}, or change the arguments.`
  }
  if (code === 'arguments_invalid' || code === 'policy_unsatisfied')
    return 'Change the arguments; the same call will be refused again.'
  if (passing.has(code)) return 'The call may be tried again later.'
  return 'Do not repeat the call unchanged.'
}
