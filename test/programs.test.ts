import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { compile } from './setup/compile.ts'
import { readDocExamples } from './setup/doc-examples.ts'
import { root } from './setup/entries.ts'
import { programsOf } from './setup/programs.ts'
import { listFiles } from './setup/source.ts'

const pages = ['README.md', ...listFiles('spec', '.md').filter((path) => !path.startsWith('spec/decisions/'))]
const programs = pages.flatMap((path) =>
  programsOf(path.replace(/\.md$/, '').replaceAll('/', '-'), readFileSync(root + path, 'utf8')),
)

const examples = readDocExamples()

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
    expect(compile(examples, { noUnusedLocals: false })).toEqual([])
  })
})

describe('programs in pages', () => {
  it('compile under the strict options of the project', () => {
    expect(programs.length).toBeGreaterThan(7)
    expect(compile(programs)).toEqual([])
  })

  it('are checked: a misspelt option is found, with its line', () => {
    const text = "import { generateSigner } from 'procura'\nawait generateSigner({ algoritm: 'Ed25519' })\n"
    expect(compile([{ name: 'misspelt', text, expected: [] }])).toEqual([expect.stringMatching(/^misspelt\.ts:2 /)])
  })
})
