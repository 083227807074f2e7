// node only: reads the source tree

/**
 * The source files as the tests about them see them: text, syntax tree, imports.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import ts from 'typescript'
import { cliEntry, readEntries, readPlatformImports, root } from './entries.ts'

/** One file of the repository. */
export interface SourceFile {
  /** Path from the root of the repository, with slashes. */
  readonly path: string
  readonly text: string
  /** Whether its first line contains `node only`; in a program, the line after `#!`. */
  readonly nodeOnly: boolean
  readonly tree: ts.SourceFile
  readonly imports: readonly Import[]
}

/** One import, re-export or dynamic import. */
export interface Import {
  /** As written. */
  readonly specifier: string
  /** Paths from the root of the repository, when it leads to files of this repository (a package import to two). */
  readonly targets: readonly string[]
  /** Whether it is gone at run time. */
  readonly typeOnly: boolean
  /** Names taken from the module, under the names that it exports them by. */
  readonly names: readonly string[]
  readonly line: number
}

const languageVersion = ts.ScriptTarget.ES2022

/** The files that were read: several tests ask for the same folders, and parsing takes seconds. */
const known = new Map<string, SourceFile>()

/**
 * Reads every TypeScript file under a folder. A file is read once, and parsed when its tree or its imports are used.
 */
export function readSources(folder: string, extension = '.ts'): SourceFile[] {
  return listFiles(folder, extension).map((path) => {
    const file = known.get(path) ?? readSource(path)
    known.set(path, file)
    return file
  })
}

/** The sources of both packages. */
export function readAllSources(): SourceFile[] {
  return [...readSources('src'), ...readSources('packages/cli/src')]
}

/** The tests of both packages. */
export function readTests(): SourceFile[] {
  return [...readSources('test'), ...readSources('packages/cli/test')]
}

/** The pages of the specification of both packages. */
export function listPages(): string[] {
  return [...listFiles('spec', '.md'), ...listFiles('packages/cli/spec', '.md')]
}

/** Lists files under a folder, sorted, as paths from the root of the repository. */
export function listFiles(folder: string, extension: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((path) => !path.includes('node_modules/'))
    .sort()
}

/** Calls `visit` for a node and everything under it. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, (child) => walk(child, visit))
}

/** Calls `visit` for the statements of a file, and for nothing in them. */
function walkStatements(tree: ts.SourceFile, visit: (node: ts.Node) => void): void {
  for (const statement of tree.statements) visit(statement)
}

/** `path:line` of a node, for messages. */
export function place(file: SourceFile, node: ts.Node): string {
  return `${file.path}:${file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree)).line + 1}`
}

/** Names that a file declares and exports. */
export function exportedDeclarations(file: SourceFile): Map<string, ts.Node> {
  const found = new Map<string, ts.Node>()
  for (const statement of file.tree.statements) {
    const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined
    if (!modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)) continue
    if (ts.isVariableStatement(statement)) {
      for (const declaration of statement.declarationList.declarations) {
        if (ts.isIdentifier(declaration.name)) found.set(declaration.name.text, statement)
      }
    } else if ('name' in statement && statement.name && ts.isIdentifier(statement.name as ts.Node)) {
      found.set((statement.name as ts.Identifier).text, statement)
    }
  }
  return found
}

/** Whether a declaration has a doc comment. */
export function hasDocComment({ text }: SourceFile, declaration: ts.Node): boolean {
  const comments = ts.getLeadingCommentRanges(text, declaration.pos) ?? []
  return comments.some(({ pos }) => text.startsWith('/**', pos))
}

/** The title of a test or of a group of tests, and its file. */
export interface Title {
  readonly path: string
  readonly title: string
}

/** The titles that were read, by the path of their file. */
const knownTitles = new Map<string, readonly string[]>()

/**
 * Titles of tests and of their groups: the first argument of `it`, `test` and `describe`, also after `.each`. Files
 * that do not mention the subject are not parsed, and the others once, without their comments.
 */
export function titlesAbout(subject: RegExp, files: readonly SourceFile[]): readonly Title[] {
  return files
    .filter(({ text }) => subject.test(text))
    .flatMap(({ path, text }) => {
      const titles = knownTitles.get(path) ?? titlesOf(path, text)
      knownTitles.set(path, titles)
      return titles.map((title) => ({ path, title }))
    })
}

function titlesOf(path: string, text: string): readonly string[] {
  const found: string[] = []
  const tree = parse(path, text, false)
  walk(tree, (node) => {
    if (!ts.isCallExpression(node) || !/^(?:it|test|describe)$/.test(calleeOf(node))) return
    const [title] = node.arguments
    if (title && ts.isStringLiteralLike(title)) found.push(title.text)
    if (title && ts.isTemplateExpression(title))
      found.push([title.head.text, ...title.templateSpans.map((span) => span.literal.text)].join('…'))
  })
  return found
}

/** The name that an expression such as `it.each(rows)` begins with, or an empty string. */
function calleeOf(expression: ts.Node): string {
  if (ts.isTaggedTemplateExpression(expression)) return calleeOf(expression.tag)
  if (ts.isCallExpression(expression) || ts.isPropertyAccessExpression(expression))
    return calleeOf(expression.expression)
  return ts.isIdentifier(expression) ? expression.text : ''
}

/** Parses a file without its comments, which takes half of the time. */
function parse(path: string, text: string, setParentNodes: boolean): ts.SourceFile {
  const { ParseNone } = ts.JSDocParsingMode
  return ts.createSourceFile(path, text, { languageVersion, jsDocParsingMode: ParseNone }, setParentNodes)
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8')
  const [firstLine = ''] = text.replace(/^#!.*\n/, '').split('\n', 1)
  let tree: ts.SourceFile | undefined
  let imports: readonly Import[] | undefined
  return {
    path,
    text,
    nodeOnly: /^\/[/*].*\bnode only\b/.test(firstLine),
    get tree() {
      tree ??= parse(path, text, true)
      return tree
    },
    get imports() {
      imports ??= importsOf(path, this.tree)
      return imports
    },
  }
}

function importsOf(path: string, tree: ts.SourceFile): Import[] {
  const imports: Import[] = []
  // Imports are statements of a file, except those that are written as a call: few files have any.
  const visit = tree.text.includes('import(') ? walk : walkStatements
  visit(tree, (node) => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const clause = node.importClause
      const bindings = clause?.namedBindings
      const elements = bindings && ts.isNamedImports(bindings) ? [...bindings.elements] : []
      const typeOnly =
        clause?.phaseModifier === ts.SyntaxKind.TypeKeyword ||
        (elements.length > 0 && clause?.name === undefined && elements.every((element) => element.isTypeOnly))
      add(node, node.moduleSpecifier.text, typeOnly, elements.map(sourceName))
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      const elements = node.exportClause && ts.isNamedExports(node.exportClause) ? [...node.exportClause.elements] : []
      const typeOnly = node.isTypeOnly || (elements.length > 0 && elements.every((element) => element.isTypeOnly))
      add(node, node.moduleSpecifier.text, typeOnly, elements.map(sourceName))
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments
      if (specifier && ts.isStringLiteral(specifier)) add(node, specifier.text, false, [])
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      if (ts.isStringLiteral(node.argument.literal)) add(node, node.argument.literal.text, true, [])
    }
  })
  return imports

  function add(node: ts.Node, specifier: string, typeOnly: boolean, names: readonly string[]): void {
    const line = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1
    imports.push({ specifier, targets: resolve(path, specifier), typeOnly, names, line })
  }
}

function sourceName(element: ts.ImportSpecifier | ts.ExportSpecifier): string {
  return (element.propertyName ?? element.name).text
}

const entries = readEntries()
const platformImports = readPlatformImports()

function resolve(from: string, specifier: string): string[] {
  if (specifier.startsWith('.')) return [posix.join(dirname(from), specifier)]
  for (const target of platformImports) {
    if (target.specifier === specifier) return [entries[target.node] ?? '', entries[target.web] ?? '']
  }
  if (specifier.startsWith('#support/')) return [specifier.replace('#', 'src/')]
  if (specifier === 'procura-cli') return [cliEntry]
  if (specifier === 'procura') return [entries['index'] ?? '']
  return specifier.startsWith('procura/') ? [entries[specifier.slice('procura/'.length)] ?? ''] : []
}
