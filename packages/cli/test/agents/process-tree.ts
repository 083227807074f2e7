// node only: reads /proc
/** Where a secret can be found by a process: in its tree, and in files. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** A process and all that it started. */
export function treeOf(root: number): readonly number[] {
  const parents = new Map<number, number[]>()
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    const stat = quietly(() => readFileSync(`/proc/${name}/stat`, 'utf8'))
    const parent = Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    if (!Number.isNaN(parent)) parents.set(parent, [...(parents.get(parent) ?? []), Number(name)])
  }
  const found: number[] = []
  const add = (pid: number): void => {
    found.push(pid)
    for (const child of parents.get(pid) ?? []) add(child)
  }
  add(root)
  return found
}

/** The places in a tree of processes where a secret is: arguments, environment and open files. */
export function placesInTree(pids: readonly number[], secret: string): readonly string[] {
  return pids.flatMap((pid) => {
    const places = ['cmdline', 'environ'].map((name) => `/proc/${pid}/${name}`)
    const open = quietly(() => readdirSync(`/proc/${pid}/fd`)) ?? []
    return [...places, ...open.map((fd) => `/proc/${pid}/fd/${fd}`)].filter((place) => contains(place, secret))
  })
}

/** The files below a folder that contain a secret. */
export function placesInFiles(folder: string, secret: string): readonly string[] {
  const entries = quietly(() => readdirSync(folder, { withFileTypes: true })) ?? []
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return placesInFiles(path, secret)
    return entry.isFile() && contains(path, secret) ? [path] : []
  })
}

/** Only files are read: a pipe or a socket would be emptied. Those of /proc report no size. */
function contains(path: string, secret: string): boolean {
  return quietly(() => statSync(path).isFile() && readFileSync(path).includes(secret)) ?? false
}

/** A process may end while it is read. */
function quietly<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
