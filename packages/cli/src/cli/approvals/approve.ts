// node only: reads a terminal and files
import { dirname, join } from 'node:path'
import process from 'node:process'
import { type Did, type Signer, systemClock } from 'procura'
import { approve as approveRequest, refuse } from 'procura/approval'
import { askInTerminal } from 'procura/approval/terminal'
import { describeSignerFile } from 'procura/signer/file'
import { quote } from '#support/quote.ts'
import type { GatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import { answerApproval, listApprovals, type WaitingApproval } from '../../gateway/serve/approvals/review-approvals.ts'
import { configOf } from '../gateway/tools.ts'
import type { Host } from '../host.ts'
import { checkOwnTerminal } from '../terminal/own-terminal.ts'
import { showDate, showDistance } from '../terminal/time-text.ts'
import { namesOf, type PrincipalNames } from '../tokens/principal-names.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { openApproverKeys } from './approver-keys.ts'
import { enroll, enrollPage } from './enroll.ts'

/**
 * `procura approve [ID]`: shows the requests of agents, and answers them with the key of the approver.
 *
 * @returns 1 when a request is refused by the answer of the person.
 */
export async function approve(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const [id, ...more] = words
  if (more.length > 0) throw new UsageError('too many words; pass one ID, or none for all requests')
  const config = await configOf(flags, host)
  const all = await listApprovals({ config })
  if (flags['list'] === true) return list(all, await namesOf(config), flags, host)
  // An agent can run this program. It must not be able to say yes.
  if (!host.isTerminal)
    throw new UsageError(
      'a person has to answer at a terminal, and standard input is not a terminal; use --list to read the requests',
    )
  checkOwnTerminal(host.terminal?.input ?? process.stdin)
  if (flags['page'] === true) return enrollPage(config, words, flags, host)
  if (textOf(flags, 'enroll') !== undefined) return enroll(config, words, flags, host)
  const path = textOf(flags, 'from') ?? join(dirname(config.path), 'owner.key')
  const { keys } = await describeSignerFile({ path })
  const names = await namesOf(config)
  const chosen = chooseRequests(
    // Strangers can hand in requests, too: those of the agents of this home come first.
    all.toSorted((one, other) => Number(other.request.agent in names) - Number(one.request.agent in names)),
    id,
    keys.map(({ did }) => did),
    path,
  )
  if (chosen.length === 0) {
    host.complain('no request waits for this approver')
    return 0
  }
  const openKey = once(() => openApproverKeys(path, config, flags, host))
  let isRefused = false
  for (const one of chosen) {
    const isYes = flags['deny'] !== true && (await ask(one, names, host))
    const issuer = (await openKey()).find(({ did }) => did === one.request.approver) as Signer
    await answer(config, one, isYes, issuer, flags, host)
    isRefused ||= !isYes && flags['deny'] !== true
  }
  return isRefused ? 1 : 0
}

type TerminalOptions = Parameters<typeof askInTerminal>[1]

function ask(waiting: WaitingApproval, names: PrincipalNames, host: Host): Promise<boolean> {
  const { id, request, body } = waiting
  host.complain(`request ${id}`)
  return askInTerminal(request, { names, ...(body !== undefined && { body }), ...(host.terminal as TerminalOptions) })
}

async function answer(
  config: GatewayConfig,
  { id, request, proofs }: WaitingApproval,
  isYes: boolean,
  issuer: Signer,
  flags: Flags,
  host: Host,
): Promise<void> {
  const made = isYes ? (await approveRequest(request, { issuer, proofs })).container : await refuse(request, { issuer })
  await answerApproval({ config, id, answer: made })
  const state = isYes ? 'approved' : 'refused'
  if (flags['json'] === true) host.print(JSON.stringify({ id, state }))
  else
    host.print(
      isYes
        ? `approved ${id}: the agent can make this call once, until ${showDate(request.expiration)}`
        : `refused ${id}`,
    )
}

/** The requests to this approver that have no answer. */
function chooseRequests(
  all: readonly WaitingApproval[],
  id: string | undefined,
  approvers: readonly Did[],
  path: string,
): readonly WaitingApproval[] {
  const own = all.filter(({ request, state }) => approvers.includes(request.approver) && state === 'waiting')
  if (id === undefined) return own
  const named = all.find((one) => one.id === id)
  if (named === undefined)
    throw new UsageError(`there is no request ${quote(id)}, or it has expired; see \`procura approve --list\``)
  if (named.state !== 'waiting') throw new UsageError(`the request ${quote(id)} is ${named.state} already`)
  if (!approvers.includes(named.request.approver))
    throw new UsageError(
      `the request is addressed to ${named.request.approver}, and ${quote(path, 256)} is the key of ${approvers[0]}; pass --from`,
    )
  return [named]
}

function list(all: readonly WaitingApproval[], names: PrincipalNames, flags: Flags, host: Host): number {
  const now = systemClock.now()
  for (const { id, request, state } of all) {
    const { agent, approver, command, args, reason, expiration } = request
    if (flags['json'] === true)
      host.print(JSON.stringify({ id, state, agent, approver, command, args, reason, expiration }))
    else
      host.print(
        [
          id,
          state,
          names[agent] ?? agent,
          command,
          `for ${names[approver] ?? approver}`,
          `expires ${showDistance(expiration, now)}`,
        ].join('\t'),
      )
  }
  if (all.length === 0) host.complain('no request waits')
  return 0
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}
