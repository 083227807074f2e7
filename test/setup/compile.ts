// node only: runs the compiler

/**
 * Checks the types of programs that are not files of the repository: those in pages and doc comments.
 *
 * @module
 */

import ts from 'typescript'
import { root } from './entries.ts'
import type { Program } from './programs.ts'

/** The library of the compiler and the sources: each call needs the same ones, and parsing takes a second. */
const parsed = new Map<string, ts.SourceFile | undefined>()

/**
 * Compiles programs as strictly as the sources, against the sources, and returns the faults found in them:
 * `name:line message`.
 *
 * @param given - compiler options that replace the options of the sources.
 */
export function compile(programs: readonly Program[], given: ts.CompilerOptions = {}): readonly string[] {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  const { options: own } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, root)
  const options = { ...own, ...given }
  const texts = new Map(programs.map(({ name, text }) => [`${root}test/.programs/${name}.ts`, text]))
  const host = ts.createCompilerHost(options)
  // Parsing the comments of the libraries takes half a second.
  host.jsDocParsingMode = ts.JSDocParsingMode.ParseNone
  const { fileExists, getSourceFile } = host
  host.fileExists = (path) => texts.has(path) || fileExists(path)
  host.getSourceFile = (path, target, ...rest) => {
    const text = texts.get(path)
    if (text !== undefined) return ts.createSourceFile(path, text, target)
    const file = parsed.get(path) ?? getSourceFile(path, target, ...rest)
    parsed.set(path, file)
    return file
  }
  const program = ts.createProgram([...texts.keys()], options, host)
  return [...texts.keys()].flatMap((path) => {
    const file = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((fault) => {
      const line = (file?.getLineAndCharacterOfPosition(fault.start ?? 0).line ?? 0) + 1
      return `${path.slice(path.lastIndexOf('/') + 1)}:${line} ${ts.flattenDiagnosticMessageText(fault.messageText, ' ')}`
    })
  })
}
