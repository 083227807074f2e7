// node only: reads a terminal
import { wrap } from '../../support/visible.ts'
import type { ReceivedRequest } from '../request.ts'
import { type AskInTerminalOptions, askForLine } from './ask-for-line.ts'

/**
 * Shows a request at the terminal, and asks the person there. Only the line `yes` is a yes. Without a terminal on both
 * sides, at the end of the input and at the end of the time, the answer is no.
 *
 * @param request - as `readApprovalRequest` returned it.
 * @returns whether the person approves. Answer with `approve` or `refuse`.
 * @throws ArgumentError when an option is invalid.
 *
 * @example
 * ```ts
 * import { approve, readApprovalRequest, refuse } from 'procura/approval'
 * import { askInTerminal } from 'procura/approval/terminal'
 *
 * const reading = await readApprovalRequest(received, { approver: owner.did })
 * if (reading.valid) {
 *   const { request } = reading
 *   const yes = await askInTerminal(request, { names: { [agent.did]: 'mail agent' } })
 *   const parties = { issuer: owner }
 *   const answer = yes ? (await approve(request, parties)).container : await refuse(request, parties)
 * }
 * ```
 */
export async function askInTerminal(request: ReceivedRequest, options: AskInTerminalOptions = {}): Promise<boolean> {
  const line = await askForLine('askInTerminal', request, options, (width) => ({
    // Many arguments move the first lines out of sight, so the command is shown again.
    lines: wrap(`${request.command}?`, width, 'Approve this one call of '),
    prompt: 'Type yes and press Enter; anything else is a no: ',
  }))
  return line === 'yes'
}
