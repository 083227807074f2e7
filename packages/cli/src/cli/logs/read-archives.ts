// node only: reads folders
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type DelegationArchive, fileArchive } from 'procura/audit/ledger'
import { namesInFolder } from '../../support/names-in-folder.ts'

/**
 * The delegations in folders, and in the folders in them: a gateway has one for each delegation of an owner. LOG-39
 */
export async function readArchives(directories: readonly string[]): Promise<Pick<DelegationArchive, 'get'>> {
  const archives = directories.map((directory) => fileArchive({ directory }))
  const below = new Map<string, DelegationArchive>()
  for (const directory of directories) {
    for (const name of (await namesInFolder(directory)).filter((one) => /^b[a-z2-7]+$/.test(one))) {
      const folder = join(directory, name)
      for (const file of await readdir(folder))
        below.set(file.replace(/\.ucan$/, ''), fileArchive({ directory: folder }))
    }
  }
  return {
    async get(cid) {
      for (const archive of archives) {
        const found = await archive.get(cid)
        if (found !== undefined) return found
      }
      return below.get(cid)?.get(cid)
    },
  }
}
