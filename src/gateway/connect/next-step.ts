// node only: its users connect to a socket
import { type Clock, systemClock } from '../../time.ts'
import type { Answered, Waiting } from './ask-approval.ts'

/** The next step for the caller of a call that was not approved, in words. */
export function nextStep(answered: Answered, shown: Waiting | undefined, clock: Clock | undefined): string {
  if (answered.kind === 'refused') {
    const reason = answered.reason === undefined ? '' : ` The reason: ${JSON.stringify(answered.reason)}.`
    return `The approver has refused this call; do not repeat it.${reason}`
  }
  if (answered.kind === 'gone')
    return 'The approval was used by an identical call, or its request was displaced by newer ones; make the call again to request another one.'
  if (shown === undefined) return ''
  const minutes = Math.max(1, Math.floor(secondsLeft(shown, clock) / 60))
  const [one, ...more] = shown.requests
  if (more.length === 0 || shown.threshold === 1)
    return `An approval is requested: ask the user to run \`procura approve ${one?.id}\` in a terminal within ${minutes} minutes, and then make the same call again with the same arguments.`
  const commands = shown.requests.map(({ id, approver }) => `\`procura approve ${id}\` (${approver})`)
  return `Approvals by ${shown.threshold} of ${shown.requests.length} approvers are requested: each approver runs one command in a terminal within ${minutes} minutes: ${commands.join(', ')}. Then make the same call again with the same arguments.`
}

/** Seconds until the first of the requests expires. */
export function secondsLeft({ requests }: Waiting, clock: Clock | undefined): number {
  const now = (clock ?? systemClock).now()
  return Math.max(0, Math.floor(Math.min(...requests.map(({ expiration }) => expiration)) - now))
}
