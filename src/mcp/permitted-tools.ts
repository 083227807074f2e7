import { verifyDelegation } from '../core/authorization/verify-delegation.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'
import { anySubject } from '../core/capability/subject.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import type { Did } from '../core/did/did.ts'
import type { DidResolver } from '../core/did/resolver.ts'
import { findProofs } from '../core/proof/find-proofs.ts'
import { memoryProofStore } from '../core/proof/memory-proof-store.ts'
import type { RevocationStore } from '../core/revocation/revocation-store.ts'
import { MalformedError, ProofSearchError } from '../errors.ts'
import type { Guard } from '../guard/guard.ts'
import { arrayOf, didString, maybe, type OptionChecks, withMethod } from '../support/options.ts'
import type { Clock } from '../time.ts'
import type { ToolDenial } from './tool-denial.ts'
import type { PinnedTool } from './tool-hash.ts'

/** A tool, as a server lists it. */
export type ListedTool = PinnedTool & Readonly<Record<string, unknown>>

/** How the delegations of a caller that asks for the list of tools are verified. */
export interface PermittedToolsOptions {
  /**
   * The DIDs of the owners for whom the service acts, or `anySubject`: as of its guard. Others may delegate nothing.
   */
  readonly subjects: readonly string[] | typeof anySubject
  /** Default: the host's clock. */
  readonly clock?: Clock
  /** Resolves the DIDs of issuers to keys. Default: `did:key` only. */
  readonly resolver?: DidResolver
  /** Revocations that are looked up. Default: none. */
  readonly revocations?: RevocationStore
}

/** The checks of {@link PermittedToolsOptions}. */
export const permittedToolsChecks: OptionChecks<PermittedToolsOptions> = Object.freeze({
  subjects: (value) =>
    value === anySubject || arrayOf(didString)(value) === undefined
      ? undefined
      : 'must be a list of DIDs, or anySubject',
  clock: maybe(withMethod('now')),
  resolver: maybe(withMethod('resolve')),
  revocations: maybe(withMethod('findRevocations')),
})

/** A list of tools, and the reason if it is empty because of the container. */
export interface PermittedTools {
  readonly tools: readonly ListedTool[]
  readonly denial?: ToolDenial
}

/**
 * Selects the tools whose command some verified chain of the container covers. It is a help for the model: each call is
 * decided by itself. MCP-09
 */
export async function permittedTools(
  tools: readonly ListedTool[],
  {
    definitionOf,
    guard,
    container,
    options,
  }: {
    readonly definitionOf: (tool: string) => CommandDefinition | undefined
    readonly guard: Pick<Guard, 'open'>
    readonly container: string
    readonly options: PermittedToolsOptions
  },
): Promise<PermittedTools> {
  let delegations: readonly Delegation[]
  try {
    delegations = (await guard.open(container)).delegations
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    return { tools: [], denial: { code: error.kind, message: error.message, requirement: error.requirement } }
  }
  const covers = createCovers(delegations, options)
  try {
    const found = await Promise.all(tools.map(({ name }) => covers(definitionOf(name) as CommandDefinition)))
    return { tools: tools.filter((_, index) => found[index]) }
  } catch (error) {
    if (!(error instanceof ProofSearchError)) throw error
    return { tools: [], denial: { code: 'too_large', message: error.message, requirement: 'MCP-09' } }
  }
}

/** Whether a verified chain leads to some holder of the container. */
function createCovers(
  delegations: readonly Delegation[],
  { subjects: served, ...options }: PermittedToolsOptions,
): (definition: CommandDefinition) => Promise<boolean> {
  const store = memoryProofStore()
  store.add(delegations)
  const issuers = new Set(delegations.map(({ issuer }) => issuer))
  const holders = new Set(delegations.map(({ audience }) => audience).filter((did) => !issuers.has(did)))
  const owners = new Set(delegations.flatMap(({ subject, issuer }) => [subject === anySubject ? issuer : subject]))
  const subjects = [...owners].filter((did) => served === anySubject || served.includes(did))
  const verified = new Map<string, Promise<boolean>>()

  const verify = (proofs: readonly Delegation[], audience: Did): Promise<boolean> => {
    const key = proofs.map(({ cid }) => String(cid)).join()
    const known =
      verified.get(key) ?? verifyDelegation(proofs, { ...options, audience }).then((verdict) => verdict.verified)
    verified.set(key, known)
    return known
  }

  return async ({ command }) => {
    for (const invoker of holders) {
      for (const subject of subjects) {
        const { clock } = options
        const proofs = await findProofs(store, { invoker, subject, command, ...(clock !== undefined && { clock }) })
        if (proofs !== undefined && proofs.length > 0 && (await verify(proofs, invoker))) return true
      }
    }
    return false
  }
}
