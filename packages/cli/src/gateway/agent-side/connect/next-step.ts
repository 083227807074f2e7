// node only: its users connect to a socket
import { type Clock, systemClock } from 'procura'
import { atHome } from '../../configuration/at-home.ts'
import type { Answered, Waiting } from './ask-approval.ts'
import type { GatewayConnection } from './connection-file.ts'

/** The next step for the caller of a call that was not approved, in words. */
export function nextStep(
  answered: Answered,
  shown: Waiting | undefined,
  { home }: Pick<GatewayConnection, 'home'>,
  clock: Clock | undefined,
): string {
  if (answered.kind === 'refused') {
    const reason = answered.reason === undefined ? '' : ` The reason: ${JSON.stringify(answered.reason)}.`
    return `The approver has refused this call; do not repeat it.${reason}`
  }
  if (answered.kind === 'gone')
    return 'The approval was used by an identical call, or its request was displaced by newer ones; make the call again to request another one.'
  if (shown === undefined) return ''
  const minutes = Math.max(1, Math.floor(secondsLeft(shown, clock) / 60))
  const [one, ...more] = shown.requests
  // A person who does not have the home folder cannot answer the request.
  const person = home === undefined ? 'the owner of the gateway' : 'the user'
  if (more.length === 0 || shown.threshold === 1)
    return atHome(
      `An approval is requested: ask ${person} to ${pageStep(shown, home)}run \`procura approve ${one?.id}\` in a terminal within ${minutes} minutes, and then make the same call again with the same arguments.`,
      { home },
    )
  const commands = shown.requests.map(({ id, approver }) => atHome(`\`procura approve ${id}\` (${approver})`, { home }))
  return `Approvals by ${shown.threshold} of ${shown.requests.length} approvers are requested: each approver runs one command in a terminal within ${minutes} minutes, with --from and the key file if it is not the owner: ${commands.join(', ')}. Then make the same call again with the same arguments.`
}

/** The page is on the machine of the gateway. Without an approver in a browser, it can answer nothing. APR-32 */
function pageStep({ url, isEnrolled }: Waiting, home: string | undefined): string {
  return url === undefined || !isEnrolled || home === undefined ? '' : `open ${url} in the browser, or to `
}

/** The next step for the caller of a call whose tool is not the accepted one, in words. CON-40 */
export function acceptStep(server: string, { home }: Pick<GatewayConnection, 'home'>): string {
  // A person who does not have the home folder cannot accept it.
  const person = home === undefined ? 'the owner of the gateway' : 'the user'
  return atHome(
    `Ask ${person} to run \`procura tools accept ${server}\` in a terminal, which shows what changed and asks whether to accept it, and make the same call again after that.`,
    { home },
  )
}

/** Seconds until the first of the requests expires. */
export function secondsLeft({ requests }: Waiting, clock: Clock | undefined): number {
  const now = (clock ?? systemClock).now()
  return Math.max(0, Math.floor(Math.min(...requests.map(({ expiration }) => expiration)) - now))
}
