// node only: writes files
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** How kubelet writes the files of a secret. */
export interface SecretMode {
  /** Default 0o400. */
  readonly mode?: number
  /** `fsGroup`: the group of the files, which may read them. */
  readonly group?: number
}

let versions = 0

/**
 * Writes the files of a secret as kubelet does: each is a link through `..data`, which is replaced in one step.
 *
 * @returns the folder of this version, which kubelet removes when the next one is there.
 */
export function mountSecret(
  folder: string,
  files: Readonly<Record<string, Uint8Array>>,
  { mode = 0o400, group }: SecretMode = {},
): string {
  versions += 1
  const version = `..2026_12_05_${versions}`
  mkdirSync(join(folder, version))
  chmodSync(join(folder, version), 0o755)
  for (const [name, bytes] of Object.entries(files)) {
    const file = join(folder, version, name)
    writeFileSync(file, bytes)
    if (group !== undefined) chownSync(file, 0, group)
    chmodSync(file, group === undefined ? mode : mode | 0o040)
    rmSync(join(folder, name), { force: true })
    symlinkSync(`..data/${name}`, join(folder, name))
  }
  symlinkSync(version, join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  return join(folder, version)
}
