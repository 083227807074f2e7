// node only: reads the repository

import { readFileSync } from 'node:fs'
import { isPublic, readEntries, root, specifierOf } from './entries.ts'

/** The list of entry points, as a path from the root of the repository. */
export const entryPage = 'spec/entry-points.md'

/** Makes the list, from the doc comment and the exports of each file of `src/entries`. */
export function writeEntryPage(): string {
  const rows = Object.entries(readEntries())
    .filter(([name]) => isPublic(name))
    .map(([name, file]) => {
      const text = readFileSync(root + file, 'utf8')
      return `| \`${specifierOf(name)}\` | ${aboutOf(text)} | ${valuesOf(text).join(' ')} |`
    })
  return `# Entry points

Each import path is a file of the same path in \`src/entries\`. \`npm run pages\` writes this page from those files; types
are not listed. \`require()\` works in Node. Tools that load CommonJS themselves, such as Jest, and TypeScript with
\`module: node16\` need ES modules.

| import | about | exports |
|---|---|---|
${rows.join('\n')}
`
}

/** The first paragraph of the doc comment of a module, without its import path. */
function aboutOf(text: string): string {
  const [, comment = ''] = /^\/\*\*\n([\s\S]*?)\n \*\/$/m.exec(text) ?? []
  const [paragraph = ''] = comment.replaceAll(/^ \* ?/gm, '').split('\n\n')
  return paragraph.replaceAll('\n', ' ').replace(/^`?[Pp]rocura[\w/-]*`?: /, '')
}

/** The names that a module exports and that exist when it runs. */
function valuesOf(text: string): string[] {
  return [...text.matchAll(/^export \{([^}]*)\}/gm)]
    .flatMap(([, names = '']) => names.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith('type '))
    .map((name) => name.replace(/^.* as /, ''))
    .sort()
    .map((name) => `\`${name}\``)
}
