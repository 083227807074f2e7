/**
 * One valid call of every function that a portable entry point of the package exports: the ground on which arguments
 * are exchanged for wrong ones.
 *
 * @module
 */
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { number, text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { compilePolicy } from '../../src/core/capability/policy/compile.ts'
import { policyFor } from '../../src/core/capability/policy/policy-for.ts'
import { publicKey } from '../../src/core/did/did-key.ts'
import { memoryProofStore } from '../../src/core/proof/memory-proof-store.ts'
import { issueReceipt } from '../../src/core/receipt/issue-receipt.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { revoke } from '../../src/core/revocation/revoke.ts'
import { type AuthorizeOptions, createAuthorizer, delegate, encodeContainer, invoke } from '../../src/entries/index.ts'
import {
  AttenuationError,
  type ProcuraError,
  ProofSearchError,
  ResolutionError,
  SigningError,
  StoreError,
} from '../../src/errors.ts'
import { actor, clock, now } from '../support/actors.ts'

/** A class of errors. */
export type ErrorClass = abstract new (...args: never[]) => ProcuraError

/** A function that is called with anything. */
export type AnyFunction = (...args: never[]) => unknown

/** A function and arguments that are in order. */
export interface PublicCall {
  /** The function. Default: the export of that name. */
  readonly call?: AnyFunction
  /** The arguments. A frozen part of them counts as one thing. */
  readonly args: readonly unknown[]
  /** Places that accept any value, or whose question is whether the value is of a kind. */
  readonly free?: RegExp
  /** The documented errors besides ArgumentError and MalformedError. */
  readonly errors?: readonly ErrorClass[]
}

/** Entry points whose functions are not called from here, and why. */
export const otherEntries: ReadonlyMap<RegExp, string> = new Map([
  [
    /^(vault|audit|guard|service)(\/|$)/,
    'is set up with files and services; test/guard/configuration.test.ts does it wrongly',
  ],
  [/^(backend|pool)(\/|$)/, 'is what verifies; its functions are called by the library'],
  [/^(ucanto|http)(\/|$)/, 'is another format or an adapter, with tests of its own'],
  [/^did\/web-node$/, 'needs Node'],
  [/^signer\/file$/, 'reads files; test/signers/file does it'],
  [
    /^signer\/(ssh-agent|pkcs11|pkcs11-thread|indexed-db|aws-kms)$/,
    'is set up with an agent, a module or a service; test/signers does it',
  ],
  [/^agent(\/|$)/, 'is an application of delegations, with tests of its own in test/agent'],
  [/^mcp$/, 'is set up with servers and clients; test/mcp does it'],
  [/^procura-cli$/, 'needs Node; packages/cli/test/gateway does it'],
  [/^approval(\/|$)/, 'is an application of delegations, with tests of its own in test/approval'],
  [
    /^revocation\/(feed|lookup|status-list|security-events)$/,
    'is set up with a publisher; test/revocation-sources does it',
  ],
  [/^operations$/, 'is set up with a meter and stores; test/operations does it'],
  [/^(store\/(sqlite|redis|postgres)|testing)$/, 'is set up with a database; test/stores and test/services do it'],
])

const inFormats = 'takes any value, and runs on the path of every call'

/** Functions that are not called, with the reason. Functions of a format are named `format name`. */
export const otherFunctions: ReadonlyMap<string, string> = new Map([['format wait', inFormats]])

const alice = await actor('alice')
const bob = await actor('bob')
const service = await actor('service')
const { signal } = new AbortController()
const nonce = new Uint8Array(12).fill(7)
const grant = await delegate({ issuer: alice, audience: bob.did, command: '/mail', expiration: now + 600, clock })
const call = await invoke({
  issuer: bob,
  audience: service.did,
  command: '/mail/send',
  args: { to: 'ann' },
  proofs: [grant],
  clock,
})
const revocation = await revoke({ issuer: alice, delegation: grant })
const receipt = await issueReceipt({ executor: service, task: call.task, outcome: { ok: 1 }, clock })
const container = encodeContainer([call, grant])
const send = defineCommand({ command: '/mail/send', args: { to: text(), copies: number() } })
const schema = { '~standard': text()['~standard'] }
const key = publicKey('Ed25519', alice.publicKey)
const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
const resolver = { resolve: () => undefined }
const bounds = { containerBytes: 1 << 18, tokenBytes: 1 << 16, tokens: 64, proofs: 16, depth: 32, items: 8192 }
const reading = { bounds, accept: ['1.0.0'] }
const verifying = {
  ...reading,
  clock,
  clockTolerance: 60,
  acceptRedundantFields: false,
  onError: () => undefined,
}
const authorizing = {
  ...verifying,
  audience: service.did,
  subjects: [alice.did],
  commands: [send],
  revocations: { findRevocations: () => [] },
  replay: { claim: () => true },
  maxInvocationLifetime: 300,
  minimumNonceBytes: 12,
  resolver,
  maxCachedDelegations: 10,
  rememberProofs: false,
}
const authorizer = createAuthorizer(authorizing as unknown as AuthorizeOptions)
const held = memoryProofStore()
held.add([grant])
const revocations = memoryRevocationStore({ clock })
const replay = memoryReplayStore({ clock })
const is = policyFor(send) as unknown as Readonly<Record<'eq' | 'lt' | 'like' | 'every' | 'some', AnyFunction>>
const equal = ['==', '.', 1]
const statements = [
  ['==', '.a', [1]],
  ['or', [['like', '.b', 'x*']]],
  ['not', ['all', '.c', ['<', '.', 5]]],
]
/** Where they compare with a value. */
const literal = /^\[0\]\[0\]\[2\]/
const found = { a: [1], b: 'x', c: [7] }
/** A malformed container leads to a refusal, not to an error. */
const anyContainer = /^\[0\]/
/**
 * Calls by entry point, each under the name of the export. A suffix after a space names its form, and one after a dot a
 * method of its result.
 */
export const publicCalls: Readonly<Record<string, Readonly<Record<string, PublicCall>>>> = {
  index: {
    parseDid: { args: [alice.did] },
    parseCommand: { args: ['/mail'] },
    generateSigner: { args: [{ algorithm: 'ES256' }] },
    defineCommand: {
      args: [{ command: '/mail', args: { to: schema }, description: 'x', idempotent: true }],
      free: /description/,
    },
    delegate: {
      args: [
        {
          issuer: alice,
          audience: bob.did,
          subject: alice.did,
          command: '/mail',
          policy: statements,
          expiresIn: 5,
          notBefore: now,
          nonce,
          meta: { a: 1 },
          clock,
          signal,
        },
      ],
      free: /policy|meta/,
    },
    attenuate: {
      args: [
        [grant],
        {
          issuer: bob,
          audience: service.did,
          command: '/mail/send',
          policy: statements,
          expiresIn: 5,
          notBefore: now,
          nonce,
          meta: { a: 1 },
          clock,
          signal,
        },
      ],
      free: /policy|meta/,
      errors: [AttenuationError],
    },
    'attenuate until a time': { args: [grant, { issuer: bob, audience: service.did, expiration: now + 60 }] },
    invoke: {
      args: [
        {
          issuer: bob,
          audience: service.did,
          subject: alice.did,
          command: '/mail/send',
          args: { to: 'ann', all: [1, { b: null }] },
          proofs: [grant],
          expiresIn: 5,
          nonce,
          meta: { a: 1 },
          cause: grant.cid,
          clock,
          signal,
        },
      ],
      free: /args|meta/,
    },
    encodeContainer: { args: [[call, grant]] },
    // A version that there is not is one that is never met.
    createAuthorizer: { args: [authorizing], free: /accept/ },
    'createAuthorizer.authorize': { call: authorizer.authorize, args: [container, { signal }], free: anyContainer },
    'createAuthorizer.authorizeSync': { call: authorizer.authorizeSync, args: [container], free: anyContainer },
    authorize: { args: [container, { ...authorizing, signal }], free: /^\[0\]|accept/ },
  },
  authorization: {
    authorizeMany: {
      args: [authorizer, [container, container], { concurrency: 2, signal }],
      free: /^\[1\]\[/,
    },
    explainCall: {
      args: [
        {
          invoker: bob.did,
          subject: alice.did,
          command: send,
          args: { to: 'ann', copies: 1 },
          proofs: [grant],
          clock,
          clockTolerance: 5,
        },
      ],
      free: /args/,
    },
    verifyDelegation: {
      args: [[grant], { ...verifying, audience: bob.did, revocations: authorizing.revocations, signal }],
      free: /^\[0\]|accept/,
    },
  },
  policy: {
    eq: { args: ['.a', { b: [1] }], free: /^\[1\]/ },
    ne: { args: ['.a', { b: [1] }], free: /^\[1\]/ },
    lt: { args: ['.a', 1] },
    lte: { args: ['.a', 1] },
    gt: { args: ['.a', 1] },
    gte: { args: ['.a', 1] },
    like: { args: ['.a', 'x*'] },
    maxUses: { args: [5] },
    maxSum: { args: ['.a', '5.00'], free: /^\[1\]/ },
    maxRate: { args: [5, 60] },
    maxConcurrent: { args: [5] },
    and: { args: [equal, equal], free: /\[2\]/ },
    or: { args: [equal, equal], free: /\[2\]/ },
    not: { args: [equal], free: /\[2\]/ },
    every: { args: ['.a', equal], free: /\[2\]/ },
    some: { args: ['.a', equal], free: /\[2\]/ },
    compilePolicy: { args: [statements], free: literal },
    'compilePolicy.evaluate': { call: compilePolicy(statements as never).evaluate, args: [found], free: /./ },
    describePolicy: { args: [statements], free: literal },
    explainPolicy: { args: [statements, found, { redact: true }], free: /^\[1\]|^\[0\]\[0\]\[2\]/ },
    lintPolicy: { args: [statements], free: literal },
    findWidening: { args: [statements, statements], free: /^\[.\]\[0\]\[2\]/ },
    comparePolicies: { args: [statements, statements], free: /^\[.\]\[0\]\[2\]/ },
    permits: { args: [statements, statements], free: /^\[.\]\[0\]\[2\]/ },
    parsePolicy: { args: [statements], free: literal },
    escapeGlob: { args: ['x*'] },
    policyFor: { args: [{ command: '/mail', args: { to: text() } }] },
    'policyFor.eq': { call: is.eq, args: ['.to', 'ann'], free: /^\[1\]/ },
    'policyFor.lt': { call: is.lt, args: ['.copies', 1] },
    'policyFor.like': { call: is.like, args: ['.to', 'a*'] },
    'policyFor.every': { call: is.every, args: ['.to', () => equal] },
    'policyFor.some': { call: is.some, args: ['.to', () => equal] },
    parseSelector: { args: ['.a[0]'] },
  },
  arguments: {
    argumentsSchema: { args: [send] },
    boolean: { args: [] },
    bytes: { args: [{ minLength: 1, maxLength: 2 }] },
    email: { args: [{ punycode: true }] },
    hostName: { args: [{ punycode: true }] },
    integer: { args: [{ min: 1, max: 2 }] },
    ipAddress: { args: [{ version: 4 }] },
    listOf: { args: [schema, { minLength: 1, maxLength: 2 }] },
    number: { args: [{ min: 1, max: 2 }] },
    oneLine: { args: [{ maxLength: 2 }] },
    oneOf: { args: [['a', 1, true, null]], free: /./ },
    optional: { args: [schema] },
    path: { args: [{ maxLength: 2 }] },
    segment: { args: [{ maxLength: 2 }] },
    shellWord: { args: [{ maxLength: 2 }] },
    text: { args: [{ minLength: 1, maxLength: 2 }] },
    url: { args: [{ schemes: ['https'], punycode: true, maxLength: 2 }] },
  },
  token: {
    decodeDelegation: { args: [grant.bytes, reading] },
    decodeInvocation: { args: [call.bytes, reading] },
    compressContainer: { args: [[call, grant]] },
    encodeContainerBytes: { args: [[call, grant]] },
    openContainer: { args: [container, reading] },
    drawDelegations: { args: [[grant], { names: {}, clock }] },
  },
  revocation: {
    revoke: {
      args: [{ issuer: alice, delegation: grant, path: [grant], subject: alice.did, proofs: [grant], signal }],
    },
    readRevocationEntry: { args: [{ ids: [grant.cid.toString()], revoker: alice.did, expiration: now }] },
    verifyRevocation: {
      args: [encodeContainer([revocation, grant]), { ...verifying, resolver, signal }],
      free: /^\[0\]|accept/,
    },
  },
  'store/memory': {
    memoryStores: { args: [{ clock }] },
    memoryRevocationStore: { args: [{ maxEntries: 5, clock, keepFor: 1 }] },
    'memoryRevocationStore.add': {
      call: revocations.add,
      args: [{ ids: [grant.cid.toString()], revoker: alice.did, expiration: now }],
    },
    'memoryRevocationStore.findRevocations': {
      call: revocations.findRevocations,
      args: [[grant.cid.toString()], {}],
      free: /^\[0\]\[/,
    },
    memoryReplayStore: { args: [{ maxEntries: 5, clock }] },
    memoryLimitStore: { args: [{ maxEntries: 5, clock }] },
    'memoryReplayStore.claim': { call: replay.claim, args: ['key', now, {}], errors: [StoreError] },
  },
  proof: {
    findProofs: {
      args: [
        { delegationsTo: held.delegationsTo },
        {
          invoker: bob.did,
          subject: alice.did,
          command: '/mail/send',
          args: { to: 'ann' },
          clock,
          validFor: 1,
          maxLength: 2,
          maxSteps: 5,
          signal,
        },
      ],
      free: /args/,
      errors: [ProofSearchError, StoreError],
    },
    memoryProofStore: { args: [{ maxEntries: 5 }] },
    'memoryProofStore.add': { call: held.add, args: [[grant]] },
    'memoryProofStore.delegationsTo': { call: held.delegationsTo, args: [bob.did, {}], free: /./ },
  },
  receipt: {
    issueReceipt: {
      args: [{ executor: service, task: call.task, outcome: { ok: [1] }, meta: { a: 1 }, clock, signal }],
      free: /outcome|meta/,
    },
    verifyReceipt: {
      args: [receipt.bytes, { executor: service.did, task: call.task, resolver, signal }],
      errors: [ResolutionError],
    },
  },
  signer: {
    importSigner: { args: [{ seed: new Uint8Array(32).fill(1) }, { algorithm: 'ES256', did: 'did:web:example.com' }] },
    'importSigner of base64': { args: [{ base64: Buffer.alloc(32, 1).toString('base64') }] },
    'importSigner of PKCS#8': {
      args: [{ pkcs8: new Uint8Array(Buffer.from(`302e020100300506032b657004220420${'01'.repeat(32)}`, 'hex')) }],
    },
    'importSigner of a JWK': {
      args: [{ jwk: { kty: 'OKP', crv: 'Ed25519', d: Buffer.alloc(32, 1).toString('base64url') } }],
    },
    remoteSigner: {
      args: [{ did: 'did:web:example.com', key, sign: () => new Uint8Array(64), maxMessageBytes: 4096 }],
    },
    webCryptoSigner: { args: [pair, { did: 'did:web:example.com' }], errors: [SigningError] },
  },
  did: {
    isDid: { args: [alice.did], free: /./ },
    didKeyFrom: { args: ['Ed25519', alice.publicKey] },
    parseDidKey: { args: [alice.did] },
    fromDidResolver: { args: [resolver, { relationships: ['capabilityInvocation'] }] },
    'fromDidResolver of a registry': { args: [{ key: () => undefined }] },
    compositeResolver: { args: [{ key: resolver }] },
    keyResolver: { args: [] },
  },
  'did/web': {
    isPublicAddress: { args: ['10.0.0.1'], free: /./ },
    webResolver: {
      args: [
        {
          allowHosts: ['example.com'],
          allowPrivateAddresses: false,
          lookup: () => [],
          fetch: () => undefined,
          timeoutMs: 5,
          cacheSeconds: 5,
          negativeCacheSeconds: 5,
          maxStaleSeconds: 5,
          maxEntries: 5,
          maxConcurrent: 5,
          relationships: ['capabilityInvocation'],
          clock,
        },
      ],
    },
  },
}
