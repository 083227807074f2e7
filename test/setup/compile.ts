// node only: runs the compiler

/**
 * Checks the types of programs that are not files of the repository: those in pages and doc comments.
 *
 * @module
 */

import ts from 'typescript'
import { root } from './entries.ts'
import type { Program } from './programs.ts'

/** A program to check. */
export interface Checked extends Pick<Program, 'name' | 'text'> {
  /** Whether its results may be unused, as in an example of a function that returns one. */
  readonly mayLeaveUnused?: boolean
}

/** What programs use of packages whose types are not installed here, as `@types/pg` has it. */
const declarations: Checked = {
  name: 'declarations.d',
  text: `declare module 'pg' {
  export class Pool {
    constructor(options: { connectionString?: string | undefined; query_timeout?: number; connectionTimeoutMillis?: number })
    query(text: string, values?: readonly unknown[]): Promise<{ rows: any[] }>
    connect(): Promise<{
      query(text: string, values?: readonly unknown[]): Promise<{ rows: any[] }>
      release(error?: Error): void
      on(event: 'error', listener: (error: Error) => void): unknown
      off(event: 'error', listener: (error: Error) => void): unknown
    }>
    end(): Promise<void>
  }
}`,
}

/** The codes of the compiler for names that nothing uses. */
const unused = new Set([6133, 6138, 6192, 6196, 6198, 6199])

/**
 * Compiles programs as strictly as the sources, against the sources, and returns the faults found in them:
 * `name:line message`. Give it all programs at once: most of its time goes to the types of the sources.
 */
export function compile(programs: readonly Checked[]): readonly string[] {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, root)
  const byPath = new Map(
    [declarations, ...programs].map((program) => [`${root}test/.programs/${program.name}.ts`, program]),
  )
  const host = ts.createCompilerHost(options)
  // Parsing the comments of the libraries takes half a second.
  host.jsDocParsingMode = ts.JSDocParsingMode.ParseNone
  const { fileExists, getSourceFile } = host
  host.fileExists = (path) => byPath.has(path) || fileExists(path)
  host.getSourceFile = (path, target, ...rest) => {
    const text = byPath.get(path)?.text
    return text === undefined ? getSourceFile(path, target, ...rest) : ts.createSourceFile(path, text, target)
  }
  const program = ts.createProgram([...byPath.keys()], options, host)
  return [...byPath].flatMap(([path, { name, mayLeaveUnused = false }]) => {
    const file = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
      .filter(({ code }) => !mayLeaveUnused || !unused.has(code))
      .map((fault) => {
        const line = (file?.getLineAndCharacterOfPosition(fault.start ?? 0).line ?? 0) + 1
        return `${name}:${line} ${ts.flattenDiagnosticMessageText(fault.messageText, ' ')}`
      })
  })
}
