/** Finds the messages of the sources that recommend a command of the program. */
import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { root } from '../../../../test/setup/entries.ts'
import { listFiles } from '../../../../test/setup/source.ts'
import { verbs } from '../../src/cli/verbs.ts'

/** A text of the sources that recommends commands. */
export interface Recommendation {
  /** The path of the source, and the text with `…` in the place of each value. */
  readonly name: string
  /** The verbs, in the order of the text. */
  readonly verbs: readonly string[]
  /** Whether a line of output contains this text, with any values and with the place of a gateway. */
  matches(line: string): boolean
}

/** Texts that no reader is told to run: help, and comments of generated files. */
const otherTexts: ReadonlySet<string> = new Set(['about', 'example', 'value'])

const names = verbs.map(({ name }) => name).sort((a, b) => b.length - a.length)

/** The verbs of the commands in a text. */
export function verbsIn(text: string): readonly string[] {
  return [...text.matchAll(/[`|] ?procura ([a-z][a-z -]*)/g)].flatMap(
    ([, words]) => names.find((name) => `${words} `.startsWith(`${name} `)) ?? [],
  )
}

/** The texts of the sources. */
export function recommendations(): readonly Recommendation[] {
  const found: Recommendation[] = []
  for (const path of [...listFiles('src', '.ts'), ...listFiles('packages/cli/src', '.ts')]) {
    const text = readFileSync(root + path, 'utf8')
    if (!/[`|] ?procura /.test(text)) continue
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    const visit = (node: ts.Node): void => {
      if (ts.isPropertyAssignment(node) && otherTexts.has(node.name.getText())) return
      const parts = partsOf(node)
      const verbs = verbsIn(parts.join('…'))
      if (verbs.length > 0) found.push({ name: `${path}: ${parts.join('…')}`, verbs, matches: matching(parts) })
      ts.forEachChild(node, visit)
    }
    visit(source)
  }
  return found
}

/** The text between the values of a literal. */
function partsOf(node: ts.Node): readonly string[] {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return [node.text]
  if (!ts.isTemplateExpression(node)) return []
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)]
}

function matching(parts: readonly string[]): Recommendation['matches'] {
  const whole = new RegExp(parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*'))
  return (line) => whole.test(line) || whole.test(line.replace(/ --(?:home|config) (?:'[^']*'|\/[^\s`]+)/g, ''))
}
