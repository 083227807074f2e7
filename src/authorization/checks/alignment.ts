import { commandCovers } from '../../capability/command.ts'
import { anySubject } from '../../capability/subject.ts'
import { type ChainLink, linkName, type UnsignedChain } from '../chain.ts'
import { approvableOf, type Denial } from '../denial.ts'

/**
 * The chain is one line of authority from the subject to the invoker: each audience is the next issuer, the subject is the
 * same throughout, and no link uses a broader command than it was given. Checked once, root first.
 */
export function checkAlignment(chain: UnsignedChain): Denial | undefined {
  return checkRoot(chain) ?? checkLinks(chain)
}

/** Authority begins with the subject: with its own delegation, or with its own invocation if there are no proofs. */
function checkRoot(chain: UnsignedChain): Denial | undefined {
  const root = chain.links[0]?.link
  const { fields } = chain.invocation
  if (root === undefined) {
    return fields.issuer === fields.subject ? undefined : notSubject('PRF-02', fields.subject, fields.issuer, chain)
  }
  if (root.subject === anySubject) {
    return {
      code: 'root_not_subject',
      message: 'the root delegation has no subject; the first proof must be a delegation by the subject, about itself',
      at: 0,
      requirement: 'PRF-03',
    }
  }
  return root.issuer === root.subject ? undefined : notSubject('PRF-04', root.subject, root.issuer, chain)
}

function checkLinks(chain: UnsignedChain): Denial | undefined {
  const { links, invocation } = chain
  for (let at = 0; at < links.length; at++) {
    const next = links[at + 1]?.link ?? invocation.fields
    const denial = checkPair((links[at] as Pick<ChainLink, 'link'>).link, next, at + 1, chain)
    if (denial !== undefined) return denial
  }
  return undefined
}

/**
 * The path of a revocation is one line of delegations over one subject. It need not begin with the subject: any issuer in
 * it may revoke. Every chain is checked again for the reach of that right when it is used.
 */
export function checkWitness(path: readonly ChainLink[]): Denial | undefined {
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
function checkPair(given: Given, taken: Taken, at: number, chain: UnsignedChain): Denial | undefined {
  const count = chain.links.length
  if (given.audience !== taken.issuer) {
    const nextStep =
      at === count
        ? 'sign with the key of that audience, or use proofs that end with a delegation to the issuer'
        : 'list the proofs in order, root first'
    return {
      code: 'principal_misaligned',
      message: `${linkName(at, count)} is issued by ${taken.issuer}, but ${linkName(at - 1, count)} is for ${given.audience}; ${nextStep}`,
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
    message: `${linkName(at, count)} is for \`${taken.command}\`, but ${linkName(at - 1, count)} covers only \`${given.command}\``,
    at,
    requirement: 'PRF-07',
    detail: { kind: 'command', granted: given.command, found: taken.command },
    approvable: approvableOf(chain.invocation.fields),
  }
}

function checkSubject(token: Taken, at: number, chain: UnsignedChain): Denial | undefined {
  const { subject } = chain.invocation.fields
  if (token.subject === anySubject || token.subject === subject) return undefined
  return {
    code: 'subject_misaligned',
    message: `the subject of ${linkName(at, chain.links.length)} is ${token.subject}, but the subject of the invocation is ${subject}`,
    at,
    requirement: 'PRF-06',
    detail: { kind: 'principal', expected: [subject], found: token.subject },
  }
}

function notSubject(requirement: string, subject: string, issuer: string, chain: UnsignedChain): Denial {
  const count = chain.links.length
  const nextStep =
    count === 0
      ? 'list in `proofs` the delegations that lead from the subject to the issuer, root first'
      : 'list the proofs root first, beginning with a delegation by the subject'
  return {
    code: 'root_not_subject',
    message: `${linkName(0, count)} is issued by ${issuer}, not by the subject ${subject}; ${nextStep}`,
    at: 0,
    requirement,
    detail: { kind: 'principal', expected: [subject], found: issuer },
    ...(count === 0 && { approvable: approvableOf(chain.invocation.fields) }),
  }
}
