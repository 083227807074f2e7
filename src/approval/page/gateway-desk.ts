/**
 * The gateway that serves the page: it gives out requests by their ID, and takes the answers.
 *
 * @module
 */

import { contentDigest } from '../../support/digest.ts'

/** A request that the gateway keeps. */
export interface GatewayRequest {
  readonly id: string
  readonly request: string
  /** The chain from the owner to the approver, as a container. */
  readonly proofs?: string
  /** The body of a request to an API, in base64. */
  readonly body?: string
  /** Names of the principals that the gateway knows, by DID. */
  readonly names?: Readonly<Record<string, string>>
  /** The command by which the owner permits more than this call. */
  readonly longer?: string
}

/** The body of a request to an API, if it is the one that the agent has signed. */
export async function signedBody(text: string | undefined, digest: unknown): Promise<Uint8Array | undefined> {
  if (text === undefined) return undefined
  const body = Uint8Array.from(atob(text), (one) => one.charCodeAt(0))
  return (await contentDigest(body)) === digest ? body : undefined
}

/** Whether a gateway serves the page: it has a name of its own on this machine. */
export function isAtGateway(): boolean {
  return /^[a-z2-7]{16}\.localhost$/.test(location.hostname)
}

/** Whether the fragment of the address is the ID of a request at a gateway. */
export function isGatewayId(fragment: string): boolean {
  return /^https?:$/.test(location.protocol) && /^[a-z2-7]{16}$/.test(fragment)
}

/**
 * Asks the gateway for a request.
 *
 * @throws Error with the reason of the gateway.
 */
export async function fetchRequest(id: string, approver: string): Promise<GatewayRequest> {
  const response = await fetch(`requests/${id}?approver=${encodeURIComponent(approver)}`)
  if (!response.ok) throw new Error(await reasonOf(response))
  return (await response.json()) as GatewayRequest
}

/** The code in the fragment of the address by which the gateway takes the key of this browser. */
export function codeIn(fragment: string): string | undefined {
  const [, code] = /^enroll-([a-z2-7]{16})$/.exec(fragment) ?? []
  return /^https?:$/.test(location.protocol) ? code : undefined
}

/**
 * Offers the key of this browser to the gateway, for a code that a terminal has shown.
 *
 * @throws Error with the reason of the gateway.
 */
export async function offerKey(code: string, approver: string): Promise<void> {
  const response = await fetch(`keys/${code}`, { method: 'POST', body: approver })
  if (!response.ok) throw new Error(await reasonOf(response))
}

/**
 * Gives the answer to the gateway.
 *
 * @throws Error with the reason of the gateway.
 */
export async function sendAnswer(id: string, answer: string): Promise<void> {
  const response = await fetch(`answers/${id}`, { method: 'POST', body: answer })
  if (!response.ok) throw new Error(await reasonOf(response))
}

async function reasonOf(response: Response): Promise<string> {
  return (await response.text()).slice(0, 200).trim()
}
