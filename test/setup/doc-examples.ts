// node only: reads the source tree

/**
 * The `@example` blocks of doc comments, as programs that can be compiled.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { root } from './entries.ts'
import type { Program } from './programs.ts'
import { readAllSources } from './source.ts'

/** Values that examples use without making them: see the file. */
const given = 'test/setup/example-values.ts'

/** An example, and where it is. */
export interface DocExample extends Program {
  /** File of the source, as a path from the root of the repository. */
  readonly path: string
  /** Name of the function, method or constant that the comment is about. */
  readonly subject: string
}

/** Reads every example of the sources. */
export function readDocExamples(): readonly DocExample[] {
  const names = namesGiven()
  return readAllSources().flatMap(({ path, text }) =>
    [...text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*@example[\s\S]*?)\*\/\s*([^\n]*)/g)].flatMap(
      ([, comment = '', declaration = '']) => {
        const subject =
          /(?:function |const |class |^)\*?(\w+)/.exec(declaration.trim().replace(/^export |async /g, ''))?.[1] ?? ''
        return codeOf(comment).map((code, index) => ({
          path,
          subject,
          name: `example-${path.replaceAll(/[^a-z0-9]+/gi, '-')}-${subject}-${index + 1}`,
          text: completed(code, names),
          expected: [],
        }))
      },
    ),
  )
}

/** The code blocks behind the `@example` tags of a comment. */
function codeOf(comment: string): readonly string[] {
  const lines = comment.split('\n').map((line) => line.replace(/^\s*\* ?/, ''))
  return [...lines.join('\n').matchAll(/@example\s+```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code)
}

/** The example as a module, with imports of the given values that it uses and does not make. */
function completed(code: string, names: readonly string[]): string {
  const used = names.filter((name) => {
    const isUsed = new RegExp(`(?<![\\w'"\`/]|(?<!\\.\\.)\\.)${name}\\b(?!['":])`).test(code)
    const isMade = new RegExp(
      `(?:const|let|function|class) (?:\\[[^\\]]*|\\{[^}]*)?\\b${name}\\b|import [^']*\\b${name}\\b`,
    ).test(code)
    return isUsed && !isMade
  })
  const imports = used.length > 0 ? `import { ${used.join(', ')} } from '../setup/example-values.ts'\n` : ''
  return `${imports}${code}\nexport {}\n`
}

function namesGiven(): readonly string[] {
  const text = readFileSync(root + given, 'utf8')
  return [...text.matchAll(/^export declare const (\w+)/gm)].map(([, name = '']) => name)
}
