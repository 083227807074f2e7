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
  it('has no package twice, and at most 15 beside it', () => {
    const names = places.map((place) => place.split('node_modules/').at(-1))
    expect(names.length).toBe(new Set(names).size)
    expect(names).toEqual(expect.arrayContaining(['@ucanto/core', 'multiformats', 'cborg']))
    expect(names.length).toBeLessThanOrEqual(15)
    // A nested copy would be another version.
    expect(places.filter((place) => place.split('node_modules/').length > 2)).toEqual([])
  })

  it('has at most 12 MB, with the package as npm packs it', { timeout: 60_000 }, () => {
    const bytes = places.reduce((sum, place) => sum + sizeOf(join(root, place)), 0)
    expect(bytes).toBeGreaterThan(1_000_000)
    const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root })
    const [{ unpackedSize }] = JSON.parse(packed.toString()) as [{ unpackedSize: number }]
    expect(unpackedSize).toBeGreaterThan(3_000_000)
    expect(bytes + unpackedSize).toBeLessThan(12_000_000)
  })
})

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}
