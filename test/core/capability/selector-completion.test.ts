import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { root } from '../../setup/entries.ts'

const file = `${root}test/core/capability/completed-program.ts`
const program = (call: string): string => `
import type { CommandDefinition } from '../../../src/core/capability/definition.ts'
import { policyFor } from '../../../src/core/capability/policy/policy-for.ts'
declare const definition: CommandDefinition<{
  readonly to: string
  readonly cc?: string
  readonly copies: number
  readonly items: readonly string[]
  readonly 'odd key': string
  readonly box: { readonly name: string; readonly size?: number }
  readonly free: unknown
}>
const is = policyFor(definition)
is.${call}
`

/** Asks the language service of an editor. */
function editor(): (call: string) => { readonly completed: readonly string[]; readonly faults: readonly string[] } {
  let text = ''
  let version = 0
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    lib: ['lib.es2022.d.ts'],
    types: [],
  }
  const service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [file],
    getScriptVersion: (path) => (path === file ? String(version) : '1'),
    getScriptSnapshot: (path) => {
      const content = path === file ? text : ts.sys.readFile(path)
      return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content)
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: (path) => path === file || ts.sys.fileExists(path),
    readFile: ts.sys.readFile,
    directoryExists: ts.sys.directoryExists,
  })
  return (call) => {
    version += 1
    const cursor = call.indexOf('|')
    text = program(call.replace('|', ''))
    const at = text.lastIndexOf(call.replace('|', '')) + cursor
    const found = cursor < 0 ? undefined : service.getCompletionsAtPosition(file, at, {})
    const faults = service
      .getSemanticDiagnostics(file)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
    return { completed: (found?.entries ?? []).map(({ name }) => name).sort(), faults }
  }
}

describe('a selector in an editor', () => {
  const ask = editor()

  it('is completed with the arguments of the command whose kind fits', () => {
    expect(ask("eq('|', 1)").completed).toEqual([
      '.["odd key"]',
      '.box',
      '.box.name',
      '.box.size',
      '.cc',
      '.copies',
      '.free',
      '.items',
      '.to',
    ])
    expect(ask("like('|', '*')").completed).toEqual(['.["odd key"]', '.box.name', '.cc', '.free', '.to'])
    expect(ask("lte('.|', 1)").completed).toEqual(['.box.size', '.copies', '.free'])
  })

  it('is refused with the selectors that there are', () => {
    const [fault] = ask("like('.recipient', '*')").faults
    expect(fault).toContain('NoSuchArgument<".recipient">')
    expect(fault).toContain('".to"')
    expect(ask("like('.copies', '*')").faults.join()).toContain('AnotherKind<".copies", number>')
    expect(ask("like('.cc?', '*')").faults).toEqual([])
    expect(ask("like('.items[0]', '*')").faults).toEqual([])
    expect(ask("like('.free.anything', '*')").faults).toEqual([])
  })
})
