// node only: writes files

/**
 * The page for approvals: one HTML file with its script and style, and a policy that permits nothing else.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { readPlatformImports, root } from '../setup/entries.ts'

/**
 * Writes `approval/page.html`.
 *
 * @param folder - with the built package.
 */
export async function buildApprovalPage(folder: string): Promise<void> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { startApprovalPage } from './internal/approval-page.js'\nvoid startApprovalPage()`,
      resolveDir: folder,
    },
    alias: Object.fromEntries(
      readPlatformImports().map(({ specifier, web }) => [specifier, join(folder, `${web}.js`)]),
    ),
    bundle: true,
    minify: true,
    charset: 'utf8',
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
    tsconfigRaw: '{}',
  })
  const template = readFileSync(`${root}src/approval/page/page.html`, 'utf8')
  const style = readFileSync(`${root}src/approval/page/page.css`, 'utf8')
  // The end of a script element must not be inside it.
  const script = (outputFiles[0]?.text ?? '').replace(/<\/(script)/gi, '<\\/$1')
  const parts: Readonly<Record<string, string>> = { policy: policyOf(script, style), style, script }
  const page = template.replace(/\/\* (policy|style|script) \*\//g, (_, name: string) => parts[name] ?? '')
  const path = join(folder, 'approval/page.html')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, page)
}

/** The page loads nothing and sends nothing, and runs no script but its own. */
function policyOf(script: string, style: string): string {
  const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  return [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
}
