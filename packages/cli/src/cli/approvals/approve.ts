// node only: reads a terminal and files
import { dirname, join } from 'node:path'
import process from 'node:process'
import { type Delegation, type Did, never, type Signer, systemClock } from 'procura'
import { approve as approveRequest, refuse } from 'procura/approval'
import { chooseInTerminal } from 'procura/approval/terminal'
import { describeSignerFile } from 'procura/signer/file'
import { quote } from '#support/quote.ts'
import { namesOf, type PrincipalNames } from '../../gateway/configuration/principal-names.ts'
import type { GatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import { pageFiles } from '../../gateway/serve/approvals/page-files.ts'
import { pageDelegations } from '../../gateway/serve/approvals/page-run.ts'
import { namesWith } from '../../gateway/serve/approvals/passed-on.ts'
import { answerApproval, listApprovals, type WaitingApproval } from '../../gateway/serve/approvals/review-approvals.ts'
import { configOf } from '../gateway/tools.ts'
import type { Host } from '../host.ts'
import { checkOwnTerminal } from '../terminal/own-terminal.ts'
import { readDuration, showDate, showDistance } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { type ApproverKeys, openApproverKeys } from './approver-keys.ts'
import { enroll, enrollPage, removeBrowser } from './enroll.ts'
import { giveScope, type OfferedScopes, scopesFor } from './scoped.ts'
import type { Scope } from './scopes.ts'

/** Seconds of an approval with a scope: the default, and the most. */
const [usualScope, longestScope] = [8 * 3_600, 7 * 86_400]

/**
 * `procura approve [ID]`: shows the requests of agents, and answers them with the key of the approver.
 *
 * @returns 1 when a request is refused by the answer of the person.
 */
export async function approve(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const [id, ...more] = words
  if (more.length > 0) throw new UsageError('too many words; pass one ID, or none for all requests')
  const wanted = wantedScope(flags, id)
  const config = await configOf(flags, host)
  const all = await listApprovals({ config })
  if (flags['list'] === true) return list(all, await browsersOf(config), await namesOf(config), flags, host)
  if (textOf(flags, 'remove') !== undefined) return removeBrowser(config, words, flags, host)
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
  const openKeys = once(() => openApproverKeys(path, config, flags, host))
  let isRefused = false
  for (const one of chosen) {
    const choice =
      flags['deny'] === true ? 'deny' : await ask({ config, waiting: one, keys: openKeys, wanted }, names, flags, host)
    const issuer = (await openKeys()).signers.find(({ did }) => did === one.request.approver) as Signer
    if (typeof choice === 'string') await answer(config, one, choice === 'once', issuer, flags, host)
    else await give(config, one, choice, issuer, flags, host)
    isRefused ||= choice === 'no'
  }
  return isRefused ? 1 : 0
}

/** The scope that the options name. */
interface Wanted {
  readonly seconds: number
  /** The place of the scope among those of the request, from 0; undefined to let the person choose. */
  readonly place: number | undefined
  /** Whether an option asks for a scope. */
  readonly isAsked: boolean
}

/** Reads `--for` and `--scope`. APR-74 */
function wantedScope(flags: Flags, id: string | undefined): Wanted {
  const [length, scope] = [textOf(flags, 'for'), textOf(flags, 'scope')]
  const isAsked = length !== undefined || scope !== undefined
  if (
    isAsked &&
    (flags['deny'] === true || flags['list'] === true || flags['page'] === true || textOf(flags, 'enroll'))
  )
    throw new UsageError('--for and --scope are for an approval; leave out the other option, or these')
  if (scope !== undefined && id === undefined) throw new UsageError('--scope needs the ID of a request')
  if (scope !== undefined && !/^[123]$/.test(scope)) throw new UsageError('--scope must be 1, 2 or 3')
  const seconds = length === undefined ? usualScope : readDuration('for', length)
  if (seconds > longestScope)
    throw new UsageError('--for is at most 7d; for longer, give the agent a delegation with `procura delegate`')
  return { seconds, place: scope === undefined ? undefined : Number(scope) - 1, isAsked }
}

type TerminalOptions = Parameters<typeof chooseInTerminal>[2]

/** The answer of a person: this call once, no, or a scope. */
type Choice = 'once' | 'no' | 'deny' | ChosenScope

interface ChosenScope {
  readonly offered: OfferedScopes
  readonly scope: Scope
}

interface Asked {
  readonly config: GatewayConfig
  readonly waiting: WaitingApproval
  readonly keys: () => Promise<ApproverKeys>
  readonly wanted: Wanted
}

async function ask({ wanted, ...asked }: Asked, names: PrincipalNames, flags: Flags, host: Host): Promise<Choice> {
  const { id, request, body, through } = asked.waiting
  const found = await scopesFor({ ...asked, seconds: wanted.seconds }, flags, host)
  const offered = 'scopes' in found ? found : undefined
  if (offered === undefined && 'why' in found && wanted.isAsked)
    throw new UsageError(`this request can be approved for this call alone: ${found.why}; leave out --for and --scope`)
  const { place } = wanted
  const scopes = offered?.scopes ?? []
  if (place !== undefined && scopes[place] === undefined)
    throw new UsageError(`the request has ${scopes.length} scopes; run \`procura approve ${id}\`, which shows them`)
  host.complain(`request ${id}`)
  if ('isRule' in found) host.complain(`for this call alone: ${found.why}`)
  const chosen = await chooseInTerminal(
    request,
    scopes.map(({ words, values }) => ({ words, values })),
    {
      ...{
        names: namesWith(names, request.agent, through),
        ...(body !== undefined && { body }),
        ...(place !== undefined && { only: place }),
      },
      ...(host.terminal as TerminalOptions),
    },
  )
  if (typeof chosen !== 'number') return chosen ?? 'no'
  return { offered: offered as OfferedScopes, scope: scopes[chosen] as Scope }
}

async function give(
  config: GatewayConfig,
  waiting: WaitingApproval,
  { offered, scope }: ChosenScope,
  issuer: Signer,
  flags: Flags,
  host: Host,
): Promise<void> {
  const { cid, expiration } = await giveScope({ config, waiting }, offered, scope, issuer, flags, host)
  const { id } = waiting
  const delegation = cid.toString()
  if (flags['json'] === true)
    host.print(JSON.stringify({ id, state: 'approved', delegation, expiration, uses: scope.uses ?? null }))
  else host.print(`approved ${id}: ${scope.words}`)
  host.complain(`\`procura revoke --agent ${offered.agent} --delegation ${delegation}\` ends it earlier`)
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

/** The delegations to keys of browsers. An agent may be able to write into the folder. */
async function browsersOf({ approvalsFolder }: GatewayConfig): Promise<readonly Delegation[]> {
  return [...(await pageDelegations(pageFiles(approvalsFolder)).catch(() => new Map<string, Delegation>())).values()]
}

function list(
  all: readonly WaitingApproval[],
  browsers: readonly Delegation[],
  known: PrincipalNames,
  flags: Flags,
  host: Host,
): number {
  const names = { ...Object.fromEntries(browsers.map(({ audience }) => [audience, 'the browser'])), ...known }
  const now = systemClock.now()
  for (const { id, request, state, through } of all) {
    const { agent, approver, command, args, reason, expiration } = request
    const passedOn = through.length > 0 ? { through } : {}
    if (flags['json'] === true)
      host.print(JSON.stringify({ id, state, agent, approver, command, args, reason, expiration, ...passedOn }))
    else
      host.print(
        [
          id,
          state,
          namesWith(names, agent, through)[agent] ?? agent,
          command,
          `for ${names[approver] ?? approver}`,
          `expires ${showDistance(expiration, now)}`,
        ].join('\t'),
      )
  }
  if (all.length === 0) host.complain('no request waits')
  for (const { audience, command, expiration } of browsers)
    host.complain(
      `the browser ${audience} approves ${command}${expiration === never ? '' : ` until ${showDate(expiration)}`}`,
    )
  return 0
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}
