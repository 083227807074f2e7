/**
 * Chains that are not one line of authority from the subject to the invoker.
 *
 * @module
 */

import { courier, mailer, owner, type Principal, planner, principal, stranger } from '../principals.ts'
import { type DelegationDraft, delegation, type InvocationDraft, invocation, type Token } from '../token.ts'
import { type Hostile, refused, type Vector } from '../vector.ts'

/** All of them. */
export function chainVectors(): readonly Vector[] {
  return [...roots(), ...alignment(), ...subjects(), ...commands(), ...proofs()]
}

function roots(): readonly Vector[] {
  return [
    ...refused('no-proofs', 'PRF-02', 'root_not_subject', {
      'by a stranger': { tokens: [invocation({ by: stranger })], at: 0 },
      'by a delegate, with the proof left out of the list': {
        tokens: [invocation({ by: planner }), delegation({ from: owner, to: planner })],
        at: 0,
      },
    }),
    ...refused('root-of-any-subject', 'PRF-03', 'root_not_subject', {
      'by the owner': { tokens: chain({ 0: { sub: null } }), at: 0 },
      'by a stranger': { tokens: line([stranger, mailer], { 0: { sub: null } }), at: 0 },
      'of a chain of one': { tokens: line([owner, mailer], { 0: { sub: null } }), at: 0 },
      'all of a chain': {
        tokens: chain({ 0: { sub: null }, 1: { sub: null }, 2: { sub: null }, 3: { sub: null } }),
        at: 0,
      },
    }),
    ...refused('root-not-by-the-subject', 'PRF-04', 'root_not_subject', {
      'by a stranger': { tokens: line([stranger, planner, mailer]), at: 0 },
      'by a stranger, to the service': { tokens: line([stranger, mailer]), at: 0 },
      'the first delegation left out': { tokens: tail(1), at: 0 },
      'the first two left out': { tokens: tail(2), at: 0 },
      'the other way round': { tokens: permuted([3, 2, 1, 0]), at: 0 },
    }),
  ]
}

function alignment(): readonly Vector[] {
  const cut = [0, 1, 2, 3].map((at): [string, Hostile] => [
    `delegation ${at} is for a stranger`,
    { tokens: chain({ [at]: { to: stranger } }), at: at + 1 },
  ])
  const joined = [1, 2, 3].map((at): [string, Hostile] => [
    `delegation ${at} is by a stranger`,
    { tokens: chain({ [at]: { from: stranger } }), at },
  ])
  return [
    ...refused('principals-not-aligned', 'PRF-05', 'principal_misaligned', {
      ...Object.fromEntries([...cut, ...joined]),
      'the invocation is by a stranger': { tokens: chain({}, { by: stranger }), at: 4 },
      'the invocation is by the issuer of its proof': { tokens: chain({}, { by: courier }), at: 4 },
      'the invocation is by the owner': { tokens: chain({}, { by: owner }), at: 4 },
      'a link is left out': { tokens: without(1), at: 1 },
      'the last link is left out': { tokens: without(3), at: 3 },
      'a link is there twice': { tokens: permuted([0, 1, 1, 2, 3]), at: 2 },
      'the root is there twice': { tokens: permuted([0, 0, 1, 2, 3]), at: 1 },
      'two links have changed places': { tokens: permuted([0, 2, 1, 3]), at: 1 },
      'the last two have changed places': { tokens: permuted([0, 1, 3, 2]), at: 2 },
      'a good chain of somebody else before it': { tokens: permuted([0, 1, 2, 3, 4]), at: 4 },
      'a powerline of a stranger': { tokens: chain({ 2: { from: stranger, sub: null } }), at: 2 },
      'the same key on another curve': { tokens: chain({ 3: { to: principal('runner', 'ES256') } }), at: 4 },
    }),
  ]
}

function subjects(): readonly Vector[] {
  const other = [1, 2, 3].map((at): [string, Hostile] => [
    `delegation ${at} is about another`,
    { tokens: chain({ [at]: { sub: stranger } }), at },
  ])
  const own = [1, 2, 3].map((at): [string, Hostile] => [
    `delegation ${at} is about its issuer`,
    { tokens: chain({ [at]: { sub: people[at] as Principal } }), at },
  ])
  return [
    ...refused('subjects-not-aligned', 'PRF-06', 'subject_misaligned', {
      ...Object.fromEntries([...other, ...own]),
      'the root is about another, who issued it': {
        tokens: line([stranger, planner, mailer], { 0: { sub: stranger }, 1: { sub: null } }),
        at: 0,
      },
      'the whole chain is about another, and the invocation not': {
        tokens: line([stranger, planner], { 0: { sub: stranger } }),
        at: 0,
      },
      'the invocation is about another': {
        tokens: chain({}, { sub: stranger }),
        at: 0,
        context: { subjects: 'any' },
      },
      'the invocation is about its issuer': {
        tokens: chain({}, { sub: runner }),
        at: 0,
        context: { subjects: 'any' },
      },
      'another subject behind a powerline': {
        tokens: chain({ 1: { sub: null }, 2: { sub: stranger } }),
        at: 2,
      },
    }),
  ]
}

/** Pairs of which the first looks as if it covered the second. */
const nearMisses: readonly (readonly [string, string])[] = [
  ['/crypto', '/cryptocurrency'],
  ['/crypto', '/cryptocurrency/sign'],
  ['/mail', '/mails'],
  ['/mail', '/mail-send'],
  ['/mail', '/mail_send'],
  ['/mail', '/mailsend/mail'],
  ['/mail', '/mai'],
  ['/mail', '/email'],
  ['/mail', '/x/mail'],
  ['/mail', '/'],
  ['/mail/send', '/mail'],
  ['/mail/send', '/mail/sen'],
  ['/mail/send', '/mail/sender'],
  ['/mail/send', '/mail/send-all'],
  ['/mail/send', '/mail/list'],
  ['/mail/send', '/send/mail'],
  ['/mail/send', '/mail/x/send'],
  ['/mail/mail', '/mail'],
  ['/db/read', '/db/readwrite/read'],
  ['/db/read', '/db/write'],
  ['/a/b/c', '/a/b'],
  ['/a', '/aa'],
  ['/0', '/00'],
  ['/a-b', '/a/b'],
]

function commands(): readonly Vector[] {
  const pairs = nearMisses.map(([proof, command]): [string, Hostile] => [
    `${proof} for ${command}`,
    { tokens: line([owner, mailer], { 0: { cmd: proof } }, { cmd: command }), at: 1 },
  ])
  const wider = [1, 2, 3].map((at): [string, Hostile] => [
    `delegation ${at} takes more`,
    {
      tokens: chain({
        0: { cmd: '/mail/send' },
        1: { cmd: '/mail/send' },
        2: { cmd: '/mail/send' },
        3: { cmd: '/mail/send' },
        [at]: { cmd: '/mail' },
      }),
      at,
    },
  ])
  return [
    ...refused('command-not-covered', 'PRF-07', 'command_not_covered', {
      ...Object.fromEntries([...pairs, ...wider]),
      'a delegation takes everything': { tokens: chain({ 2: { cmd: '/' } }), at: 2 },
      'the invocation asks for everything': { tokens: chain({}, { cmd: '/' }), at: 4 },
      'narrow, wide, narrow': {
        tokens: line([owner, planner, mailer], { 0: { cmd: '/mail/send' }, 1: { cmd: '/mail' } }),
        at: 1,
      },
      'the invocation of another branch': { tokens: chain({ 3: { cmd: '/mail/list' } }), at: 4 },
    }),
  ]
}

function proofs(): readonly Vector[] {
  const missing = [0, 1, 2, 3].map((at): [string, Hostile] => [
    `delegation ${at} is not in the container`,
    { tokens: chain().filter((_, index) => index !== at + 1), at },
  ])
  const root = delegation({ from: owner, to: planner })
  const again = delegation({ from: owner, to: planner, exp: 1_800_000_001 })
  const cites: Token = { ...root, bytes: new Uint8Array() }
  return [
    ...refused('proof-missing', 'PRF-01', 'proof_missing', {
      ...Object.fromEntries(missing),
      'none is in the container': { tokens: chain().slice(0, 1), at: 0 },
      'one of the same content but another time is': {
        tokens: [invocation({ by: planner, prf: [root] }), again],
        at: 0,
      },
      'one bit of it is another': {
        tokens: [
          invocation({ by: planner, prf: [root] }),
          { ...root, bytes: root.bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte)) },
        ],
        at: 0,
      },
      'its name is that of no bytes': { tokens: [invocation({ by: planner, prf: [cites] }), root], at: 0 },
      'the invocation names another invocation': {
        tokens: [invocation({ by: planner, prf: [invocation({ by: owner, aud: planner })] }), root],
        at: 0,
      },
      'one more than needed is named, behind': {
        tokens: [invocation({ by: planner, prf: [root, again] }), root],
        at: 1,
      },
    }),
  ]
}

const runner = principal('runner')

/** Owner, planner, mailer and courier delegate on, each to the next; the runner calls. */
const people: readonly Principal[] = [owner, planner, mailer, courier, runner]

type Links = Readonly<Record<number, Partial<DelegationDraft>>>

/** The chain of four delegations with its invocation in front; links can be changed by position. */
function chain(links: Links = {}, call: Partial<InvocationDraft> = {}): readonly Token[] {
  return line(people, links, call)
}

/** A chain through these people, over the authority of the owner. */
function line(through: readonly Principal[], links: Links = {}, call: Partial<InvocationDraft> = {}): readonly Token[] {
  const grants = through
    .slice(0, -1)
    .map((from, at) => delegation({ from, to: through[at + 1] as Principal, ...links[at] }))
  return [invocation({ by: through.at(-1) as Principal, prf: grants, ...call }), ...grants]
}

/** The chain with its proofs named in this order; a fifth one comes from another chain. */
function permuted(order: readonly number[]): readonly Token[] {
  const grants = [...chain().slice(1), delegation({ from: stranger, to: runner, sub: null })]
  const named = order.map((at) => grants[at] as Token)
  return [invocation({ by: runner, prf: named }), ...grants]
}

/** The chain without one of its proofs. */
function without(left: number): readonly Token[] {
  return permuted([0, 1, 2, 3].filter((at) => at !== left))
}

/** The chain without its first proofs. */
function tail(first: number): readonly Token[] {
  return permuted([0, 1, 2, 3].slice(first))
}
