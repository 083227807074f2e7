// node only: reads the source tree

/**
 * Which declarations of the sources a user of the package can reach. Tests are not users.
 *
 * @module
 */

import ts from 'typescript'
import { cliEntry, cliProgram, readEntries } from './entries.ts'
import { type Import, readAllSources, type SourceFile, walk } from './source.ts'

/** A statement at the top level of a file. */
interface Unit {
  readonly file: SourceFile
  readonly node: ts.Statement
  /** Names that it declares. */
  readonly names: readonly string[]
}

/** A name that a file has from another: `name` of the file at `path`, or all of it when `name` is undefined. */
interface Origin {
  readonly path: string
  readonly name: string | undefined
}

interface FileUnits {
  readonly units: readonly Unit[]
  /** The overloads of a function are several. */
  readonly byName: ReadonlyMap<string, readonly Unit[]>
  /** Imported names, by the name that this file gives them. */
  readonly imported: ReadonlyMap<string, readonly Origin[]>
  /** Re-exported names, by the name that others import. */
  readonly passedOn: ReadonlyMap<string, readonly Origin[]>
}

/**
 * Finds the top-level statements of `src` that no entry point leads to, by the names that each statement uses. A
 * statement that declares nothing runs whenever its file is loaded, so it is reached with the first name of its file.
 */
export function unreachedStatements(): readonly Pick<Unit, 'file' | 'node' | 'names'>[] {
  const files = new Map(readAllSources().map((file) => [file.path, unitsOf(file)]))
  const reached = new Set<Unit>()
  const loaded = new Set<string>()

  function reachName({ path, name }: Origin): void {
    const file = files.get(path)
    if (file === undefined) return
    if (!loaded.has(path)) {
      loaded.add(path)
      for (const unit of file.units) if (unit.names.length === 0) reachUnit(unit)
    }
    const exported = name === undefined ? [...file.byName.keys(), ...file.passedOn.keys()] : [name]
    for (const one of exported) {
      for (const unit of file.byName.get(one) ?? []) reachUnit(unit)
      for (const origin of file.passedOn.get(one) ?? []) reachName(origin)
    }
  }

  function reachUnit(unit: Unit): void {
    if (reached.has(unit)) return
    reached.add(unit)
    const file = files.get(unit.file.path)
    walk(unit.node, (node) => {
      if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
        for (const path of targetsOf(unit.file, node.arguments[0])) reachName({ path, name: undefined })
      }
      if (!ts.isIdentifier(node)) return
      for (const local of file?.byName.get(node.text) ?? []) reachUnit(local)
      for (const origin of file?.imported.get(node.text) ?? []) reachName(origin)
    })
  }

  for (const path of [...Object.values(readEntries()), cliEntry, cliProgram]) reachName({ path, name: undefined })
  return [...files.values()].flatMap(({ units }) => units.filter((unit) => !reached.has(unit)))
}

function unitsOf(file: SourceFile): FileUnits {
  const units: Unit[] = []
  const byName = new Map<string, Unit[]>()
  const imported = new Map<string, readonly Origin[]>()
  const passedOn = new Map<string, readonly Origin[]>()
  for (const node of file.tree.statements) {
    if (ts.isImportDeclaration(node)) {
      for (const [local, name] of importedNames(node)) imported.set(local, originsOf(file, node, name))
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      const clause = node.exportClause
      if (clause === undefined || !ts.isNamedExports(clause)) throw new Error(`${file.path}: an export without names`)
      for (const { name, propertyName } of clause.elements) {
        passedOn.set(name.text, originsOf(file, node, (propertyName ?? name).text))
      }
    } else {
      const unit = { file, node, names: declaredNames(node) }
      units.push(unit)
      for (const name of unit.names) byName.set(name, [...(byName.get(name) ?? []), unit])
    }
  }
  return { units, byName, imported, passedOn }
}

function importedNames(node: ts.ImportDeclaration): readonly (readonly [string, string | undefined])[] {
  const clause = node.importClause
  const bindings = clause?.namedBindings
  const named = bindings && ts.isNamedImports(bindings) ? [...bindings.elements] : []
  const whole = bindings && ts.isNamespaceImport(bindings) ? [bindings.name.text] : []
  return [
    ...named.map(({ name, propertyName }) => [name.text, (propertyName ?? name).text] as const),
    ...whole.map((name) => [name, undefined] as const),
  ]
}

function declaredNames(node: ts.Statement): readonly string[] {
  if (ts.isVariableStatement(node)) {
    return node.declarationList.declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []))
  }
  // `export { x }` after `import { x }` uses the name, and others import it by it.
  if (ts.isExportDeclaration(node) && node.exportClause && ts.isNamedExports(node.exportClause)) {
    return node.exportClause.elements.map(({ name }) => name.text)
  }
  return 'name' in node && node.name && ts.isIdentifier(node.name as ts.Node) ? [(node.name as ts.Identifier).text] : []
}

function originsOf(
  file: SourceFile,
  node: ts.ImportDeclaration | ts.ExportDeclaration,
  name: string | undefined,
): readonly Origin[] {
  return targetsOf(file, node.moduleSpecifier).map((path) => ({ path, name }))
}

function targetsOf(file: SourceFile, specifier: ts.Node | undefined): readonly string[] {
  if (specifier === undefined || !ts.isStringLiteral(specifier)) return []
  return file.imports.find((one: Import) => one.specifier === specifier.text)?.targets ?? []
}
