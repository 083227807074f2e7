/**
 * The program of the page that `indexed-db.test.ts` opens: its functions are called from the test.
 *
 * @module
 */

import { delegate, encodeContainer, parseDid } from 'procura'
import { openIndexedDbSigner, removeIndexedDbSigner } from 'procura/signer/indexed-db'

/** A report of the page, or the message of an error. */
export interface Report {
  readonly did: string
  readonly algorithm: string
  readonly isNew: boolean
  readonly created: number
  /** A delegation to `audience`, signed in the page. */
  readonly container: string
}

type Options = {
  readonly name?: string
  readonly database?: string
  readonly create?: boolean
  readonly did?: string
  readonly timeoutMs?: number
}

const audience = parseDid('did:web:agent.example')

async function open({ did, ...options }: Options = {}): Promise<Report | string> {
  try {
    const named = did === undefined ? {} : { did: parseDid(did) }
    const { created, isNew, signer } = await openIndexedDbSigner({ ...options, ...named })
    const grant = await delegate({ issuer: signer, audience, command: '/mail' })
    const container = encodeContainer([grant])
    return { did: signer.did, algorithm: signer.algorithm, isNew, created, container }
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`
  }
}

/** A delegation that was signed after the key had been removed from the browser. */
async function removeAndSign({ name }: { readonly name: string }): Promise<string> {
  const { signer } = await openIndexedDbSigner({ name })
  await removeIndexedDbSigner({ name })
  return encodeContainer([await delegate({ issuer: signer, audience, command: '/mail' })])
}

declare global {
  var signers: {
    readonly open: typeof open
    readonly remove: typeof removeIndexedDbSigner
    readonly removeAndSign: typeof removeAndSign
  }
}

globalThis.signers = { open, remove: removeIndexedDbSigner, removeAndSign }
