import { chainedSink } from '../../src/audit/chained-sink.ts'
import { allOf } from '../../src/audit/combine/all-of.ts'
import { anyOf } from '../../src/audit/combine/any-of.ts'
import { bestEffort } from '../../src/audit/combine/best-effort.ts'
import { withCheckpoints } from '../../src/audit/combine/with-checkpoints.ts'
import { withDeadline } from '../../src/audit/combine/with-deadline.ts'
import { withHealth } from '../../src/audit/combine/with-health.ts'
import { createPseudonymizer } from '../../src/audit/privacy/pseudonym.ts'
import { recoverIntents } from '../../src/audit/recovery/recover-intents.ts'
import { sampleDenials } from '../../src/audit/sample-denials.ts'
import { callbackAuditSink } from '../../src/audit/sinks/callback-audit-sink.ts'
import { openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { otelAuditSink } from '../../src/audit/sinks/otel-audit-sink.ts'
import { postgresAuditSink } from '../../src/audit/sinks/postgres/postgres-audit-sink.ts'
import { sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { stdoutAuditSink } from '../../src/audit/sinks/stdout-audit-sink.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { assumeRoleVault, secretsManagerVault } from '../../src/entries/vault/aws.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { createVault } from '../../src/vault/create-vault.ts'
import { basic } from '../../src/vault/processors/basic.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { clientCredentials } from '../../src/vault/processors/client-credentials.ts'
import { header } from '../../src/vault/processors/header.ts'
import { headers } from '../../src/vault/processors/headers.ts'
import { hmac } from '../../src/vault/processors/hmac.ts'
import { query } from '../../src/vault/processors/query.ts'
import { refreshToken } from '../../src/vault/processors/refresh-token.ts'
import { sigV4 } from '../../src/vault/processors/sigv4.ts'
import { resilient } from '../../src/vault/resilience/resilient.ts'
import { referenceTable } from '../../src/vault/rules/reference-table.ts'
import { envVault } from '../../src/vault/stores/env/env-vault.ts'
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { tokenExchangeVault } from '../../src/vault/stores/oauth/token-exchange.ts'
import { appRole, jwtLogin, openbaoVault, wrappedAppRole } from '../../src/vault/stores/openbao/openbao-vault.ts'
import { sealCredential, sealedVault } from '../../src/vault/stores/sealed/sealed-vault.ts'
import { service } from '../support/service.ts'

import {
  alice,
  aws,
  canary,
  databaseAt,
  exchange,
  grants,
  guardOptions,
  openbao,
  place,
  rules,
  sealing,
  source,
  write,
} from './wrong-options.ts'

/** Kinds of options; the test has wrong values for each kind. */
export type OptionKind =
  | 'text'
  | 'callback'
  | 'flag'
  | 'whole'
  | 'number'
  | 'milliseconds'
  | 'object'
  | 'list'
  | 'iterable'
  | 'secret'

/** Options by name, of any kind. */
export type Options = Record<string, unknown>
interface Given {
  readonly sink: never
  readonly sinks: never
}
/** A function, valid options for it, and the kind of each option; `!` marks required options. */
export type OptionRow = readonly [
  make: (options: never) => unknown,
  valid: () => Options,
  kinds: Readonly<Record<string, OptionKind>>,
]

const ofVaults = {
  clock: 'object',
  fetch: 'callback',
  readTimeoutMs: 'milliseconds',
  upstreamTimeoutMs: 'milliseconds',
  redirects: 'whole',
  onRevokeFailure: 'callback',
} as const
/** Every function that takes options of a service. */
export const optionRows: Readonly<Record<string, OptionRow>> = {
  createVault: [
    createVault,
    () => ({ source, credentials: { a: rules } }),
    { ...ofVaults, 'source!': 'object', 'credentials!': 'object' },
  ],
  'createVault credentials.a': [
    (a: never) => createVault({ source, credentials: { a } }),
    () => ({ ...rules }),
    {
      origins: 'list',
      processor: 'object',
      methods: 'list',
      pathPrefix: 'text',
      headers: 'list',
      commands: 'list',
      subjects: 'list',
      leasable: 'flag',
    },
  ],
  'memoryVault a': [(a: never) => memoryVault({ a }), () => ({ ...rules, secret: canary }), { 'secret!': 'secret' }],
  'memoryVault options': [
    (options: never) => memoryVault({ a: { secret: canary, leasable: true } }, options),
    () => ({}),
    ofVaults,
  ],
  envVault: [
    envVault,
    () => ({ environment: { A: canary }, credentials: { a: { ...rules, variable: 'A' } } }),
    { ...ofVaults, 'credentials!': 'object', clear: 'flag' },
  ],
  'envVault credentials.a': [
    (a: never) => envVault({ environment: { A: canary }, credentials: { a } }),
    () => ({ ...rules, variable: 'A' }),
    { 'variable!': 'text' },
  ],
  openFileVault: [
    openFileVault,
    () => ({ path: place('vault'), key: { bytes: new Uint8Array(32) }, create: true }),
    {
      ...ofVaults,
      'path!': 'text',
      'key!': 'object',
      create: 'flag',
      keepVersions: 'whole',
      scryptCost: 'whole',
      lockTimeoutMs: 'milliseconds',
    },
  ],
  sealedVault: [
    sealedVault,
    () => ({ privateKeys: [sealing.privateKey], origins: ['https://api.example'], acceptPresented: true }),
    {
      ...ofVaults,
      'privateKeys!': 'list',
      'origins!': 'list',
      credentials: 'object',
      acceptPresented: 'flag',
    },
  ],
  sealCredential: [
    sealCredential,
    () => ({ ...rules, secret: canary, publicKey: sealing.publicKey, roots: [alice.did], commands: ['/a'] }),
    { 'secret!': 'secret', 'publicKey!': 'object', 'roots!': 'list', 'commands!': 'list', expiration: 'whole' },
  ],
  openbaoVault: [
    openbaoVault,
    () => ({ ...openbao, credentials: { a: { engine: 'kv', path: 'p', ...rules } } }),
    {
      ...ofVaults,
      'address!': 'text',
      namespace: 'text',
      'login!': 'object',
      'credentials!': 'object',
      resilience: 'object',
    },
  ],
  'openbaoVault a': [
    (a: never) => openbaoVault({ ...openbao, credentials: { a } }),
    () => ({ engine: 'kv', path: 'p', ...rules }),
    { 'engine!': 'text', 'path!': 'text', field: 'text', version: 'whole', mount: 'text' },
  ],
  'openbaoVault b': [
    (b: never) => openbaoVault({ ...openbao, credentials: { b } }),
    () => ({ engine: 'database', role: 'r', ...rules }),
    { 'role!': 'text', mount: 'text' },
  ],
  appRole: [
    appRole,
    () => ({ roleId: 'r', secretId: canary }),
    { 'roleId!': 'text', 'secretId!': 'secret', mount: 'text' },
  ],
  wrappedAppRole: [
    wrappedAppRole,
    () => ({ roleId: 'r', roleName: 'n', wrappingToken: canary }),
    { 'roleId!': 'text', 'roleName!': 'text', 'wrappingToken!': 'secret', mount: 'text' },
  ],
  jwtLogin: [
    jwtLogin,
    () => ({ role: 'r', jwt: () => canary }),
    { 'role!': 'text', 'jwt!': 'callback', mount: 'text' },
  ],
  secretsManagerVault: [
    secretsManagerVault,
    () => ({ ...aws, credentials: { a: { secretId: 's', ...rules } } }),
    {
      ...ofVaults,
      'region!': 'text',
      'keys!': 'secret',
      endpoint: 'text',
      'credentials!': 'object',
      resilience: 'object',
    },
  ],
  'secretsManagerVault a': [
    (a: never) => secretsManagerVault({ ...aws, credentials: { a } }),
    () => ({ secretId: 's', ...rules }),
    { 'secretId!': 'text', field: 'text', versionStage: 'text' },
  ],
  assumeRoleVault: [
    assumeRoleVault,
    () => ({ ...aws, credentials: { a: { roleArn: 'arn:aws:iam::123456789012:role/r', grants, ...rules } } }),
    { ...ofVaults, 'region!': 'text', 'keys!': 'secret', endpoint: 'text', 'credentials!': 'object' },
  ],
  'assumeRoleVault a': [
    (a: never) => assumeRoleVault({ ...aws, credentials: { a } }),
    () => ({ roleArn: 'arn:aws:iam::123456789012:role/r', grants, ...rules }),
    { 'roleArn!': 'text', 'grants!': 'list', durationSeconds: 'whole', externalId: 'text' },
  ],
  tokenExchangeVault: [
    tokenExchangeVault,
    () => ({ ...exchange, credentials: { a: { subjectToken: async () => ({ token: canary }), ...rules } } }),
    {
      ...ofVaults,
      'tokenEndpoint!': 'text',
      revocationEndpoint: 'text',
      'clientId!': 'text',
      clientSecret: 'secret',
      authentication: 'text',
      'credentials!': 'object',
      resilience: 'object',
    },
  ],
  'tokenExchangeVault a': [
    (a: never) => tokenExchangeVault({ ...exchange, credentials: { a } }),
    () => ({ subjectToken: async () => ({ token: canary }), ...rules }),
    {
      'subjectToken!': 'callback',
      actorToken: 'callback',
      scopes: 'object',
      authorizationDetails: 'object',
      audience: 'list',
      resource: 'list',
    },
  ],
  resilient: [
    (options: never) => resilient(source, options),
    () => ({}),
    {
      attempts: 'number',
      attemptTimeoutMs: 'milliseconds',
      retryAfterMs: 'number',
      failures: 'number',
      failureWindowMs: 'number',
      probeAfterMs: 'number',
      concurrency: 'number',
      keep: 'number',
      maxStale: 'number',
      clock: 'object',
      monotonicMs: 'callback',
    },
  ],
  'referenceTable row': [
    (row: never) => referenceTable([row]),
    () => ({ command: '/a', reference: 'a' }),
    { 'command!': 'text', 'reference!': 'text', subject: 'text' },
  ],
  bearer: [bearer, () => ({}), { field: 'text' }],
  basic: [basic, () => ({}), { username: 'text' }],
  header: [header, () => ({ name: 'x-key' }), { 'name!': 'text', format: 'text', field: 'text' }],
  headers: [headers, () => ({ fields: { 'x-key': 'key' } }), { 'fields!': 'object' }],
  query: [query, () => ({ name: 'key' }), { 'name!': 'text', field: 'text' }],
  hmac: [
    hmac,
    () => ({ header: 'x-signature', covers: ['body'] }),
    {
      'header!': 'text',
      format: 'text',
      covers: 'list',
      timestampHeader: 'text',
      hash: 'text',
      encoding: 'text',
      field: 'text',
    },
  ],
  sigV4: [sigV4, () => ({ region: 'eu-central-1', service: 's3' }), { 'region!': 'text', 'service!': 'text' }],
  clientCredentials: [
    clientCredentials,
    () => ({ tokenEndpoint: 'https://as.example/token', clientId: 'c' }),
    {
      'tokenEndpoint!': 'text',
      'clientId!': 'text',
      authentication: 'text',
      scopes: 'object',
      resource: 'text',
      field: 'text',
    },
  ],
  refreshToken: [
    refreshToken,
    () => ({ tokenEndpoint: 'https://as.example/token', clientId: 'c' }),
    { 'tokenEndpoint!': 'text', 'clientId!': 'text', authentication: 'text', scopes: 'object' },
  ],
  openJsonlAuditSink: [
    openJsonlAuditSink,
    () => ({ directory: place('log') }),
    {
      'directory!': 'text',
      prefix: 'text',
      sync: 'text',
      maxBytes: 'number',
      maxAge: 'number',
      name: 'text',
      clock: 'object',
      files: 'object',
    },
  ],
  sqliteAuditSink: [
    sqliteAuditSink,
    () => ({ database: databaseAt(':memory:') }),
    { 'database!': 'object', table: 'text', name: 'text', sha256: 'callback' },
  ],
  postgresAuditSink: [
    postgresAuditSink,
    () => ({ pool: { connect: async () => undefined } }),
    { 'pool!': 'object', table: 'text', maxBatch: 'whole', name: 'text', sha256: 'callback' },
  ],
  stdoutAuditSink: [
    stdoutAuditSink,
    () => ({}),
    { stream: 'object', name: 'text', position: 'object', sha256: 'callback' },
  ],
  otelAuditSink: [
    otelAuditSink,
    () => ({ logger: { emit: write } }),
    { 'logger!': 'object', name: 'text', position: 'object', sha256: 'callback' },
  ],
  callbackAuditSink: [
    callbackAuditSink,
    () => ({ write }),
    { 'write!': 'callback', durability: 'text', name: 'text', position: 'object', sha256: 'callback' },
  ],
  chainedSink: [
    chainedSink,
    () => ({ name: 'a', durability: 'process', write }),
    { 'name!': 'text', 'write!': 'callback', close: 'callback' },
  ],
  memoryAuditSink: [memoryAuditSink, () => ({}), { maxRecords: 'number', name: 'text' }],
  allOf: [({ sinks }: Given) => allOf(sinks), () => ({ sinks: [memoryAuditSink()] }), { 'sinks!': 'list' }],
  anyOf: [
    ({ sinks, ...options }: Given) => anyOf(sinks, options as never),
    () => ({ sinks: [memoryAuditSink()], onFailure: write }),
    { 'sinks!': 'list', 'onFailure!': 'callback' },
  ],
  bestEffort: [
    ({ sink, ...options }: Given) => bestEffort(sink, options as never),
    () => ({ sink: memoryAuditSink(), onFailure: write }),
    { 'sink!': 'object', 'onFailure!': 'callback' },
  ],
  withDeadline: [
    ({ sink, ...options }: Given) => withDeadline(sink, options as never),
    () => ({ sink: memoryAuditSink() }),
    { 'sink!': 'object', deadlineMs: 'milliseconds', maxInFlight: 'number' },
  ],
  withHealth: [({ sink }: Given) => withHealth(sink), () => ({ sink: memoryAuditSink() }), { 'sink!': 'object' }],
  withCheckpoints: [
    ({ sink, ...options }: Given) => withCheckpoints(sink, options as never),
    () => ({ sink: memoryAuditSink(), signer: service, log: 'a', publish: write }),
    {
      'sink!': 'object',
      'signer!': 'object',
      'log!': 'text',
      'publish!': 'callback',
      everyRecords: 'number',
      everySeconds: 'number',
      last: 'object',
      clock: 'object',
    },
  ],
  sampleDenials: [
    sampleDenials,
    () => ({}),
    {
      perIssuer: 'number',
      unauthenticated: 'number',
      inAll: 'number',
      period: 'number',
      maxIssuers: 'number',
      clock: 'object',
    },
  ],
  createPseudonymizer: [
    createPseudonymizer,
    () => ({ key: new Uint8Array(32), epoch: '1' }),
    { 'key!': 'object', 'epoch!': 'text' },
  ],
  recoverIntents: [recoverIntents, () => ({ sink: memoryAuditSink() }), { 'sink!': 'object', clock: 'object' }],
  createGuard: [
    createGuard,
    () => ({
      audience: service.did,
      subjects: [alice.did],
      commands: [defineCommand({ command: '/a', args: {} })],
      revocations: memoryRevocationStore(),
      replay: memoryReplayStore(),
      audit: { sink: memoryAuditSink() },
    }),
    {
      'commands!': 'list',
      'subjects!': 'list',
      vault: 'object',
      receipts: 'object',
      maxInFlight: 'whole',
      deadlines: 'object',
      tracer: 'object',
      onEvent: 'callback',
      onError: 'callback',
    },
  ],
  'createGuard audit': [
    (audit: never) => createGuard({ ...guardOptions(), audit }),
    () => ({ sink: memoryAuditSink() }),
    {
      'sink!': 'object',
      deadlineMs: 'milliseconds',
      maxInFlight: 'whole',
      argumentKey: 'object',
      pseudonymize: 'callback',
      personalKeys: 'object',
      denials: 'object',
    },
  ],
  'createGuard deadlines': [
    (deadlines: never) => createGuard({ ...guardOptions(), deadlines }),
    () => ({}),
    { decisionMs: 'milliseconds', handlerMs: 'milliseconds', closeMs: 'milliseconds' },
  ],
  'createGuard commands[0]': [
    (command: never) => createGuard({ ...guardOptions(), commands: [command] }),
    () => ({ ...defineCommand({ command: '/a', args: {} }) }),
    { credential: 'text', show: 'list', personal: 'list' },
  ],
}
