/**
 * Every place of the public functions where options are taken, and how to call the function so that they are read.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { claudeSession } from '../../src/agent/frameworks/claude.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { deniedEvent, intentEvent } from '../../src/audit/events/describe-call.ts'
import { toOcsf } from '../../src/audit/events/ocsf.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { delegate, invoke } from '../../src/entries/index.ts'
import * as ucanto from '../../src/entries/ucanto.ts'
import { assumeRoleSource, assumeRoleVault, secretsManagerVault } from '../../src/entries/vault/aws.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { createCallSender } from '../../src/http/call-sender.ts'
import { on } from '../../src/service/on.ts'
import { createService } from '../../src/service/service.ts'
import { createVault } from '../../src/vault/create-vault.ts'
import { referenceTable } from '../../src/vault/rules/reference-table.ts'
import { envVault } from '../../src/vault/stores/env/env-vault.ts'
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { tokenExchangeVault } from '../../src/vault/stores/oauth/token-exchange.ts'
import { openbaoSource, openbaoVault } from '../../src/vault/stores/openbao/openbao-vault.ts'
import { aws, exchange, guardOptions, openbao, rules, source, write } from '../guard/wrong-options.ts'
import { actor, clock } from '../support/actors.ts'
import { service } from '../support/service.ts'

/** A function that takes options, with everything else that it needs. */
export type OptionCall = (options: never) => unknown

/** Arguments before the options of an export, or a call of one of its parts, or of a method of its result. */
export type OptionCalls = Readonly<Record<string, readonly unknown[] | OptionCall>>

const alice = await actor('alice')
const bob = await actor('bob')
const grant = await delegate({ issuer: alice, audience: service.did, command: '/a', clock })
const call = await invoke({ issuer: alice, audience: service.did, command: '/a', clock })
const container = encodeContainer([call])
const token = await ucanto.delegate({ issuer: alice, audience: bob.did, command: '/a/b' })
const definition = defineCommand({ command: '/a', args: {} })
const sink = memoryAuditSink()
const vault = createVault({ source, credentials: { a: rules } })
const authorizing = {
  audience: service.did,
  subjects: [alice.did],
  commands: [definition],
  revocations: memoryRevocationStore({ clock }),
  replay: memoryReplayStore({ clock }),
  clock,
}
const authorizer = createAuthorizer(authorizing)
const guard = createGuard(guardOptions())
const { commands: _commands, ledger: _ledger, ...serviceOptions } = guardOptions()
const boundService = createService({ ...serviceOptions, handlers: [on(definition, () => undefined)] })
const relayed = { start: write, send: write, close: write }
const role = { roleArn: 'arn:aws:iam::123456789012:role/r', grants: [] }
const record = { sequence: 1, previous: 'a', hash: 'a', event: { kind: 'denied', id: 'a', time: 1 } }
const checkpoint = { log: 'a' }
const denial = { code: 'expired', message: 'late', requirement: 'TIM-03' } as const
const authorization = { ...call, principals: [], invocation: call.cid } as never

/** Calls `fetch` of the object that a guard passes to a handler. */
async function fetchOfGuard(options: never): Promise<unknown> {
  const command = { ...definition, credential: 'a' }
  const guard = createGuard({ ...guardOptions(), clock, commands: [command], vault })
  const fresh = await invoke({ issuer: alice, audience: service.did, command: '/a', clock })
  return guard.use(encodeContainer([fresh]), async (call) => call.fetch('https://api.example', options))
}

export const optionCalls: Readonly<Record<string, OptionCalls>> = {
  index: {
    generateSigner: [],
    defineCommand: [],
    delegate: [],
    attenuate: [grant],
    invoke: [],
    createAuthorizer: [],
    'createAuthorizer bounds': (bounds) => createAuthorizer({ ...authorizing, bounds }),
    'createAuthorizer commands[0]': (change: object) =>
      createAuthorizer({ ...authorizing, commands: [{ ...definition, ...change }] }),
    'createAuthorizer authorize': (options) => authorizer.authorize(container, options),
    'createAuthorizer recheck': (options) => authorizer.recheck({} as never, options),
    authorize: [container],
  },
  authorization: { authorizeMany: [authorizer, [container]], explainCall: [], verifyDelegation: [container] },
  agent: {
    openAgent: [],
    'openAgent ceilings': (ceilings) => openAgent({ signer: alice, ceilings }),
    'openAgent services[0]': (service) => openAgent({ signer: alice, services: [service] }),
    'openAgent can': async (options) => (await openAgent({ signer: alice })).can('/a', {}, options),
    'openAgent authorize': async (options) => (await openAgent({ signer: alice })).authorize(options),
    'openAgent call': async (options) => (await openAgent({ signer: alice })).call('/a', {}, options),
    'openAgent call approval': async (approval) =>
      (await openAgent({ signer: alice })).call('/a', {}, { url: 'https://service.example', approval }),
    'openAgent capabilities': async (options) => (await openAgent({ signer: alice })).capabilities(options),
    'openAgent receive': async (options) => (await openAgent({ signer: alice })).receive(container, options),
    'openAgent delegateTo': async (task) => (await openAgent({ signer: alice })).delegateTo(bob.did, task),
    'openAgent delegateTo commands[0]': async (command) =>
      (await openAgent({ signer: alice })).delegateTo(bob.did, { commands: [command] }),
    memoryDelegationStore: [[]],
    toolOf: [definition],
    agentTools: [() => undefined],
    agentFetch: [{ authorize: write }],
  },
  'agent/file': { describeDelegationFile: [], fileDelegationStore: [], openFileAgent: [] },
  mcp: {
    commandOfTool: [{ name: 'a', inputSchema: { type: 'object' } }],
    guardTools: [{ setRequestHandler: write, _requestHandlers: new Map() }, guard],
    serveTools: [
      { setRequestHandler: write, _requestHandlers: new Map() },
      { guard, handlers: [] },
    ],
    relayTools: [{ client: relayed, upstream: relayed }, guard],
    withInvocation: [{ send: async () => undefined }, await openAgent({ signer: alice })],
  },
  'procura-cli': {
    acceptTools: [],
    answerApproval: [],
    enrollApprover: [],
    listApprovals: [],
    startPageEnrolment: [],
    answerHook: ['{}'],
    connectToGateway: [],
    httpTransport: ['https://server.example/mcp'],
    listenForApi: [],
    openGateway: [],
    reviewTools: [],
    lineTransport: [{ on: write }, { write }],
  },
  'agent/langchain': { langchainMiddleware: [() => undefined], langchainTools: [() => undefined] },
  'agent/ai-sdk': { aiTools: [() => undefined], guardedTools: [() => undefined, {}], toolApproval: [() => undefined] },
  'agent/openai': {
    openaiTools: [() => undefined],
    toolInputGuardrail: [() => undefined],
    toolMetaResolver: [() => undefined],
  },
  'agent/a2a': {
    a2aInterceptor: [() => undefined],
    guardedRequestHandler: [guard, { execute: async () => undefined, cancelTask: async () => undefined }],
  },
  'agent/mastra': { mastraHooks: [() => undefined], mastraTools: [() => undefined] },
  'agent/claude': {
    claudeSession: [() => undefined],
    'claudeSession sign': (options) =>
      claudeSession(() => undefined, { tools: {} }).sign(
        { name: 'a', instance: { connect: async () => undefined } },
        options,
      ),
  },
  policy: { explainPolicy: [[], {}] },
  arguments: {
    bytes: [],
    email: [],
    hostName: [],
    integer: [],
    ipAddress: [],
    listOf: [text()],
    number: [],
    oneLine: [],
    path: [],
    segment: [],
    shellWord: [],
    text: [],
    url: [],
  },
  token: {
    decodeDelegation: [grant.bytes],
    decodeInvocation: [call.bytes],
    openContainer: [container],
    drawDelegations: [[grant]],
  },
  revocation: { revoke: [], verifyRevocation: [container] },
  'store/memory': { memoryRevocationStore: [], memoryReplayStore: [], memoryLimitStore: [] },
  'revocation/feed': {
    revocationFeedSource: [],
    revocationFeed: [],
    followRevocations: [],
    revocationJournalSource: [],
  },
  'revocation/status-list': { statusListSource: [], statusListToken: [] },
  'revocation/lookup': { revocationLookup: [], remoteRevocations: [] },
  operations: { createMetrics: [], prometheusMeter: [], probeStores: [], pruneRegularly: [] },
  'revocation/security-events': { securityEventReceiver: [], pollSecurityEvents: [] },
  approval: {
    approve: [{}],
    describeApprovalRequest: [{}],
    readApprovalAnswer: [container],
    readApprovalRequest: [container],
    refuse: [{}],
    requestApproval: [{ approvable: true }],
    withApproval: [],
  },
  'approval/terminal': { askInTerminal: [{}], chooseInTerminal: [{}, []] },
  'store/sqlite': {
    prepareSqliteStores: [],
    sqliteStores: [],
    sqlitePersonalKeyStore: [],
    sqliteProcessedSets: [],
  },
  'store/redis': {
    prepareRedisStores: [],
    redisStores: [],
    redisPersonalKeyStore: [],
    redisProcessedSets: [],
    redisRevocationWatch: [],
  },
  'store/postgres': {
    postgresStoreSchema: [],
    preparePostgresStores: [],
    postgresStores: [],
    postgresPersonalKeyStore: [],
    postgresProcessedSets: [],
    postgresRevocationWatch: [],
  },
  testing: {
    replayStoreCases: [() => undefined],
    limitStoreCases: [() => undefined],
    revocationJournalCases: [() => undefined],
    revocationStoreCases: [() => undefined],
    personalKeyStoreCases: [() => undefined],
    processedSetsCases: [() => undefined],
    delegationStoreCases: [() => undefined],
  },
  proof: { findProofs: [{ delegationsTo: () => [] }], memoryProofStore: [] },
  receipt: { issueReceipt: [], verifyReceipt: [call.bytes] },
  signer: {
    importSigner: [{ seed: new Uint8Array(32) }],
    'importSigner source': [],
    remoteSigner: [],
    webCryptoSigner: [{}],
  },
  did: { fromDidResolver: [{ resolve: () => undefined }] },
  'did/web': { webResolver: [] },
  'did/web-node': { publicFetch: [] },
  guard: {
    createGuard: [],
    'createGuard audit': (audit) => createGuard({ ...guardOptions(), audit }),
    'createGuard audit.denials': (denials) => createGuard({ ...guardOptions(), audit: { sink, denials } }),
    'createGuard deadlines': (deadlines) => createGuard({ ...guardOptions(), deadlines }),
    'createGuard commands[0]': (change: object) =>
      createGuard({ ...guardOptions(), commands: [{ ...definition, ...change }] }),
    'createGuard use': (options) => guard.use(container, write, options),
    'createGuard authorize': (options) => guard.authorize(container, options),
    'createGuard dryRun': (options) => guard.dryRun(container, options),
    'createGuard fetch': fetchOfGuard,
  },
  service: {
    createService: [],
    'createService call': (options) => boundService.call(container, options),
    'createService revoke': (options) => boundService.revoke(container, options),
  },
  'service/file': { memoryStores: [], openFileService: [] },
  'http/fetch': { fetchGuard: [guard], fetchHandler: [boundService] },
  'http/hono': { honoGuard: [guard], honoHandler: [boundService] },
  'http/express': { closeAtSignal: [boundService], expressHandler: [boundService], expressGuard: [guard] },
  'http/fastify': { fastifyGuard: [guard], fastifyHandler: [boundService] },
  'http/node': { listenForCalls: [boundService], nodeHandler: [boundService] },
  'http/binding': { bindRequest: [], bindToRequest: [] },
  'http/proxy': { proxyTo: [] },
  'http/forward-auth': { bindToForwarded: [] },
  http: {
    readContainer: [new Request('https://example.com')],
    createCallSender: [],
    'createCallSender send': (options) => createCallSender().send('https://example.com', call, [], options),
  },
  ucanto: {
    attest: [token],
    attenuate: [token],
    decode: [''],
    decodeMessage: [''],
    delegate: [],
    execute: [token],
    invoke: [],
    ucantoFormat: [],
    ucantoService: [{ use: write }, {}],
    verifyRevocation: [''],
  },
  audit: {
    anyOf: [[sink]],
    bestEffort: [sink],
    callbackAuditSink: [],
    chainedSink: [{ name: 'a', durability: 'process', write }],
    deniedEvent: [],
    'deniedEvent privacy': (privacy) => deniedEvent({ denial, time: 1, privacy }),
    intentEvent: [],
    'intentEvent privacy': (privacy) => intentEvent({ authorization, time: 1, privacy }),
    suppressedEvent: [],
    toOcsf: [record],
    'toOcsf product': (product) => toOcsf(record as never, { product }),
    auditHistory: [],
    memoryAuditSink: [],
    otelAuditSink: [],
    recoverIntents: [],
    sampleDenials: [],
    withCheckpoints: [sink],
    withDeadline: [sink],
  },
  'audit/ledger': { createLedger: [], fileArchive: [], findAuthority: [] },
  'audit/privacy': {
    hashArguments: [],
    openPersonal: [record.event],
    createPseudonymizer: [],
  },
  'audit/verify': { signCheckpoint: [], verifyCheckpoint: [checkpoint], verifyAuditLog: [[]] },
  'audit/jsonl': {
    openJsonlAuditSink: [],
    readJsonlLines: (options) => first('readJsonlLines', options),
    readJsonlRecords: (options) => first('readJsonlRecords', options),
  },
  'audit/sqlite': { sqliteAuditSink: [] },
  'audit/postgres': { postgresAuditSink: [], openPostgresAuditSink: [], postgresAuditSchema: [] },
  'audit/stdout': { stdoutAuditSink: [] },
  vault: {
    createVault: [],
    'createVault credentials.a': (a) => createVault({ source, credentials: { a } }),
    'createVault use request': (request) => vault.use(request),
    'createVault use': (options) => vault.use({ url: 'https://api.example' } as never, options),
    'createVault lease': (options) => vault.lease('a', options),
    createRedactor: [[]],
    resilient: [source],
    'referenceTable rows[0]': (row) => referenceTable([row]),
  },
  'vault/processors': {
    basic: [],
    bearer: [],
    clientCredentials: [],
    header: [],
    headers: [],
    hmac: [],
    query: [],
    refreshToken: [],
    sigV4: [],
  },
  'vault/memory': { memoryVault: [{ a: 'b' }], 'memoryVault a': (a) => memoryVault({ a }) },
  'vault/env': {
    envVault: [],
    'envVault credentials.a': (a) => envVault({ environment: { A: 'b' }, credentials: { a } }),
  },
  'vault/file': {
    openFileVault: [],
    revealCredentials: [],
    'openFileVault put': (options) =>
      inFolder(async (folder) => {
        const key = { bytes: new Uint8Array(32) }
        const vault = await openFileVault({ path: join(folder, 'v'), key, create: true })
        return vault.put('a', options)
      }),
  },
  'signer/file': {
    createSignerFile: [],
    openSignerFile: [],
    describeSignerFile: [],
    rotateSignerFile: [],
    changeSignerFileKey: [],
  },
  'signer/ssh-agent': { listSshAgentKeys: [], sshAgentSigner: [] },
  'signer/pkcs11': { openPkcs11Signer: [] },
  'signer/indexed-db': { openIndexedDbSigner: [], removeIndexedDbSigner: [] },
  'signer/aws-kms': { awsKmsSigner: [] },
  'vault/sealed': { sealCredential: [], sealedVault: [] },
  'vault/openbao': {
    openbaoVault: [],
    'openbaoVault credentials.a': (a) => openbaoVault({ ...openbao, credentials: { a } }),
    'openbaoVault resilience': (resilience) =>
      openbaoVault({ ...openbao, credentials: { a: { engine: 'kv', path: 'a', ...rules } }, resilience }),
    openbaoSource: [],
    'openbaoSource secrets.a': (a) => openbaoSource({ ...openbao, secrets: { a } }),
    appRole: [],
    jwtLogin: [],
    wrappedAppRole: [],
  },
  'vault/aws': {
    assumeRoleVault: [],
    'assumeRoleVault credentials.a': (a) => assumeRoleVault({ ...aws, credentials: { a } }),
    assumeRoleSource: [],
    'assumeRoleSource roles.a.grants[0]': (grant) =>
      assumeRoleSource({ ...aws, roles: { a: { ...role, grants: [grant] } } }),
    'assumeRoleSource roles.a.grants[0].statements[0]': (statement) =>
      assumeRoleSource({
        ...aws,
        roles: { a: { ...role, grants: [{ command: '/a', statements: [statement] }] } },
      }),
    secretsManagerVault: [],
    'secretsManagerVault credentials.a': (a) => secretsManagerVault({ ...aws, credentials: { a } }),
    secretsManagerSource: [],
  },
  'vault/oauth': {
    tokenExchangeVault: [],
    'tokenExchangeVault credentials.a': (a) => tokenExchangeVault({ ...exchange, credentials: { a } }),
    tokenExchangeSource: [],
  },
}

/** Exports that take no options. */
export const withoutOptions: ReadonlySet<string> = new Set(
  Object.entries({
    index: 'parseDid parseCommand encodeContainer',
    policy:
      'and eq every gt gte like lt lte maxConcurrent maxRate maxSum maxUses ne not or some comparePolicies compilePolicy describePolicy findWidening escapeGlob lintPolicy parsePolicy permits policyFor parseSelector',
    arguments: 'argumentsSchema boolean oneOf optional',
    revocation: 'readRevocationEntry',
    token: 'compressContainer encodeContainerBytes',
    agent: 'toolsByName',
    mcp: 'clientClaims toolCall toolHash',
    'procura-cli':
      'agentFolder apiCommand credentialRulesOf gatewayHome readConnection readGatewayConfig toolCommand toolListHash writeConnection',
    format: 'wait',
    // The names of a table of resolvers are the caller's own.
    did: 'isDid didKeyFrom parseDidKey compositeResolver keyResolver',
    'did/web': 'isPublicAddress',
    'backend/sodium': 'sodiumBackend',
    http: 'denialResponse',
    service: 'on',
    'http/express': 'callOf',
    'http/fastify': 'containerBodies unreadBodies',
    'agent/a2a': 'messageArguments taskArguments',
    'http/binding': 'requestArguments',
    ucanto: 'absentIssuer archive archiveToText encodeMessage',
    audit: 'allOf newEventId withHealth',
    'audit/privacy': 'argumentSalt memoryPersonalKeyStore',
    'audit/verify': 'formatRecord parseRecord findOpenIntents',
    'audit/sqlite': 'readSqliteLines',
    'audit/postgres': 'readPostgresLines',
    // A key is one of three forms, and is refused when it is anything else.
    'vault/file': 'createKeyFile',
    'vault/sealed': 'generateSealingKey sealingPublicKey',
    'vault/openbao': 'fixedToken',
  }).flatMap(([entry, names]) => names.split(' ').map((name) => `${entry} ${name}`)),
)

async function first(name: 'readJsonlLines' | 'readJsonlRecords', options: never): Promise<unknown> {
  const { [name]: read } = await import('../../src/entries/audit/jsonl.ts')
  return read(options).next()
}

/** Runs a call with a folder of its own: the files of tests that share this module have no folder in common. */
async function inFolder(call: (folder: string) => unknown): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'procura-option-names-'))
  try {
    return await call(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
