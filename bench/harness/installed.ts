import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { root } from '../../test/setup/entries.ts'

const folder = `${root}bench/peers`

/** Names and versions of the peers that are installed in the package of the bench. */
export function installedPeers(): ReadonlyMap<string, string> {
  const { dependencies } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as {
    dependencies: Record<string, string>
  }
  const found = new Map<string, string>()
  for (const name of Object.keys(dependencies)) {
    const manifest = `${folder}/node_modules/${name}/package.json`
    if (!existsSync(manifest)) continue
    found.set(name, (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version)
  }
  return found
}

/** Installs the peers, unless they are installed. If that fails, the suites run without them. */
export function installPeers(): void {
  if (existsSync(`${folder}/node_modules`)) return
  console.log('Installing what is compared with, once, into bench/peers/node_modules.')
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: 'inherit',
  })
  if (status !== 0) console.log('That failed, so that Procura is measured alone.')
}
