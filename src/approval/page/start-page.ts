import { openContainer } from '../../core/authorization/open-container.ts'
import type { Delegation } from '../../core/delegation/delegation.ts'
import { findProofs } from '../../core/proof/find-proofs.ts'
import { memoryProofStore } from '../../core/proof/memory-proof-store.ts'
import { approve } from '../approve.ts'
import { describeApprovalRequest } from '../describe-request.ts'
import { readApprovalRequest } from '../read-request.ts'
import { refuse } from '../refuse.ts'
import type { ReceivedRequest } from '../request.ts'
import {
  codeIn,
  fetchRequest,
  type GatewayRequest,
  isAtGateway,
  isGatewayId,
  offerKey,
  sendAnswer,
  signedBody,
} from './gateway-desk.ts'
import { type Keeper, openKeeper } from './keeper.ts'

/** The elements of the page by their id. */
interface Page {
  readonly [id: string]: HTMLElement
}

/** Milliseconds for which the buttons are off, so that a click that was meant for something else approves nothing. */
const readingMs = 500

/**
 * Starts the page: makes or opens the key, and reads the request in the fragment of the address.
 *
 * APR-53: the build adds a Content Security Policy that permits this script, the style, and nothing else.
 */
export async function startApprovalPage(): Promise<void> {
  const page: Page = Object.fromEntries([...document.querySelectorAll<HTMLElement>('[id]')].map((one) => [one.id, one]))
  // APR-52: a page that frames this one could cover its text.
  if (globalThis.self !== globalThis.top) return say(page, 'This page does not work in a frame.')
  if (globalThis.crypto.subtle === undefined) return say(page, 'This page needs https, or a file on this device.')
  const keeper = await openKeeper()
  // A page of a gateway does not need the fields for work by hand.
  if (page['byHand'] instanceof HTMLDetailsElement) page['byHand'].open = !isAtGateway()
  value(page, 'approver', keeper.signer.did)
  value(page, 'proofs', (await keeper.proofs()) ?? '')
  const show = (given: string): void => void showGiven(page, keeper, given.trim()).catch(report(page))
  on(page, 'read', () => show(input(page, 'incoming')))
  on(page, 'keep', () => void keep(page, keeper).catch(report(page)))
  addEventListener('hashchange', () => show(location.hash.slice(1)))
  if (location.hash.length > 1) show(location.hash.slice(1))
  else say(page, 'There is no request.')
}

/** Shows a request, or the one that the gateway keeps under an ID. */
async function showGiven(page: Page, keeper: Keeper, given: string): Promise<void> {
  hide(page, 'request', true)
  hide(page, 'result', true)
  const code = codeIn(given)
  if (code !== undefined) return enroll(page, keeper, code)
  if (!isGatewayId(given)) return showRequest(page, keeper, given)
  const { did } = keeper.signer
  try {
    const kept = await fetchRequest(given, did)
    await showRequest(page, keeper, kept.request, kept)
  } catch (error) {
    say(
      page,
      `${(error as Error).message}. A browser that is not an approver yet becomes one with: procura approve --page`,
    )
  }
}

/** Offers the key of this browser. The person compares its end at the terminal: a code can be seen by others. */
async function enroll(page: Page, keeper: Keeper, code: string): Promise<void> {
  // The link is for one key, and is not for the history of the browser.
  history.replaceState(undefined, '', location.pathname)
  await offerKey(code, keeper.signer.did)
  say(page, `The key of this browser ends with ${keeper.signer.did.slice(-6)}. Type these characters at the terminal.`)
}

async function showRequest(page: Page, keeper: Keeper, container: string, kept?: GatewayRequest): Promise<void> {
  const reading = await readApprovalRequest(container, { approver: keeper.signer.did })
  if (!reading.valid) return say(page, `This is not a valid request: ${reading.denial.message}`)
  const { request } = reading
  const body = await signedBody(kept?.body, request.args['digest'])
  const { lines, complete } = describeApprovalRequest(request, {
    ...{ width: 4_000, names: kept?.names ?? {} },
    ...(body !== undefined && { body }),
  })
  // APR-50: words are text, and never markup.
  page['words']?.replaceChildren(
    ...lines.map((line) => {
      const item = document.createElement('li')
      item.textContent = line
      return item
    }),
  )
  hide(page, 'warning', complete)
  hide(page, 'longer', kept?.longer === undefined)
  if (page['command'] !== undefined) page['command'].textContent = kept?.longer ?? ''
  hide(page, 'request', false)
  say(page, 'An agent requests your approval.')
  offer(page, keeper, request, kept)
}

/** Switches the buttons on for this request, after a moment. */
function offer(page: Page, keeper: Keeper, request: ReceivedRequest, kept?: GatewayRequest): void {
  const answer = async (make: () => Promise<string>, said: string): Promise<void> => {
    hide(page, 'request', true)
    const made = await make()
    if (kept !== undefined) {
      await sendAnswer(kept.id, made)
      return say(page, `${said} The gateway has your answer.`)
    }
    value(page, 'answer', made)
    hide(page, 'result', false)
    say(page, said)
  }
  const { signer } = keeper
  const yes = async (): Promise<string> => {
    const proofs = await proofsFor(kept?.proofs ?? (await keeper.proofs()), keeper, request)
    return (await approve(request, { issuer: signer, proofs })).container
  }
  on(page, 'approve', () => void answer(yes, 'You approved the call.').catch(report(page)))
  on(
    page,
    'refuse',
    () => void answer(() => refuse(request, { issuer: signer }), 'You refused the call.').catch(report(page)),
  )
  rest(page)
}

/** Switches the buttons off, and on again after a moment, unless another request is shown in it. */
function rest(page: Page): void {
  const words = page['words']?.firstChild
  for (const id of ['approve', 'refuse']) {
    const button = page[id]
    if (!(button instanceof HTMLButtonElement)) continue
    button.disabled = true
    setTimeout(() => {
      // A request that was shown meanwhile has started a wait of its own.
      if (page['words']?.firstChild === words) button.disabled = false
    }, readingMs)
  }
}

/** The chain from the owner to the approver among some delegations; empty when the approver is the owner. */
async function proofsFor(
  kept: string | undefined,
  keeper: Keeper,
  request: ReceivedRequest,
): Promise<readonly Delegation[]> {
  if (kept === undefined || request.subject === keeper.signer.did) return []
  const store = memoryProofStore()
  store.add((await openContainer(kept)).delegations)
  const { subject, command, args } = request
  return (await findProofs(store, { invoker: keeper.signer.did, subject, command, args })) ?? []
}

async function keep(page: Page, keeper: Keeper): Promise<void> {
  const container = input(page, 'proofs').trim()
  const { delegations } = await openContainer(container)
  await keeper.keepProofs(container)
  say(page, `Kept ${delegations.length} delegations.`)
}

function say(page: Page, text: string): void {
  if (page['status'] !== undefined) page['status'].textContent = text
}

function report(page: Page): (error: unknown) => void {
  return (error) => say(page, error instanceof Error ? `That did not work: ${error.message}` : 'That did not work.')
}

function hide(page: Page, id: string, hidden: boolean): void {
  if (page[id] !== undefined) page[id].hidden = hidden
}

function value(page: Page, id: string, text: string): void {
  const element = page[id]
  if (element instanceof HTMLTextAreaElement) element.value = text
}

function input(page: Page, id: string): string {
  const element = page[id]
  return element instanceof HTMLTextAreaElement ? element.value : ''
}

/** Replaces the listener of a button, so that a click never answers an earlier request. */
function on(page: Page, id: string, listener: () => void): void {
  if (page[id] !== undefined) page[id].onclick = listener
}
