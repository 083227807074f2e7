// node only: some readers read files
/**
 * All readers of the package, and the functions that read nothing which others wrote.
 *
 * @module
 */

import type { Reader } from './reader.ts'
import { approvalReaders } from './readers/approvals.ts'
import { auditReaders } from './readers/audit.ts'
import { httpReaders } from './readers/http.ts'
import { nameReaders } from './readers/names.ts'
import { policyReaders } from './readers/policies.ts'
import { readingObjects, tokenReaders, ucantoReaders } from './readers/tokens.ts'
import { vaultReaders } from './readers/vault.ts'

export { readingObjects }

/** All of them. */
export const readers: readonly Reader[] = [
  ...tokenReaders,
  ...ucantoReaders,
  ...nameReaders,
  ...policyReaders,
  ...httpReaders,
  ...approvalReaders,
  ...auditReaders,
  ...vaultReaders,
]

const writes = 'writes the values of the program'
const isSetUp = 'is set up by the program; what it reads later is read by the functions that are named beside it'
const isGiven = 'is given what another function has read'

/** Functions that are not readers, by entry, with the reason. Methods of {@link readingObjects} are after a dot. */
export const others: readonly (readonly [entry: string, reason: string, names: string])[] = [
  ['index', writes, 'generateSigner defineCommand attenuate delegate invoke encodeContainer'],
  ['index', isGiven, 'createAuthorizer.recheck createAuthorizer.finish'],
  ['index', 'reads a container as `authorize` does', 'createAuthorizer.remaining'],
  ['guard', isGiven, 'createGuard.close createGuard.commands createGuard.health'],
  ['service', writes, 'on'],
  ['service/file', isSetUp, 'closeAtSignal openFileService'],
  ['http/node', 'has hostile requests in test/http', 'listenForCalls'],
  ['http/node', isSetUp, 'closeAtSignal'],
  [
    'service',
    isGiven,
    'createService.close createService.health createService.checkHealth createService.guard createService.commands createService.handlers createService.takesRevocations',
  ],
  ['guard', 'reads a container as `authorize` does', 'createGuard.remaining'],
  ['policy', writes, 'and eq every gt gte like lt lte ne not or some policyFor'],
  ['token', writes, 'compressContainer encodeContainer encodeContainerBytes'],
  ['token', isGiven, 'drawDelegations'],
  ['revocation', writes, 'revoke'],
  ['receipt', writes, 'issueReceipt'],
  ['store/memory', isSetUp, 'memoryLimitStore memoryRevocationStore memoryReplayStore memoryStores'],
  ['store/sqlite', isSetUp, 'prepareSqliteStores sqliteStores sqlitePersonalKeyStore sqliteProcessedSets'],
  [
    'store/redis',
    isSetUp,
    'prepareRedisStores redisStores redisPersonalKeyStore redisProcessedSets redisRevocationWatch',
  ],
  [
    'store/postgres',
    isSetUp,
    'postgresStoreSchema preparePostgresStores postgresStores postgresPersonalKeyStore postgresProcessedSets postgresRevocationWatch',
  ],
  ['arguments', writes, 'argumentsSchema'],
  ['authorization', isGiven, 'explainCall'],
  ['agent/file', isSetUp, 'fileDelegationStore openFileAgent'],
  ['agent', isSetUp, 'agentFetch agentTools memoryDelegationStore openAgent toolOf toolsByName'],
  ['mcp', 'has hostile requests in test/mcp', 'commandOfTool guardTools relayTools serveTools toolCall withInvocation'],
  ['mcp', 'has hostile values in test/mcp/client-claims.test.ts', 'clientClaims'],
  ['mcp', writes, 'toolHash'],
  [
    'procura-cli',
    writes,
    'agentFolder apiCommand credentialRulesOf gatewayHome toolCommand toolListHash writeConnection',
  ],
  ['procura-cli', 'has hostile messages and files in packages/cli/test/gateway', 'acceptTools openGateway reviewTools'],
  [
    'procura-cli',
    'has hostile files in packages/cli/test/gateway/serve/approvals',
    'answerApproval enrollApprover listApprovals startPageEnrolment',
  ],
  ['procura-cli', 'has hostile messages in packages/cli/test/gateway/wire/transport', 'httpTransport lineTransport'],
  [
    'procura-cli',
    'has hostile messages and files in packages/cli/test/gateway',
    'answerHook connectToGateway listenForApi readConnection',
  ],
  ['agent/langchain', isSetUp, 'langchainMiddleware langchainTools'],
  ['agent/ai-sdk', isSetUp, 'aiTools guardedTools toolApproval'],
  ['agent/openai', isSetUp, 'openaiTools toolInputGuardrail toolMetaResolver'],
  ['agent/a2a', 'has hostile requests in test/frameworks and test/agent', 'a2aInterceptor guardedRequestHandler'],
  ['agent/a2a', writes, 'messageArguments taskArguments'],
  ['agent/mastra', isSetUp, 'mastraHooks mastraTools'],
  ['agent/claude', isSetUp, 'claudeSession'],
  [
    'testing',
    isSetUp,
    'delegationStoreCases limitStoreCases replayStoreCases revocationStoreCases revocationJournalCases personalKeyStoreCases processedSetsCases',
  ],
  ['revocation', isGiven, 'readRevocationEntry'],
  ['approval', writes, 'requestApproval'],
  ['approval/terminal', 'reads what a person types', 'askInTerminal chooseInTerminal'],
  ['internal/approval-page', 'runs in a browser; it reads requests by `readApprovalRequest`', 'startApprovalPage'],
  ['approval', isGiven, 'approve describeApprovalRequest refuse withApproval'],
  ['proof', isGiven, 'findProofs memoryProofStore'],
  ['format', isGiven, 'wait'],
  ['signer', isSetUp, 'generateSigner remoteSigner webCryptoSigner'],
  ['signer/file', writes, 'createSignerFile'],
  [
    'signer/ssh-agent',
    'reads what an agent answers; test/signers/ssh-agent.test.ts has the hostile answers',
    'listSshAgentKeys sshAgentSigner',
  ],
  [
    'signer/pkcs11',
    'reads what a module returns; test/signers/pkcs11.test.ts has the faulty modules',
    'openPkcs11Signer',
  ],
  [
    'signer/indexed-db',
    'needs a browser; test/services/indexed-db.test.ts has the malformed keys',
    'openIndexedDbSigner removeIndexedDbSigner',
  ],
  [
    'signer/aws-kms',
    'reads what a service answers; test/signers/aws-kms.test.ts has the hostile answers',
    'awsKmsSigner',
  ],
  ['did', isSetUp, 'compositeResolver keyResolver'],
  ['did/web-node', 'makes requests for `webResolver`, which reads the answers', 'publicFetch'],
  ['backend/sodium', isSetUp, 'sodiumBackend'],
  ['http', writes, 'denialResponse'],
  ['http/binding', writes, 'requestArguments bindRequest'],
  ['http/binding', isSetUp, 'bindToRequest'],
  ['http/proxy', isSetUp, 'proxyTo'],
  ['http/forward-auth', isSetUp, 'bindToForwarded'],
  ...['fetch', 'hono', 'express', 'fastify', 'node'].map((framework): (typeof others)[number] => [
    `http/${framework}`,
    'reads a request by `readContainer`; test/http/adapters/table.test.ts has the hostile requests',
    { fastify: 'fastifyHandler fastifyGuard callOf containerBodies unreadBodies', node: 'nodeHandler' }[framework] ??
      `${framework}Handler ${framework}Guard callOf`,
  ]),
  ['policy', writes, 'maxConcurrent maxRate maxSum maxUses'],
  ['operations', isSetUp, 'createMetrics prometheusMeter probeStores pruneRegularly'],
  ['revocation/feed', isSetUp, 'revocationFeed followRevocations revocationJournalSource'],
  [
    'revocation/feed',
    'reads what a publisher sends; test/revocation-sources/hostile-feed.test.ts has the hostile feeds',
    'revocationFeedSource',
  ],
  [
    'revocation/status-list',
    'reads what a publisher sends; test/revocation-sources/status-list.test.ts has the hostile lists',
    'statusListSource',
  ],
  ['revocation/status-list', writes, 'statusListToken'],
  [
    'revocation/lookup',
    'reads questions and answers; test/revocation-sources/lookup.test.ts has the hostile ones',
    'revocationLookup remoteRevocations',
  ],
  [
    'revocation/security-events',
    'reads what a transmitter sends; test/revocation-sources has the hostile tokens and responses',
    'securityEventReceiver pollSecurityEvents',
  ],
  ['internal/platform-node', writes, 'encode gzip'],
  ['internal/platform-web', writes, 'encode gzip'],
  ['ucanto', writes, 'archive archiveToText encodeMessage attest attenuate delegate invoke'],
  ['audit', writes, 'deniedEvent intentEvent newEventId suppressedEvent'],
  ['audit', isSetUp, 'allOf anyOf bestEffort callbackAuditSink chainedSink memoryAuditSink'],
  ['audit/ledger', isSetUp, 'createLedger fileArchive'],
  ['audit/ledger', 'reads what an archive has by `decodeDelegation`', 'findAuthority'],
  ['audit/privacy', writes, 'argumentSalt hashArguments'],
  ['audit/privacy', isSetUp, 'createPseudonymizer memoryPersonalKeyStore'],
  ['audit/verify', writes, 'signCheckpoint formatRecord'],
  ['audit', isSetUp, 'otelAuditSink sampleDenials withCheckpoints withDeadline withHealth auditHistory'],
  ['audit', isGiven, 'recoverIntents'],
  ['audit/postgres', writes, 'postgresAuditSchema'],
  ['audit/postgres', 'asks the server whether there is a table', 'openPostgresAuditSink'],
  ['audit/stdout', isSetUp, 'stdoutAuditSink'],
  ['vault', isSetUp, 'createRedactor createVault referenceTable resilient'],
  ['vault/memory', isSetUp, 'memoryVault'],
  ['vault/processors', isSetUp, 'basic bearer header headers hmac query sigV4'],
  ['vault/sealed', writes, 'generateSealingKey'],
  ['vault/openbao', isSetUp, 'openbaoVault'],
  ['vault/aws', isSetUp, 'assumeRoleVault secretsManagerVault'],
  ['vault/oauth', isSetUp, 'tokenExchangeVault'],
]
