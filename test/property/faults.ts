/**
 * Faults of a chain, a call, a container or a service. Some changes are harmless: a limit met exactly, a signature
 * exchanged for its equal, an option that permits more.
 *
 * @module
 */
import { CID } from 'multiformats/cid'
import { Raw } from '../reference/cbor.ts'
import { cidOf, type Revocation, replayKey, twinOf } from '../reference/chain.ts'
import { varsigHeader } from '../reference/keys.ts'
import { type Principal, writeToken } from '../reference/writer.ts'
import { cast, now, pickFrom, unrelatedToken } from './cast.ts'

/** The segments of the command that is called; links stop at one of them. */
export const segments: readonly string[] = ['alpha', 'beta', 'gamma']

/** The command that is called. */
export const command: string = `/${segments.join('/')}`

/** A place, a choice, and a value, read by each kind of fault as it needs. */
export interface Fault {
  readonly kind: string
  readonly at: number
  readonly pick: number
  readonly value?: unknown
}

/** A token before it is signed. */
export interface Draft {
  tag: string
  fields: { [key: string]: unknown }
  signer: Principal
  header?: Uint8Array
  beside?: { [key: string]: unknown }
}

/** The things that a fault may change, besides the tokens. */
export interface Surroundings {
  audience: string
  subjects: readonly string[] | 'any'
  commands: readonly string[] | 'any'
  revoked: Revocation[]
  seen: Set<string>
  releaseCandidate: boolean
  lenient: boolean
  maxLifetime: number | 'never'
  minNonce: number
}

const otherCommands = [
  '/alpha/be',
  '/alpha/betagamma',
  '/alph',
  '/alpha/beta/gamma/delta',
  '/alpha/delta',
  '/',
  '/alpha',
  '/beta',
  '/alpha/beta/gamma-x',
]
const badCommands = [
  '',
  'alpha',
  '/alpha/',
  '//',
  '/alpha//beta',
  '/Alpha',
  '/alpha/b%2fc',
  '/alpha/.',
  '/ünder',
  '/alpha/ beta',
  '/alpha\n',
  '/\u0000',
]
const badDids = [
  'did:key:z6MkeXATEjyXENzBXBxgC5EHk2JE5aqd7qMGGtDpLUH1e2Sj',
  'did:key:',
  'did:key:z',
  'did:key:f00',
  'DID:KEY:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK#z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK ',
  'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doL',
  'did:key:z111',
  `did:key:z${'1'.repeat(130)}`,
  'did:web:',
  'did:web',
  '',
  'mailto:a@example.com',
  'did:key:z6Mkm3UJGxhMyyqcS6PUzoe33hmoYYtXceRpYgaGXy4GJtsx',
]
const badPolicies: readonly unknown[] = [
  null,
  {},
  ['==', '.a', 1],
  [['==', '.a']],
  [['==', '.a', 1, 1]],
  [['like', '.a', 1]],
  [['<', '.a', 'x']],
  [['not', []]],
  [['and', ['==', '.a', 1]]],
  [['xor', []]],
  [['all', '.a', []]],
  [['==', '.user-id', 1]],
  [['==', 1, 1]],
]
const oddBytes = [
  '1801',
  '190001',
  'f7',
  'f93c00',
  'fa3f800000',
  '9f01ff',
  '61ff',
  '1b0020000000000000',
  'fb7ff0000000000000',
  'a2616201616101',
  'a26161016161 02',
  'c101',
  'a1016161',
  '5f4101ff',
  'd82a4100',
  'f8ff',
  'a1695f5f70726f746f5f5f01',
  'fb3ff0000000000000',
  'fb8000000000000000',
  'fb4340000000000000',
]
const wrongValues: readonly unknown[] = [
  'text',
  1.5,
  true,
  -1,
  new Raw('1b0020000000000000'),
  {},
  [],
  null,
  new Uint8Array(3),
  new Raw('fb41dad27480000000'),
]
const timeSteps = [-3600, -62, -61, -60, -59, -1, 0, 1, 59, 60, 61, 62, 3600]
const lifetimes = [299, 300, 301, 359, 360, 361, 362, 86_400, null]
const nonceSizes = [0, 1, 11, 12, 13, 63, 64, 65]
const tags = [
  'ucan/dlg@1.0.0',
  'ucan/inv@1.0.0',
  'ucan/dlg@1.0.0-rc.1',
  'ucan/inv@1.0.0-rc.1',
  'ucan/dlg@999.evil',
  'ucan/inv@',
  'ucan/i/1.0.0-rc.1',
  'h2',
]
const oddCids = [
  'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy',
  'QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n',
  'bafyaaaa',
]

type DraftFault = (drafts: Draft[], fault: Fault) => void

// The draft a fault is about: every third time the invocation, which has the most rules.
function tokenOf(drafts: readonly Draft[], { at }: Fault): Draft {
  return at % 3 === 0 ? (drafts.at(-1) as Draft) : pickFrom(drafts, at)
}

function linkOf(drafts: readonly Draft[], { at }: Fault): Draft | undefined {
  return drafts.length > 1 ? drafts[at % (drafts.length - 1)] : undefined
}

function set(draft: Draft | undefined, field: string, value: unknown): void {
  if (draft !== undefined) draft.fields[field] = value
}

/** Before signing: the content and the signer. */
export const draftFaults: { readonly [kind: string]: DraftFault } = {
  audience: (drafts, fault) => set(linkOf(drafts, fault), 'aud', pickFrom(cast, fault.pick).did),
  callAudience: (drafts, fault) => set(drafts.at(-1), 'aud', pickFrom(cast, fault.pick).did),
  issuer: (drafts, fault) => {
    const draft = tokenOf(drafts, fault)
    draft.signer = pickFrom(cast, fault.pick)
    draft.fields['iss'] = draft.signer.did
  },
  forged: (drafts, fault) => {
    tokenOf(drafts, fault).signer = pickFrom(cast, fault.pick)
  },
  forgedWithHeader: (drafts, fault) => {
    const draft = tokenOf(drafts, fault)
    draft.header = varsigHeader(draft.signer.algorithm)
    draft.signer = pickFrom(cast, fault.pick)
  },
  subject: (drafts, fault) => set(tokenOf(drafts, fault), 'sub', pickFrom(cast, fault.pick).did),
  powerline: (drafts, fault) => set(linkOf(drafts, fault), 'sub', null),
  command: (drafts, fault) => set(tokenOf(drafts, fault), 'cmd', pickFrom(otherCommands, fault.pick)),
  badCommand: (drafts, fault) => set(tokenOf(drafts, fault), 'cmd', pickFrom(badCommands, fault.pick)),
  expires: (drafts, fault) => set(tokenOf(drafts, fault), 'exp', now + pickFrom(timeSteps, fault.pick)),
  begins: (drafts, fault) => set(tokenOf(drafts, fault), 'nbf', now + pickFrom(timeSteps, fault.pick)),
  lifetime: (drafts, fault) => {
    const life = pickFrom(lifetimes, fault.pick)
    set(drafts.at(-1), 'exp', life === null ? null : now + life)
  },
  nonce: (drafts, fault) => set(tokenOf(drafts, fault), 'nonce', new Uint8Array(pickFrom(nonceSizes, fault.pick))),
  policy: (drafts, fault) => {
    const draft = linkOf(drafts, fault)
    const policy: unknown = draft?.fields['pol']
    // An earlier fault can have removed it.
    if (Array.isArray(policy)) set(draft, 'pol', [...policy, fault.value])
  },
  badPolicy: (drafts, fault) => set(linkOf(drafts, fault), 'pol', pickFrom(badPolicies, fault.pick)),
  args: (drafts, fault) => set(drafts.at(-1), 'args', fault.value),
  oddBytes: (drafts, fault) => {
    const draft = tokenOf(drafts, fault)
    set(draft, draft === drafts.at(-1) ? 'args' : 'meta', {
      x: new Raw(pickFrom(oddBytes, fault.pick).replace(' ', '')),
    })
  },
  wrongType: (drafts, fault) => {
    const draft = tokenOf(drafts, fault)
    const names = ['nbf', 'iat', 'meta', 'cause', ...Object.keys(draft.fields)]
    set(draft, pickFrom(names, fault.at), pickFrom(wrongValues, fault.pick))
  },
  missingField: (drafts, fault) => {
    const draft = tokenOf(drafts, fault)
    delete draft.fields[pickFrom(Object.keys(draft.fields), fault.pick)]
  },
  extraField: (drafts, fault) =>
    set(tokenOf(drafts, fault), pickFrom(['x', 'prf', 'args', 'pol', 'iat', 'fct', ''], fault.pick), []),
  beside: (drafts, fault) => {
    tokenOf(drafts, fault).beside = {
      [pickFrom(['x', 'g', 'ucan/dlg@1.0.1', '', 'longer than any tag is'], fault.pick)]: 1,
    }
  },
  tag: (drafts, fault) => {
    tokenOf(drafts, fault).tag = pickFrom(tags, fault.pick)
  },
  candidateTags: (drafts) => {
    for (const draft of drafts) draft.tag = draft.tag.replace('@1.0.0', '@1.0.0-rc.1')
  },
  header: (drafts, fault) => {
    const draft = tokenOf(drafts, fault)
    const good = varsigHeader(draft.signer.algorithm)
    const last = good.length - 1
    const wrong = [
      good.slice(0, last),
      Uint8Array.of(...good, 0),
      good.with(last, 0x5f),
      good.with(1, 0),
      good.with(last - 1, 0x16),
      new Uint8Array(0),
    ]
    draft.header = pickFrom(wrong, fault.pick)
  },
  otherHeader: (drafts, fault) => {
    tokenOf(drafts, fault).header = varsigHeader(pickFrom(['Ed25519', 'ES256', 'ES256K'] as const, fault.pick))
  },
  emptyMeta: (drafts, fault) => set(tokenOf(drafts, fault), 'meta', {}),
  redundantAudience: (drafts) => set(drafts.at(-1), 'aud', drafts.at(-1)?.fields['sub']),
  badDid: (drafts, fault) =>
    set(tokenOf(drafts, fault), pickFrom(['iss', 'aud', 'sub'], fault.at), pickFrom(badDids, fault.pick)),
  webDid: (drafts, fault) => {
    const draft = linkOf(drafts, fault)
    const next = drafts[(draft === undefined ? -1 : drafts.indexOf(draft)) + 1]
    set(draft, 'aud', 'did:web:example.com')
    set(next, 'iss', 'did:web:example.com')
  },
}

type BytesFault = (bytes: Uint8Array, fault: Fault) => Uint8Array

const flip: BytesFault = (bytes, { pick }) =>
  bytes.map((byte, place) => (place === pick % bytes.length ? byte ^ (1 << (pick % 8)) : byte))
const swapTwin: BytesFault = (bytes) => twinOf(bytes) ?? bytes
const shortSignature: BytesFault = (bytes) =>
  Uint8Array.from([0x82, 0x58, 63, ...bytes.slice(3, 66), ...bytes.slice(67)])
const trailing: BytesFault = (bytes, { pick }) => Uint8Array.from([...bytes, pick % 256])

function onLink(change: BytesFault): (links: Uint8Array[], fault: Fault) => Uint8Array[] {
  return (links, fault) =>
    links.map((bytes, place) => (place === fault.at % links.length ? change(bytes, fault) : bytes))
}

/** After signing, before the invocation names the delegations by their hashes. */
export const linkFaults: { readonly [kind: string]: (links: Uint8Array[], fault: Fault) => Uint8Array[] } = {
  flipLink: onLink(flip),
  twinLink: onLink(swapTwin),
  shortSignature: onLink(shortSignature),
  trailing: onLink(trailing),
}

/** The names in the invocation. */
export const prfFaults: { readonly [kind: string]: (prf: unknown[], fault: Fault) => unknown[] } = {
  unnamed: (prf, { at }) => prf.filter((_, place) => place !== at % prf.length),
  namedTwice: (prf, { at }) => prf.flatMap((cid, place) => (place === at % prf.length ? [cid, cid] : [cid])),
  reversed: (prf) => prf.toReversed(),
  swapped: (prf, { at }) => {
    const place = at % Math.max(prf.length - 1, 1)
    return prf.length < 2 ? prf : [...prf.slice(0, place), prf[place + 1], prf[place], ...prf.slice(place + 2)]
  },
  foreignName: (prf, { at, pick }) =>
    prf.toSpliced(at % (prf.length + 1), 0, CID.parse(cidOf(unrelatedToken(pick % 2)))),
  oddName: (prf, { at, pick }) => prf.toSpliced(at % (prf.length + 1), 1, CID.parse(pickFrom(oddCids, pick))),
  noName: (prf, { at, pick }) => prf.toSpliced(at % (prf.length + 1), 1, pickFrom(['text', 1, null, []], pick)),
}

/** After the invocation is signed. */
export const callFaults: { readonly [kind: string]: BytesFault } = {
  flipCall: flip,
  twinCall: swapTwin,
  shortCall: shortSignature,
  trailingCall: trailing,
}

interface Made {
  readonly links: readonly Uint8Array[]
  readonly invocation: Draft
}

/** Faults of the list of tokens in the container. */
export const containerFaults: {
  readonly [kind: string]: (tokens: Uint8Array[], fault: Fault, made: Made) => Uint8Array[]
} = {
  dropped: (tokens, { at }) => tokens.filter((_, place) => place !== at % tokens.length),
  doubled: (tokens, { at }) => (tokens.length === 0 ? tokens : [...tokens, pickFrom(tokens, at)]),
  changedLink: (tokens, fault, { links }) =>
    tokens.map((bytes, place) => (links.length > 0 && place === fault.at % links.length ? flip(bytes, fault) : bytes)),
  replacedByTwin: (tokens, fault, { links }) =>
    tokens.map((bytes, place) =>
      links.length > 0 && place === fault.at % links.length ? swapTwin(bytes, fault) : bytes,
    ),
  secondCall: (tokens, { pick }, { invocation }) => [
    ...tokens,
    writeToken({ ...invocation, fields: { ...invocation.fields, nonce: new Uint8Array(12).fill(pick) } }),
  ],
  garbage: (tokens, { pick }) => [
    ...tokens,
    Uint8Array.from({ length: pick % 40 }, (_, place) => (place * pick) % 256),
  ],
  many: (tokens, { pick }) => [
    ...tokens,
    ...Array.from({ length: 60 + (pick % 6) - tokens.length }, (_, place) => unrelatedToken(100 + place)),
  ],
}

interface World {
  readonly links: readonly Uint8Array[]
  readonly call: Uint8Array
  readonly people: readonly Principal[]
}

/** The identity, knowledge and permissions of the service. */
export const surroundingFaults: {
  readonly [kind: string]: (around: Surroundings, fault: Fault, world: World) => void
} = {
  otherService: (around, { pick }) => {
    around.audience = pickFrom(cast, pick).did
  },
  otherSubjects: (around, { pick }) => {
    around.subjects = pickFrom([[], [pickFrom(cast, pick).did], 'any'], pick)
  },
  otherCommands: (around, { pick }) => {
    around.commands = pickFrom([[], ['/alpha/beta'], [command, '/alpha'], 'any'], pick)
  },
  revokedLink: (around, { at, pick }, { links, people }) => {
    const link = links[at % Math.max(links.length, 1)]
    if (link !== undefined) around.revoked.push({ id: cidOf(link), ...revokerOf(pick, people) })
  },
  revokedTwin: (around, { at, pick }, { links, people }) => {
    const link = links[at % Math.max(links.length, 1)]
    const twin = link === undefined ? undefined : twinOf(link)
    if (twin !== undefined) around.revoked.push({ id: cidOf(twin), ...revokerOf(pick, people) })
  },
  revokedPrincipal: (around, { pick }) => around.revoked.push({ id: pickFrom(cast, pick).did }),
  revokedOther: (around, { pick }) => around.revoked.push({ id: cidOf(unrelatedToken(pick % 3)) }),
  seen: (around, _, { call }) => {
    // A spoilt call does not have a signed part.
    if (call[0] === 0x82 && call[1] === 0x58 && call[2] === 64) around.seen.add(replayKey(call))
  },
  seenOther: (around, { pick }) => around.seen.add(replayKey(unrelatedToken(pick % 3))),
  readsCandidate: (around) => {
    around.releaseCandidate = true
  },
  readsRedundant: (around) => {
    around.lenient = true
  },
  longLives: (around) => {
    around.maxLifetime = 'never'
  },
  shortNonces: (around) => {
    around.minNonce = 0
  },
}

function revokerOf(pick: number, people: readonly Principal[]): { readonly revoker?: string } {
  if (pick % 3 === 0) return {}
  return { revoker: pick % 3 === 1 ? pickFrom(people, pick).did : pickFrom(cast, pick).did }
}

/** The names of all faults. */
export const faultKinds: readonly string[] = [
  draftFaults,
  linkFaults,
  prfFaults,
  callFaults,
  containerFaults,
  surroundingFaults,
].flatMap((table) => Object.keys(table))
