// node only: reads a terminal
/**
 * `procura/approval/terminal`: the approval of a call at a terminal.
 *
 * @module
 */

export { askInTerminal } from '../../approval/terminal/ask-in-terminal.ts'
export { type ApprovalChoice, chooseInTerminal } from '../../approval/terminal/choose-in-terminal.ts'
