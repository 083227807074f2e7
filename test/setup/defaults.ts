// node only: reads the source tree

/**
 * Numeric defaults: the ones that doc comments promise, beside the ones in the code.
 *
 * @module
 */

import ts from 'typescript'
import { type Import, place, type SourceFile, walk } from './source.ts'

/** An option whose doc comment contains a number after "Default". */
export interface DocumentedDefault {
  /** `path:line name`. */
  readonly where: string
  readonly name: string
  readonly file: SourceFile
  readonly value: number
  /** Whether it counts random bytes: `Default: 12 random bytes.` */
  readonly isRandom: boolean
}

const units: ReadonlyMap<string, number> = new Map([
  ['KiB', 1024],
  ['MiB', 1024 * 1024],
])

/**
 * Lists the options of all interfaces with a documented numeric default, such as `Default 8,192.` or `Default 1 MiB`.
 */
export function documentedDefaults(sources: readonly SourceFile[]): readonly DocumentedDefault[] {
  const found: DocumentedDefault[] = []
  for (const file of sources) {
    if (!/[Dd]efault:? \d/.test(file.text)) continue
    walk(file.tree, (node) => {
      if (!ts.isPropertySignature(node) || !ts.isIdentifier(node.name)) return
      const comment = node
        .getFullText()
        .slice(0, node.getLeadingTriviaWidth())
        .replaceAll(/\s*\n\s*\* ?/g, ' ')
      const [, digits, unit] = /[Dd]efault:? (\d[\d,]*)(?: ([KM]iB|random)\b)?/.exec(comment) ?? []
      if (digits === undefined) return
      const value = Number(digits.replaceAll(',', '')) * (units.get(unit ?? '') ?? 1)
      const where = `${place(file, node)} ${node.name.text}`
      found.push({ where, name: node.name.text, file, value, isRandom: unit === 'random' })
    })
  }
  return found
}

/**
 * The values that the code gives to an option where it is absent: `name: withDefault(check, value)`, `{ name = value }`
 * and `name: value`, in the file of the option, or else in the files that import from it. Of random bytes, the length
 * of the arrays that are filled with them.
 */
export function writtenDefaults(sources: readonly SourceFile[], option: DocumentedDefault): readonly number[] {
  const { file, isRandom } = option
  const own = valuesIn(sources, file, option)
  if (own.length > 0) return own
  const near = sources.filter((other) =>
    isRandom
      ? file.imports.some(({ targets }) => targets.includes(other.path))
      : other.imports.some(({ targets }) => targets.includes(file.path)),
  )
  return near.flatMap((other) => valuesIn(sources, other, option))
}

function valuesIn(
  sources: readonly SourceFile[],
  file: SourceFile,
  { name, isRandom }: DocumentedDefault,
): readonly number[] {
  const defaults: number[] = []
  const others: number[] = []
  const add = (to: number[], value: ts.Expression | undefined): void => {
    const number = value && numberOf(sources, file, value)
    if (number !== undefined) to.push(number)
  }
  walk(file.tree, (node) => {
    if (isRandom) {
      if (ts.isCallExpression(node) && /\bgetRandomValues$/.test(node.expression.getText())) {
        const [bytes] = node.arguments
        if (bytes && ts.isNewExpression(bytes)) add(defaults, bytes.arguments?.[0])
      }
      return
    }
    if (ts.isBindingElement(node) && (node.propertyName ?? node.name).getText() === name)
      add(defaults, node.initializer)
    if (!ts.isPropertyAssignment(node) || node.name.getText() !== name) return
    const { initializer } = node
    const isDefault = ts.isCallExpression(initializer) && initializer.expression.getText() === 'withDefault'
    if (isDefault) add(defaults, initializer.arguments[1])
    else add(others, initializer)
  })
  return defaults.length > 0 ? defaults : others
}

function numberOf(sources: readonly SourceFile[], file: SourceFile, value: ts.Expression): number | undefined {
  if (ts.isNumericLiteral(value)) return Number(value.text)
  if (ts.isBinaryExpression(value) && value.operatorToken.kind === ts.SyntaxKind.AsteriskToken) {
    const [left, right] = [numberOf(sources, file, value.left), numberOf(sources, file, value.right)]
    return left === undefined || right === undefined ? undefined : left * right
  }
  if (ts.isBinaryExpression(value) && value.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken) {
    return numberOf(sources, file, value.right)
  }
  if (ts.isPropertyAccessExpression(value)) return propertyOf(sources, file, value)
  return ts.isIdentifier(value) ? constantOf(sources, file, value.text, (found) => found) : undefined
}

/** `limits.depth`, where `limits` is a constant. */
function propertyOf(
  sources: readonly SourceFile[],
  file: SourceFile,
  { expression, name }: ts.PropertyAccessExpression,
): number | undefined {
  if (!ts.isIdentifier(expression)) return undefined
  return constantOf(sources, file, expression.text, (found) => {
    const object = ts.isCallExpression(found) ? found.arguments[0] : found
    if (object === undefined || !ts.isObjectLiteralExpression(object)) return undefined
    const property = object.properties.find((one) => one.name?.getText() === name.text)
    return property && ts.isPropertyAssignment(property) ? property.initializer : undefined
  })
}

/** Looks a constant up in a file, or where the file imports it from. */
function constantOf(
  sources: readonly SourceFile[],
  file: SourceFile,
  name: string,
  select: (value: ts.Expression) => ts.Expression | undefined,
): number | undefined {
  for (const statement of file.tree.statements) {
    if (!ts.isVariableStatement(statement)) continue
    for (const { name: declared, initializer } of statement.declarationList.declarations) {
      if (declared.getText() !== name || initializer === undefined) continue
      const selected = select(initializer)
      return selected && numberOf(sources, file, selected)
    }
  }
  const imported = file.imports.find((one: Import) => one.names.includes(name))
  const source = sources.find(({ path }) => imported?.targets.includes(path))
  return source === undefined ? undefined : constantOf(sources, source, name, select)
}
