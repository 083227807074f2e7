import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../setup/entries.ts'

interface Locked {
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
}

const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>
}

/** The place in the tree from which a package at another place loads a dependency. */
function placeOf(name: string, from: string): string {
  const folders = from.split('/node_modules/')
  for (let depth = folders.length; depth >= 0; depth--) {
    const place = [...folders.slice(0, depth), name]
      .join('/node_modules/')
      .replace(/^(?!node_modules)/, 'node_modules/')
    if (packages[place] !== undefined) return place
  }
  throw new Error(`${name} is not in the lock file`)
}

/** The places of all packages that come with this one. */
function installedPlaces(): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (from: string): void => {
    for (const name of Object.keys(packages[from]?.dependencies ?? {})) {
      const place = placeOf(name, from)
      if (found.has(place)) continue
      found.add(place)
      visit(place)
    }
  }
  visit('')
  return found
}

const places = [...installedPlaces()]

describe('an installation of the package', () => {
  it('is of five packages', () => {
    expect(places.map((place) => place.slice('node_modules/'.length)).sort()).toEqual([
      '@noble/curves',
      '@noble/ed25519',
      '@noble/hashes',
      'multiformats',
    ])
  })

  it('has at most 7 MB, with the package as npm packs it', { timeout: 60_000 }, () => {
    const bytes = places.reduce((sum, place) => sum + sizeOf(join(root, place)), 0)
    expect(bytes).toBeGreaterThan(1_000_000)
    const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root })
    const [{ unpackedSize }] = JSON.parse(packed.toString()) as [{ unpackedSize: number }]
    expect(unpackedSize).toBeGreaterThan(1_000_000)
    expect(bytes + unpackedSize).toBeLessThan(7_000_000)
  })
})

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}
