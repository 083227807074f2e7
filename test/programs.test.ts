import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Checked, compile } from './setup/compile.ts'
import { readDocExamples } from './setup/doc-examples.ts'
import { root } from './setup/entries.ts'
import { programsOf } from './setup/programs.ts'
import { listFiles, listPages } from './setup/source.ts'

const pages = ['README.md', ...listPages().filter((path) => !path.startsWith('spec/decisions/'))]
const programs = pages.flatMap((path) =>
  programsOf(path.replace(/\.md$/, '').replaceAll('/', '-'), readFileSync(root + path, 'utf8')),
)

const examples = readDocExamples().map((example) => ({ ...example, mayLeaveUnused: true }))

const typeTests = listFiles('test/types', '.test-d.ts').map((path) => ({
  name: basename(path, '.ts'),
  text: readFileSync(root + path, 'utf8'),
}))

const misspelt: Checked = {
  name: 'misspelt',
  text: "import { generateSigner } from 'procura'\nconst signer = await generateSigner({ algoritm: 'Ed25519' })\n",
}
const otherType: Checked = {
  name: 'otherType',
  text: "import { expectTypeOf } from 'vitest'\nexpectTypeOf(1).toEqualTypeOf<string>()\n",
}

let faults: readonly string[]

// One compilation for all of them: most of its time goes to the types of the sources.
beforeAll(() => {
  faults = compile([...examples, ...programs, ...typeTests, misspelt, otherType])
}, 120_000)

function faultsOf(some: readonly Checked[]): readonly string[] {
  const names = new Set(some.map(({ name }) => name))
  return faults.filter((fault) => names.has(fault.slice(0, fault.indexOf(':'))))
}

/** The functions that people call most. */
const explained = [
  ...['generateSigner', 'importSigner', 'defineCommand', 'delegate', 'attenuate', 'invoke', 'encodeContainer'],
  ...['createAuthorizer', 'openContainer', 'decodeDelegation', 'revoke', 'verifyRevocation', 'createGuard', 'use'],
  ...[
    'createVault',
    'memoryVault',
    'openFileVault',
    'envVault',
    'openJsonlAuditSink',
    'verifyAuditLog',
    'readContainer',
  ],
  ...['denialResponse', 'verifyReceipt', 'findProofs', 'lintPolicy'],
]

describe('examples in doc comments', () => {
  it('are there for the functions that people call most', () => {
    const subjects = new Set(examples.map(({ subject }) => subject))
    expect(explained.filter((name) => !subjects.has(name))).toEqual([])
  })

  it('compile under the strict options of the project, with results that nothing uses', () => {
    expect(faultsOf(examples)).toEqual([])
  })
})

describe('programs in pages', () => {
  it('compile under the strict options of the project', () => {
    expect(programs.length).toBeGreaterThan(7)
    expect(faultsOf(programs)).toEqual([])
  })

  it('are checked: a misspelt option is found, with its line, and so is a result that nothing uses', () => {
    expect(faultsOf([misspelt])).toEqual([
      expect.stringMatching(/^misspelt:2 .*'signer'/),
      expect.stringMatching(/^misspelt:2 .*'algoritm'/),
    ])
  })
})

describe('tests of types', () => {
  it.each(typeTests)('have the types that they say: $name', (test) => {
    expect(faultsOf([test])).toEqual([])
  })

  it('are checked: a type that differs from the one in a test is found', () => {
    expect(faultsOf([otherType])).toEqual([expect.stringMatching(/^otherType:2 /)])
  })
})
