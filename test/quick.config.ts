// node only: configuration of the test runner for `npm run test:quick`

import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { root, sourceAliases } from './setup/entries.ts'
import { builtTests, listProcessTests } from './setup/process-tests.ts'

/** Files that wait, or try thousands of cases. `npm test` runs them as well. */
const slow = [
  'test/{architecture,requirements}.test.ts',
  'test/{conformance,fuzz,long,package,property,services,vectors}/**',
  'test/**/{canary,chaos,differential,interop,kill,wrong-arguments}.test.ts',
  'test/audit/{readable,verify,*sqlite*}.test.ts',
  'test/audit/jsonl/{batches,jsonl,stand-still}.test.ts',
  'test/core/capability/selector-completion.test.ts',
  'packages/cli/test/cli/**',
  'test/{agent,operations,revocation-sources,signers}/**',
  'test/{stores,ucanto}/**',
  'test/core/did/did-web*.test.ts',
  'packages/cli/test/gateway/{agent-side,wire}/**',
  'packages/cli/test/gateway/serve/**',
  'test/guard/{audit-faults,denials,ended-calls,hanging,recovery,shown-values,strangers,vault-outage}.test.ts',
  'test/http/adapters/*.test.ts',
  'test/http/{binding,body-memory,proxy}.test.ts',
  'test/core/ipld/properties.test.ts',
  'test/core/principal/{signature,signature-vectors,portable-secp256k1}.test.ts',
  'test/core/authorization/{read-tokens,replay,limits/memory-limit-store}.test.ts',
  'test/llms.test.ts',
  'test/{reference,mcp}/**',
  'test/service/{close-at-signal,open-file-service}.test.ts',
  'test/setup/*.test.ts',
  'test/support/file-lock/file-lock.test.ts',
  'test/vault/{file,oauth,oauth-processors,openbao,resilience,use}.test.ts',
]

const config: ViteUserConfig = defineConfig({
  resolve: { alias: sourceAliases() },
  test: {
    root,
    include: ['{test,packages/cli/test}/**/*.test.ts'],
    exclude: [...slow, ...builtTests, ...listProcessTests()],
    setupFiles: ['test/setup/globals.ts', 'test/setup/seed.ts', 'test/setup/unhandled.ts', 'test/setup/equal-bytes.ts'],
    testTimeout: 30_000,
    expect: { poll: { timeout: 20_000 } },
    maxWorkers: 3,
    isolate: false,
  },
})

export default config
