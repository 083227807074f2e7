import { commandCovers } from '../../capability/command.ts'
import { anySubject } from '../../capability/subject.ts'
import type { ChainLink, UnsignedChain } from '../chain.ts'
import { approvableOf } from '../denial.ts'
import type { Refusal } from '../refusal.ts'

/**
 * The chain is one line of authority from the subject to the invoker: each audience is the next issuer, the subject is
 * the same throughout, and no link uses a broader command than it was given. Checked once, root first.
 */
export function checkAlignment(chain: UnsignedChain): Refusal | undefined {
  return checkRoot(chain) ?? checkLinks(chain)
}

/** Authority begins with the subject: with its own delegation, or with its own invocation if there are no proofs. */
function checkRoot(chain: UnsignedChain): Refusal | undefined {
  const root = chain.links[0]?.link
  const { fields } = chain.invocation
  if (root === undefined) {
    return fields.issuer === fields.subject ? undefined : notSubject('PRF-02', fields.subject, fields.issuer, chain)
  }
  if (root.subject === anySubject) {
    return {
      code: 'root_not_subject',
      at: 0,
      requirement: 'PRF-03',
    }
  }
  return root.issuer === root.subject ? undefined : notSubject('PRF-04', root.subject, root.issuer, chain)
}

function checkLinks(chain: UnsignedChain): Refusal | undefined {
  const { links, invocation } = chain
  for (let at = 0; at < links.length; at++) {
    const next = links[at + 1]?.link ?? invocation.fields
    const denial = checkPair((links[at] as Pick<ChainLink, 'link'>).link, next, at + 1, chain)
    if (denial !== undefined) return denial
  }
  return undefined
}

/**
 * The path of a revocation is one line of delegations over one subject. The issuer of the revoked delegation may
 * present it alone. Every chain is checked again for the reach of that right when it is used.
 */
export function checkWitness(path: readonly ChainLink[]): Refusal | undefined {
  const subject = path.find(({ link }) => link.subject !== anySubject)?.link.subject
  for (const [at, { link }] of path.entries()) {
    const next = path[at + 1]?.link
    const aligned = next === undefined || link.audience === next.issuer
    if (aligned && (link.subject === anySubject || link.subject === subject)) continue
    return {
      code: aligned ? 'subject_misaligned' : 'principal_misaligned',
      message: 'the `path` of the revocation is not one chain; list its delegations in order, root first',
      at,
      requirement: 'RVK-08',
    }
  }
  return undefined
}

type Given = ChainLink['link']
type Taken = Pick<Given, 'issuer' | 'subject' | 'command'>

/** Compares a delegation with the next token, at position `at`. */
function checkPair(given: Given, taken: Taken, at: number, chain: UnsignedChain): Refusal | undefined {
  if (given.audience !== taken.issuer) {
    return {
      code: 'principal_misaligned',
      at,
      requirement: 'PRF-05',
      detail: { kind: 'principal', expected: [given.audience], found: taken.issuer },
    }
  }
  const misaligned = checkSubject(given, at - 1, chain) ?? checkSubject(taken, at, chain)
  if (misaligned !== undefined) return misaligned
  if (commandCovers(given.command, taken.command)) return undefined
  return {
    code: 'command_not_covered',
    at,
    requirement: 'PRF-07',
    detail: { kind: 'command', granted: given.command, found: taken.command },
    approvable: approvableOf(chain.invocation.fields),
  }
}

function checkSubject(token: Taken, at: number, chain: UnsignedChain): Refusal | undefined {
  const { subject } = chain.invocation.fields
  if (token.subject === anySubject || token.subject === subject) return undefined
  return {
    code: 'subject_misaligned',
    at,
    requirement: 'PRF-06',
    detail: { kind: 'principal', expected: [subject], found: token.subject },
  }
}

function notSubject(requirement: string, subject: string, issuer: string, chain: UnsignedChain): Refusal {
  return {
    code: 'root_not_subject',
    at: 0,
    requirement,
    detail: { kind: 'principal', expected: [subject], found: issuer },
    ...(chain.links.length === 0 && { approvable: approvableOf(chain.invocation.fields) }),
  }
}
