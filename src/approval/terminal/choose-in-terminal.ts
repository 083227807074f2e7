// node only: reads a terminal
import type { IpldMap } from '../../core/ipld/value.ts'
import { ArgumentError } from '../../errors.ts'
import { wrap } from '../../support/visible.ts'
import { describeValue } from '../describe-request.ts'
import type { ReceivedRequest } from '../request.ts'
import { type AskInTerminalOptions, askForLine } from './ask-for-line.ts'

/** An answer beside "this call once". */
export interface ApprovalChoice {
  /** The effect, in words of the program, which contain no text of an agent. */
  readonly words: string
  /** Values of the agent that the words are about, by the names under which they are shown. Default: none. */
  readonly values?: IpldMap
}

/** Options of {@link chooseInTerminal}. */
export interface ChooseInTerminalOptions extends AskInTerminalOptions {
  /** The place of the only choice that is shown, from 0. The line `yes` is then that choice. Default: all are shown. */
  readonly only?: number
}

/** Most choices. */
const most = 9

/**
 * Shows a request at the terminal, with further answers beside "this call once", and asks the person there. The line
 * `yes` is this call once, and the number of a choice is that choice. Anything else is a no, as in `askInTerminal`.
 * APR-43
 *
 * @param request - as `readApprovalRequest` returned it.
 * @param choices - at most 9. What a choice permits is for the program to issue.
 * @returns `once`; the place of the choice, from 0; or undefined for a no.
 * @throws ArgumentError when there are too many choices, or an option is invalid.
 *
 * @example
 * ```ts
 * import { approve, readApprovalRequest } from 'procura/approval'
 * import { chooseInTerminal } from 'procura/approval/terminal'
 *
 * const reading = await readApprovalRequest(received, { approver: owner.did })
 * if (reading.valid) {
 *   const { request } = reading
 *   const choices = [{ words: 'this call as often as the agent makes it, within an hour' }]
 *   const chosen = await chooseInTerminal(request, choices)
 *   if (chosen === 'once') await approve(request, { issuer: owner })
 *   if (chosen === 0) await approve(request, { issuer: owner, repeatable: true })
 * }
 * ```
 */
export async function chooseInTerminal(
  request: ReceivedRequest,
  choices: readonly ApprovalChoice[],
  options: ChooseInTerminalOptions = {},
): Promise<'once' | number | undefined> {
  const { only, ...others } = options
  if (!Array.isArray(choices) || choices.length > most)
    throw new ArgumentError(`chooseInTerminal: pass a list of at most ${most} choices`)
  if (only !== undefined && choices[only] === undefined)
    throw new ArgumentError('chooseInTerminal: `only` must be the place of a choice, from 0')
  const numbers = choices.map((_, at) => String(at + 1))
  const line = await askForLine('chooseInTerminal', request, others, (width) => {
    // Many arguments move the first lines out of sight, so the command is shown again.
    const command = wrap(
      `${request.command}?`,
      width,
      `Approve ${only === undefined ? 'this one call' : 'more than this call'} of `,
    )
    const shown = choices.map((choice, at) => (only === undefined || at === only ? linesOf(choice, at, width) : []))
    if (only !== undefined)
      return {
        lines: [...command, ...shown.flat()],
        prompt: 'Type yes for all of this and press Enter; anything else is a no: ',
      }
    const or = numbers.length === 0 ? '' : `, or ${numbers.join(' or ')},`
    return {
      lines: [
        ...command,
        ...(numbers.length === 0 ? [] : ['Or type a number for more than this call:']),
        ...shown.flat(),
      ],
      prompt: `Type yes for this call${or} and press Enter; anything else is a no: `,
    }
  })
  if (only !== undefined) return line === 'yes' ? only : undefined
  if (line === 'yes') return 'once'
  const at = numbers.indexOf(line)
  return at < 0 ? undefined : at
}

function linesOf({ words, values = {} }: ApprovalChoice, at: number, width: number): readonly string[] {
  const shown = Object.entries(values).flatMap(([name, value]) => describeValue(name, value, width))
  return [...wrap(words, width, `${at + 1}: `), ...shown]
}
