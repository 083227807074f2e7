// node only: its users read files
import type { IpldMap } from 'procura'
import { contentDigest } from '#support/digest.ts'

/** Most bytes of a body that an approver is shown. */
export const mostShownBytes = 16_384

/** Most characters of a body in base64. */
const mostCharacters = Math.ceil(mostShownBytes / 3) * 4

/**
 * The body of a request to an API, if it is the one that the agent has signed: its digest is an argument of the call.
 * GTW-68
 *
 * @param text - the body in base64, from the agent or a file.
 */
export async function bodyOf(text: string | undefined, args: IpldMap): Promise<Uint8Array | undefined> {
  if (text === undefined || text === '' || text.length > mostCharacters) return undefined
  const bytes = Buffer.from(text, 'base64')
  // Other characters between those of base64 would fill the disk, and are not read by the page.
  if (bytes.length > mostShownBytes || bytes.toString('base64') !== text) return undefined
  const body = Uint8Array.from(bytes)
  return (await contentDigest(body)) === args['digest'] ? body : undefined
}

/** Whether a body is the one of each request; a request can be without one. */
export async function areOfBody(
  body: string | undefined,
  requests: readonly { readonly request: { readonly args: IpldMap } }[],
): Promise<boolean> {
  for (const { request } of body === undefined ? [] : requests)
    if ((await bodyOf(body, request.args)) === undefined) return false
  return true
}
