// node only: reads folders
import { readdir } from 'node:fs/promises'

/**
 * The names in a folder; none where it does not exist.
 *
 * @throws the error of the system when the folder is there and cannot be read: its content is then unknown.
 */
export async function namesInFolder(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw cause
  }
}
